"""`Parcel`: what MLflow is to be told about a run, all at once."""

from dataclasses import dataclass, field

from bptt.tracking.run.rows import MetricValue


@dataclass
class Parcel:
    """Values, tags and params that are collected until there is a request's worth of them."""

    values: list[MetricValue] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    status: str = ""
    """MLflow's word for the state of the run; empty: as before."""
    has_ended: bool = False
    """Whether that state is the last one."""
    ended_at: int | None = None
    """Milliseconds since the epoch; None: now."""

    @property
    def rows(self) -> int:
        """How many entries there are."""
        return len(self.values) + len(self.tags) + len(self.params)
