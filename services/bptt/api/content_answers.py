"""What the application answers about files that grids name."""

from bptt.api.answers import Answer


class KeptContent(Answer):
    """The content of a file, which its sender's grids may name from now on."""

    sha256: str
    size: int
    """Bytes."""
