"""`Foreign`: the one adapter over the contract of a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from bptt.contracts import Cell, State

VERSIONS = {"torchrecurrent": "0.2.5", "ncps": "1.0.1"}
"""What the verdicts are about; no other will do, as runs do not record a library's version."""

Verdict = Literal["verified", "unverified", "deviates"]
"""Whether a cell computes its paper's equations: tested, not tested, or tested to differ."""


def of_states(cell: Any, x_t: Tensor, state: State) -> State:
    """Advance a cell that takes and returns one state, or several as a tuple."""
    new = cell(x_t, state if len(state) > 1 else state[0])
    return (new,) if isinstance(new, Tensor) else tuple(new)


def of_sizes(cell_class: Any, input_size: int, hidden_size: int) -> nn.Module:
    """Construct a cell that takes its sizes by position."""
    made: nn.Module = cell_class(input_size, hidden_size)
    return made


@dataclass(frozen=True)
class CellOfLibrary:
    """One cell of a library."""

    module: str
    """Where its class is, as in `torchrecurrent.cells`."""
    name: str
    """Of its class there."""
    states: tuple[str, ...]
    verdict: Verdict
    source: str
    """The paper."""
    difference: str = ""
    """How it differs, if it deviates."""
    step: Callable[[Any, Tensor, State], State] = of_states
    """Advances it by one step."""
    made: Callable[[Any, int, int], nn.Module] = of_sizes
    """Constructs it from its class and the numbers of inputs and units."""

    @property
    def library(self) -> str:
        """Name of its distribution."""
        return self.module.partition(".")[0]


class Foreign(Cell):
    """A cell of another library with that library's defaults and initial values, run by autograd.

    A subclass has the row. What the library stores stays in one module, `cell`, in which a row
    of a matrix belongs to a unit, as in modules of torch.
    """

    row: ClassVar[CellOfLibrary]

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self._require()
        self.cell = self._drawn()

    def forward(self, x_t: Tensor, state: State) -> State:
        return self.row.step(self.cell, x_t, state)

    def reset_parameters(self, horizon: int) -> None:
        self.cell.load_state_dict(self._drawn().state_dict())

    def _drawn(self) -> nn.Module:
        """Return the library's cell with values drawn anew."""
        cell_class = getattr(import_module(self.row.module), self.row.name)
        return self.row.made(cell_class, self.input_size, self.hidden_size)

    def _require(self) -> None:
        """Refuse any version of the library but the one that was looked at.

        Raises:
            ValueError: it is not installed, or is another.
        """
        library, wanted = self.row.library, VERSIONS[self.row.library]
        try:
            version = metadata.version(library)
        except metadata.PackageNotFoundError:
            version = "none"
        if version != wanted:
            raise ValueError(
                f"{self.row.name} needs {library} {wanted}, got {version}: pip install 'bptt[zoo]'"
            )
