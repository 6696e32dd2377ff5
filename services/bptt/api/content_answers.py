"""What the application answers about files that grids name."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class KeptContent:
    """The content of a file, which its sender's grids may name from now on."""

    sha256: str
    size: int
    """Bytes."""
