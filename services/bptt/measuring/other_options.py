"""What the section `evaluation` of a run asked for, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bptt.measuring.logged import TEST_METRIC
from bptt.spec import EvaluationSpec


@dataclass(frozen=True)
class OtherOptions:
    """The metric that decides, on a set with other options of the task."""

    options: Mapping[str, Any]
    value: float | None
    """None: not finite, or not measured yet."""
    keys: tuple[str, ...]
    """All metrics of this set, by their names in the journal."""

    @property
    def words(self) -> str:
        """The value of the option, or several with their names, as a table shows them."""
        if len(self.options) == 1:
            return str(*self.options.values())
        return " ".join(f"{name}={value}" for name, value in self.options.items())


def other_options(
    spec: Mapping[str, Any], metrics: Mapping[str, float | None], metric: str
) -> list[OtherOptions]:
    """Return what was measured with other options of the task, in the order of the run file.

    Args:
        spec: of the run, as `run.json` holds it.
        metrics: the last value of each.
        metric: that decides.
    """
    asked = EvaluationSpec.model_validate(spec.get("evaluation") or {})
    found = []
    for name, options in asked.sets().items():
        keys = tuple(key for key in metrics if TEST_METRIC.fits(key) and key.endswith(f"_{name}"))
        value = metrics.get(f"{TEST_METRIC.named(metric)}_{name}")
        if keys:
            found.append(OtherOptions(options, value, keys))
    return found
