"""What the paths in a file stand for: contents, each known by its hash.

A path in a file that somebody sends is never opened where it is read: the sender says hash and size
of each, or why there is none. In a file of one's own it is opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bptt import content
from bptt.content import Named
from bptt.registry import wording
from bptt.registry.option import MisfitError


@dataclass
class Files:
    """What is known of the files that a grid or run file names, and what is found out."""

    named: Mapping[str, Named] = field(default_factory=dict)
    """By the path as it stands in the file."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why there is no content, in words, by such a path."""
    places: dict[str, Path] = field(default_factory=dict)
    """Where contents can be read, by their hash."""
    is_here: bool = False
    """Whether paths are those of the one who reads, and may be opened."""
    used: dict[str, Named] = field(default_factory=dict)
    """Those of `named` that an option's value is."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Paths that an option's value is, and of which nothing is known."""

    def reference(self, text: str) -> str:
        """Return what stands in a run's spec for a path.

        Raises:
            MisfitError: there is no content there that can be read.
        """
        if not text.isprintable():
            raise MisfitError(f"must be the path of a file, got {wording.show(text)}.")
        if text in self.problems:
            raise MisfitError(self.problems[text])
        if text not in self.used:
            if (found := self.named.get(text) or self._look(text)) is None:
                self.unknown[text] = None
                return text
            self.used[text] = found
        return self.used[text].reference

    def _look(self, text: str) -> Named | None:
        if not self.is_here:
            return None
        try:
            found = content.measure(text)
        except content.UnusableFile as refusal:
            raise MisfitError(str(refusal)) from None
        self.places.setdefault(found.sha256, Path(text).expanduser().absolute())
        return found

    @property
    def names(self) -> dict[str, str]:
        """The names of the files in use, by hash."""
        return {named.sha256: named.name for named in self.used.values()}

    def lacking(self) -> list[str]:
        """Return the hashes of the files in use that can be read nowhere here."""
        hashes = dict.fromkeys(named.sha256 for named in self.used.values())
        return [digest for digest in hashes if digest not in self.places]
