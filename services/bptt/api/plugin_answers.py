"""What the application answers about installed plugins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from bptt.api.orders import RequestBody

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]


@dataclass(frozen=True, kw_only=True)
class InstalledPlugin:
    """One plugin, as its distribution announces it."""

    kind: str
    name: str
    distribution: str
    version: str
    value: str
    """Where the class is."""
    summary: str | None = None
    """What it is, or why it cannot be imported; null: not asked for."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """All plugins."""

    plugins: Sequence[InstalledPlugin]
    clashes: Sequence[str]
    """A line for each name that several distributions use."""


@dataclass(frozen=True, kw_only=True)
class PluginOption:
    """One option of a plugin."""

    name: str
    allowed: str
    required: bool
    default: Any = None
    text: str


@dataclass(frozen=True, kw_only=True)
class PluginDetail:
    """What a plugin is and which options it takes."""

    plugin: InstalledPlugin
    about: str
    options: Sequence[PluginOption]


class CheckPlugins(RequestBody):
    """Which plugins to check against their contracts; all if none is named."""

    names: Sequence[Text] = Field(default=(), max_length=1000)
    given: Sequence[Text] = Field(default=(), max_length=1000)
    """OPTION=VALUE, for a single name."""


@dataclass(frozen=True)
class CheckedPlugin:
    """How well one plugin honours its contract."""

    kind: str
    name: str
    origin: str
    verdict: str
    """`ok`, `broken`, or `not checked` if an option does not fit or is missing."""
    reason: str = ""
    backend: str = ""
    """For a cell that is ok, what runs it there; `none`: BPTT_BACKEND cannot."""
    backend_reason: str = ""
    """Why that is not the fastest."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The result of checking plugins."""

    plugins: Sequence[CheckedPlugin]
    faults: Sequence[str]
    """A line for each that fails."""
