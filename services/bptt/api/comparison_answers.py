"""What the application answers about a grid as a whole, besides its comparison."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture and what it shows."""

    name: str
    caption: str
    base64: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A grid's answer as a page."""

    html: str
