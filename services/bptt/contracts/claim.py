"""`Claim`: a statement of the lecture or of a paper, with the rule that decides it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class Verdict:
    """What the measurements say about a claim; computed, never set by hand."""

    verdict: Literal["supported", "refuted", "undecided"]
    estimate: float
    """The figure that decides."""
    low: float
    high: float
    """Its 95 % interval."""
    reason: str
    """One sentence with the figures in it."""


class Claim(ABC):
    """A statement, its source, the grid that measures it and the rule that decides."""

    statement: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def grid(self) -> Mapping[str, Any]:
        """Return the content of the grid file whose runs decide the claim."""

    @abstractmethod
    def decide(self, results: Sequence[Mapping[str, Any]]) -> Verdict:
        """Return the verdict from the results of the grid's runs, one mapping per run."""
