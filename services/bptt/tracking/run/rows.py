"""Journal records as what MLflow stores: metric values and tags, in batches it accepts."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bptt.run_folder import RunFolder

ROWS_AT_MOST = 1000
"""Values and tags in one request; MLflow's limit."""
TAGS_AT_MOST = 100
LAYER_KEYS_AT_MOST = 8
"""Metric keys that grow with the depth; MLflow's pages slow down when a run has more than 50."""


class MetricValue(NamedTuple):
    """One point of one metric; sent again it is the same point, because it carries its own time."""

    key: str
    value: float
    time: int
    """Milliseconds since the epoch, stamped when it was observed."""
    step: int


@dataclass
class JournalRows:
    """Consecutive journal records."""

    end: int
    """Offset after the last of them."""
    step: int
    """Step of the last of them."""
    values: list[MetricValue] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    probes: bool = False
    """Whether statistics arrays were written meanwhile."""


def batches(
    folder: RunFolder, start: int, end: int, resent_after: int = -1
) -> Iterator[JournalRows]:
    """Yield the records in [start, end) in batches; a record is never split.

    Args:
        folder: folder of the run.
        start: offset of the first record.
        end: offset after the last one.
        resent_after: leave out values up to this step.
    """
    batch = JournalRows(start, -1)
    for offset, record in folder.records(start, end):
        values = [] if record["step"] <= resent_after else list(_values(record))
        tags = {name: str(value) for name, value in record.get("tags", {}).items()}
        tags_now = len(batch.tags) + len(tags)
        full = tags_now > TAGS_AT_MOST or len(batch.values) + len(values) + tags_now > ROWS_AT_MOST
        if full and batch.end > start:
            yield batch
            batch = JournalRows(start, -1)
        batch.end, batch.step = offset, record["step"]
        batch.values += values
        batch.tags |= tags
        batch.probes = batch.probes or "probe" in record
    if batch.end > start:
        yield batch


def _values(record: Mapping[str, Any]) -> Iterator[MetricValue]:
    for key, value in record.get("metrics", {}).items():
        yield MetricValue(key, rounded(value), record["time"], record["step"])


def rounded(value: float | None) -> float:
    """Return a value with 6 digits, which is what MLflow's tables have room for.

    Infinity becomes NaN: MLflow would store 1.8e308, and no axis shows anything else then.
    """
    if value is None or not math.isfinite(value):
        return math.nan
    return float(f"{value:.6g}")
