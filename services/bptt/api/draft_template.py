"""Imported once by the process that the processes of requests are forked from; see `drafting`.

No plugin is imported and nothing is computed here: torch's threads do not survive a fork.
"""

from bptt.imported import importing

with importing():
    import torch

    import bptt.api.drafts
    import bptt.api.plugin_drafts
    import bptt.contracts
    import bptt.store

__all__ = ["bptt", "torch"]

torch.set_num_threads(1)
