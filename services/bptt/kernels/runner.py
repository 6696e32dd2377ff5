"""Runs a cell over sequences by the fastest backend that can."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State
from bptt.errors import InvalidSetting
from bptt.kernels import compiled, reference, sequence
from bptt.kernels.building import NotBuilt, load
from bptt.kernels.emission import source
from bptt.kernels.tracing import NotTraceable, Trace, trace
from bptt.kernels.unrolled import Unrolled
from bptt.settings import read_settings

FRAMEWORK = ("forward", "project_input", "advance", "preactivate", "apply_step", "split")
"""Methods of `PointwiseCell` of which a kernel knows what they do."""

PLAIN = (bool, int, float, str, bytes, type(None))

Run = Callable[[Cell, Tensor, State, Tensor | None, int | None], Unrolled]


class Runner:
    """Runs one cell; what its step computes is looked at once, and again when it changed.

    Args:
        wanted: `auto`, `compiled`, `sequence` or `autograd`.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.backend = "autograd"
        """What runs the cell: `compiled`, `sequence` or `autograd`."""
        self.reason = ""
        """Why it is not the fastest, if it is not and was not asked for."""
        self._run: Run = reference.unroll
        self._looked_at: tuple[Any, ...] | None = None

    def __deepcopy__(self, memo: Any) -> "Runner":
        # a library cannot be copied, and need not be
        return Runner(self.wanted)

    def unroll(
        self,
        cell: Cell,
        inputs: Tensor,
        initial: State,
        lengths: Tensor | None = None,
        truncation: int | None = None,
    ) -> Unrolled:
        """Apply `cell` along the time axis; see `reference.unroll`.

        Raises:
            InvalidSetting: the backend that was asked for cannot run this cell.
        """
        self.prepare(cell, inputs.dtype, inputs.device.type)
        return self._run(cell, inputs, initial, lengths, truncation)

    def prepare(self, cell: Cell, dtype: torch.dtype, device: str = "cpu") -> None:
        """Choose the backend, and build what it needs, unless that was done.

        Raises:
            InvalidSetting: the backend that was asked for cannot run this cell.
        """
        if self.wanted == "autograd":
            return
        now = (dtype, device, type(cell), *_what_step_may_read(cell))
        if now == self._looked_at:
            return
        self.backend, self.reason, self._run = self._choose(cell, dtype, device)
        self._looked_at = now
        if self.wanted not in ("auto", self.backend):
            raise InvalidSetting(
                f"BPTT_BACKEND is {self.wanted}, which cannot run {type(cell).__name__}: "
                f"{self.reason}. Set BPTT_BACKEND=auto to train with what can."
            )

    def _choose(self, cell: Cell, dtype: torch.dtype, device: str) -> tuple[str, str, Run]:
        if not isinstance(cell, PointwiseCell):
            reason = f"{type(cell).__name__} is no PointwiseCell, of which alone the step is known"
            return "autograd", reason, reference.unroll
        if device != "cpu" or dtype not in (torch.float32, torch.float64):
            return "autograd", f"no kernel for {dtype} on {device}", reference.unroll
        own = [m for m in FRAMEWORK if _is_changed(cell, m)]
        if own:
            reason = f"{type(cell).__name__} has a {own[0]} of its own"
            return "autograd", reason, reference.unroll
        try:
            traced = trace(cell, dtype)
        except NotTraceable as why:
            return "autograd", str(why), reference.unroll
        if self.wanted != "sequence":
            try:
                return "compiled", "", _compiled(cell, traced, dtype)
            except NotBuilt as why:
                return "sequence", str(why), _in_torch(cell, traced)
        return "sequence", "", _in_torch(cell, traced)


def _compiled(cell: PointwiseCell, traced: Trace, dtype: torch.dtype) -> Run:
    settings = read_settings()
    library = load(source(cell, traced, dtype), settings.compilers, settings.kernels)
    kernel = compiled.Kernel(library, len(traced.states), len(traced.vectors))

    def run(
        cell: Any, inputs: Tensor, initial: State, lengths: Tensor | None, truncation: int | None
    ) -> Unrolled:
        return compiled.unroll(kernel, cell, inputs, initial, lengths, truncation)

    return run


def _in_torch(cell: PointwiseCell, traced: Trace) -> Run:
    program = sequence.Program(cell, traced)

    def run(
        cell: Any, inputs: Tensor, initial: State, lengths: Tensor | None, truncation: int | None
    ) -> Unrolled:
        return sequence.unroll(program, cell, inputs, initial, lengths, truncation)

    return run


def _is_changed(cell: PointwiseCell, method: str) -> bool:
    same = getattr(type(cell), method) is getattr(PointwiseCell, method)
    return not same or method in vars(cell)


def _what_step_may_read(cell: Cell) -> tuple[Any, ...]:
    """Return what decides what `step` computes, as far as it may change while a process runs."""
    found: list[Any] = [getattr(type(cell), "step", None)]
    for name, value in vars(cell).items():
        if isinstance(value, PLAIN):
            if name[0] != "_" or value is not None:
                found.append((name, value))
        elif isinstance(value, list | tuple | dict | set) and name[0] != "_":
            found.append((name, repr(value)))
        elif callable(value):
            found.append((name, value))
    return tuple(found)
