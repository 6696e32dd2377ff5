"""What the paths in a file refer to: contents, each known by its hash.

A path in a file that somebody sent is never opened by the receiver: the sender gives hash and size
of each, or why there is none. A path in one's own file is opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bptt import content
from bptt.content import NamedContent
from bptt.registry import wording
from bptt.registry.option import MisfitError


@dataclass
class Files:
    """What is known about the files that a grid or run file names, and what is found out."""

    named: Mapping[str, NamedContent] = field(default_factory=dict)
    """By the path as written in the file."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why there is no content, in words, by path."""
    places: dict[str, Path] = field(default_factory=dict)
    """Where contents can be read, by their hash."""
    is_here: bool = False
    """Whether paths are the reader's own, and may be opened."""
    used: dict[str, NamedContent] = field(default_factory=dict)
    """Those of `named` that are the value of an option."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Paths that are the value of an option, and of which nothing is known."""

    def reference(self, text: str) -> str:
        """Return what a run's spec has in place of a path.

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

    def _look(self, text: str) -> NamedContent | None:
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
        """Return the hashes of the files in use that cannot be read here."""
        hashes = dict.fromkeys(named.sha256 for named in self.used.values())
        return [digest for digest in hashes if digest not in self.places]
