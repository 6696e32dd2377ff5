"""What points of grids are as a whole, apart from how their grids name them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WholeConfiguration:
    """What points that differ only in their seed have in common, defaults filled in."""

    spec: str
    """Canonical JSON with seed 0."""
    plugins: Mapping[str, str]
    """What each plugin is, by `kind:name`: see `PluginCode.text`."""
    data: str
    """The task's fingerprint."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Names of the files that the spec refers to, by the hash of their content."""


@dataclass(frozen=True)
class WholePoint:
    """One of them."""

    configuration: WholeConfiguration
    identity: str
    """Hash of all that determines its result."""
