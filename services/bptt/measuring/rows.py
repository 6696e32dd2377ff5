"""What the table says of a statistic: its arrays, its scalars, and the function that takes it."""

import re
from dataclasses import dataclass

NAME = re.compile(r"<[^>]+>")
"""Stands in a key for the name of a layer, a state, a metric of the task ..."""

LOG_POINTS = "log points"
EVALUATIONS = "evaluations"
PROBES = "probes"
JACOBIAN_PROBES = "Jacobian probes"
SYSTEM_POINTS = "every tenth log point, and the last"
START = "start"
END = "end of the run"


@dataclass(frozen=True)
class Named:
    """A key, in which `<...>` stands for a name."""

    key: str

    @property
    def section(self) -> str:
        """The first word and its stroke; MLflow's pages have a section for each."""
        return self.key.partition("/")[0] + "/"

    @property
    def beginning(self) -> str:
        """What comes before the first name."""
        return NAME.split(self.key)[0]

    @property
    def ending(self) -> str:
        """What comes after the last name."""
        return NAME.split(self.key)[-1]

    def named(self, *names: object) -> str:
        """Return the key with these names in it, in their order."""
        given = iter(names)
        return NAME.sub(lambda _: str(next(given)), self.key)

    def fits(self, key: str) -> bool:
        """Say whether `key` is this one with some names in it."""
        parts = (re.escape(part) for part in NAME.split(self.key))
        return re.fullmatch("[^/]+".join(parts), key) is not None


@dataclass(frozen=True)
class Array(Named):
    """An array of a statistics file, float64."""

    axes: str
    text: str
    """What it is, for the documentation."""


@dataclass(frozen=True)
class Scalar(Named):
    """A metric: a key of the journal and of MLflow."""

    text: str
    """What it is, for the documentation."""
    when: str
    """At which points it is there."""
    unit: str = ""
    """Empty for shares, norms and whatever a task measures."""
    better: str = ""
    """`higher` or `lower`; empty: nothing says which."""
    line: str = ""
    """Of `bptt show`, that it stands in; empty: in none."""
    words: str = ""
    """What it is called there, and in the heads of columns."""


@dataclass(frozen=True)
class Statistic:
    """What one function finds out at a probe."""

    taken_by: str
    """`module:function`, which is given a `Probed` and returns scalars and arrays by key."""
    arrays: tuple[Array, ...] = ()
    scalars: tuple[Scalar, ...] = ()
    when: str = PROBES
