"""Runs a cell over sequences by the fastest backend that can."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State
from bptt.errors import InvalidSetting
from bptt.kernels import autograd, traced
from bptt.kernels.compiled import call
from bptt.kernels.compiled.building import NotBuilt, load
from bptt.kernels.compiled.emission import source
from bptt.kernels.compiled.kernel import Kernel
from bptt.kernels.step.fingerprint import Fingerprint
from bptt.kernels.step.program import TracedProgram
from bptt.kernels.step.recorder import NotTraceable
from bptt.kernels.step.tracing import trace
from bptt.kernels.unrolled import Unrolled
from bptt.settings import read_settings

FRAMEWORK = (
    "forward",
    "project_input",
    "advance",
    "preactivate",
    "apply_step",
    "product",
    "mean",
    "sum",
    "uniform",
    "normal",
    "gate",
    "used_weights",
    "split",
)
"""Methods of `PointwiseCell` whose behaviour a kernel knows."""


TRACED = 2
"""Calls until a step leaves its cell unchanged: the first may fill a cache."""


@dataclass(frozen=True)
class Prepared:
    """What runs a cell."""

    backend: str = "autograd"
    reason: str = ""
    made: Kernel | TracedProgram | None = None
    looked_at: Fingerprint | None = None


class Runner:
    """Runs one cell; its step is traced once, and again when it has changed.

    A step that asks whether it is trained or evaluated has a program for each.

    Args:
        wanted: `auto`, `compiled`, `sequence` or `autograd`.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self._prepared = Prepared()
        self._known: dict[bool, Prepared] = {}
        """By whether the cell is trained."""
        self._restless = False
        """Whether the step changes its own cell, which no program could follow."""

    @property
    def backend(self) -> str:
        """What runs the cell: `compiled`, `sequence` or `autograd`."""
        return self._prepared.backend

    @property
    def reason(self) -> str:
        """Why it is not the fastest, unless it is or was asked for."""
        return self._prepared.reason

    def __deepcopy__(self, memo: Any) -> "Runner":
        # a library cannot be copied, and need not be
        return Runner(self.wanted)

    def unroll(
        self,
        cell: Cell,
        inputs: Float[Tensor, "time batch features"],
        initial: State,
        lengths: Int[Tensor, "..."] | None = None,
        truncation: int | None = None,
        gradient_norms: bool = False,
    ) -> Unrolled:
        """Apply `cell` along the time axis; see `autograd.unroll`.

        Raises:
            InvalidSetting: the backend that was asked for cannot run this cell.
        """
        self.prepare(cell, inputs.dtype, inputs.device.type)
        sequence_of = (inputs, initial, lengths, truncation, gradient_norms)
        match self._prepared.made:
            case Kernel() as kernel:
                return call.unroll(kernel, cast(PointwiseCell, cell), *sequence_of)
            case TracedProgram() as program:
                return traced.unroll(program, cast(PointwiseCell, cell), *sequence_of)
        return autograd.unroll(cell, *sequence_of)

    def kernel(self, cell: Cell, dtype: torch.dtype) -> Kernel | None:
        """Return the compiled kernel of a cell; None if another backend runs it.

        Raises:
            InvalidSetting: the backend that was asked for cannot run this cell.
        """
        self.prepare(cell, dtype)
        made = self._prepared.made
        return made if isinstance(made, Kernel) else None

    def prepare(self, cell: Cell, dtype: torch.dtype, device: str = "cpu") -> None:
        """Choose the backend, and build what it needs, unless that was done.

        Raises:
            InvalidSetting: the backend that was asked for cannot run this cell.
        """
        if self.wanted == "autograd" or self._restless:
            return
        known = self._known.get(cell.training)
        if known and known.looked_at and known.looked_at.holds(cell, dtype, device):
            self._prepared = known
            return
        backend, reason, made, reads_training = self._choose(cell, dtype, device)
        looked_at = Fingerprint(cell, dtype, device, reads_training)
        self._prepared = self._known[cell.training] = Prepared(backend, reason, made, looked_at)
        if not reads_training:
            self._known[not cell.training] = self._prepared
        if self.wanted not in ("auto", self.backend):
            raise InvalidSetting(
                f"BPTT_BACKEND is {self.wanted}, which cannot run {type(cell).__name__}: "
                f"{self.reason}. Set BPTT_BACKEND=auto to train with what can."
            )

    def _choose(
        self, cell: Cell, dtype: torch.dtype, device: str
    ) -> tuple[str, str, Kernel | TracedProgram | None, bool]:
        """Return backend, reason, program, and whether an evaluation may need another one."""
        name = type(cell).__name__
        if not isinstance(cell, PointwiseCell):
            return "autograd", f"{name} is no PointwiseCell, so its step is not known", None, False
        if device != "cpu" or dtype not in (torch.float32, torch.float64):
            return "autograd", f"there is no kernel for {dtype} on {device}", None, False
        own = [method for method in FRAMEWORK if _is_changed(cell, method)]
        if own:
            return "autograd", f"{name} has a `{own[0]}` of its own", None, False
        try:
            for _ in range(TRACED):
                before = Fingerprint(cell, dtype, device)
                found = trace(cell, dtype)
                if before.holds(cell, dtype, device):
                    break
            else:
                self._restless = True
                raise NotTraceable(f"{name}.step changes attributes of its own cell")
        except NotTraceable as why:
            return "autograd", str(why), None, True
        reads_training = found.reads_training
        if self.wanted == "sequence":
            return "sequence", "", TracedProgram(cell, found), reads_training
        settings = read_settings()
        try:
            library = load(source(cell, found, dtype), settings.compilers, settings.kernels)
        except NotBuilt as why:
            return "sequence", str(why), TracedProgram(cell, found), reads_training
        return "compiled", "", Kernel(library, found), reads_training


def _is_changed(cell: PointwiseCell, method: str) -> bool:
    same = getattr(type(cell), method) is getattr(PointwiseCell, method)
    return not same or method in vars(cell)
