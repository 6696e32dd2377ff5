"""Imported once by the process that every run's process is forked from.

It imports what all of them need and never computes: torch's threads do not survive a fork, and
a child that waits for one waits for ever. Of plugins only the built-in ones are imported here, and
a run forgets them if one was edited since; others are imported by the runs that use them. Kernels
that every run needs are loaded here if they were built before.

Whatever torch imports only when it is first used is imported here as well: SymPy, by the first call
of `autograd.grad`, takes longer than training a small run.
"""

import atexit
import os
import signal

from bptt.imported import importing

with importing():
    import importlib.readers

    import numpy
    import pydantic.type_adapter
    import torch
    import torch.fx.experimental.symbolic_shapes
    import torch.utils.serialization.config

    import bptt.execution.attempt
    import bptt.execution.recording
    import bptt.kernels.compiled.building
    import bptt.kernels.compiled.update
    import bptt.registry
    import bptt.training
    import bptt.worker.child
    from bptt.registry import import_built_in

__all__ = ["bptt", "importlib", "numpy", "pydantic", "torch"]

torch.set_num_threads(1)
# tearing torch down takes as long as a tenth of its import, and frees what the system frees anyway
atexit.register(os._exit, 0)
# a signal to the whole process group means that the worker should stop cleanly, and it needs us
signal.signal(signal.SIGTERM, signal.SIG_IGN)
bptt.kernels.compiled.building.instructions()
for kind in bptt.registry.KINDS:
    for plugins in bptt.registry.discover(kind).values():
        for plugin in plugins:
            # so that not every run has to read it
            bptt.registry.code_of(plugin)
bptt.registry.keep_imported()
# after that: what becomes of their files matters
import_built_in()
bptt.kernels.compiled.update.load_built()
