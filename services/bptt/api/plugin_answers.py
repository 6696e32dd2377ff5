"""What the application answers about installed plugins."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from bptt.api.answers import Answer
from bptt.api.orders import Order

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]


class InstalledPlugin(Answer):
    """One plugin, as its distribution announces it."""

    kind: str
    name: str
    distribution: str
    version: str
    value: str
    """Where the class lies."""
    summary: str | None = None
    """What it is, or why it cannot be imported; null: not asked for."""


class Installed(Answer):
    """All plugins."""

    plugins: Sequence[InstalledPlugin]
    clashes: Sequence[str]
    """A line for each name that several distributions use."""


class PluginOption(Answer):
    """One option of a plugin."""

    name: str
    allowed: str
    required: bool
    default: Any = None
    text: str


class PluginDetail(Answer):
    """What a plugin is and which options it takes."""

    plugin: InstalledPlugin
    about: str
    options: Sequence[PluginOption]


class CheckPlugins(Order):
    """Which plugins to check against their contracts; all if none is named."""

    names: Sequence[Text] = Field(default=(), max_length=1000)
    given: Sequence[Text] = Field(default=(), max_length=1000)
    """OPTION=VALUE, for a single name."""


class CheckedPlugin(Answer):
    """How well one plugin honours its contract."""

    kind: str
    name: str
    origin: str
    verdict: str
    """`ok`, `broken`, or `not checked` where an option does not fit or is missing."""
    reason: str = ""
    backend: str = ""
    """Of a cell that is ok, what runs it there; `none`: BPTT_BACKEND cannot."""
    backend_reason: str = ""
    """Why that is not the fastest."""


class Checked(Answer):
    """The result of checking plugins."""

    plugins: Sequence[CheckedPlugin]
    faults: Sequence[str]
    """A line for each that fails."""
