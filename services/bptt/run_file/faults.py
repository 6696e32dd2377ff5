"""Faults of a run or grid file, collected so that all of them are reported at once."""

from dataclasses import dataclass, field

from bptt.errors import InvalidSpec, plain


@dataclass(frozen=True, order=True)
class InputPlace:
    """Where something was given; places sort in reading order."""

    line: float
    """Line of the file; infinity for a `--set`, which comes after the file."""
    text: str
    """What a fault begins with: `run.yaml:3` or `--set cell.bias=1`."""


@dataclass
class Faults:
    """At most one fault per key: the first one found, because later ones follow from it.

    A key is the path of a value in the document: `cell[1].forget_bias[0]`.
    """

    by_path: dict[str, tuple[InputPlace, str]] = field(default_factory=dict)

    def add(self, path: str, place: InputPlace, message: str) -> None:
        """Note what is wrong with the value at `path`."""
        self.by_path.setdefault(path, (place, plain(f"{place.text}: {message}")))

    def concern(self, section: str) -> bool:
        """Say whether the section or anything in it has a fault."""
        inner = (f"{section}.", f"{section}[")
        return any(path == section or path.startswith(inner) for path in self.by_path)

    def lines(self) -> list[str]:
        """Return the faults in the order of their places, one line each."""
        ordered = sorted(self.by_path.values(), key=lambda fault: fault[0])
        # values that share a line may share a fault
        return list(dict.fromkeys(" ".join(text.splitlines()) for _, text in ordered))

    def raise_if_any(self) -> None:
        """Raise `InvalidSpec` with every fault noted so far, if there is one."""
        if self.by_path:
            raise InvalidSpec(self.lines())
