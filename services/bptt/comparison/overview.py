"""One picture of all configurations of a table, where these are too many for a panel each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bptt.comparison.captions import Kind, Place
from bptt.comparison.layout import PANELS, PanelPoints, Sheet
from bptt.comparison.wording import number_told
from bptt.records.comparison import WORSE, Comparison, Group

if TYPE_CHECKING:
    from bptt.figures import Figure, Panel, Row, Standings, Words

    Draw = Callable[[Sequence[Panel[Standings]], Words, Sequence[Standings]], Figure]

ROWS = 150
"""The most rows of a picture."""
WITHOUT = "not ranked"


def _kind(comparison: Comparison) -> Kind:
    """Return what the picture is called, and how to read it."""
    shown = min(len(_with_value(comparison)), ROWS)
    left = len(comparison.groups) - shown
    few = f" {left:,} are left out: they have no value, or are further down." if left else ""
    baseline = comparison.baseline
    dotted = f" Dotted: the baseline, {number_told(baseline)}." if baseline is not None else ""
    return Kind(
        "overview",
        f"{comparison.metric} of all configurations",
        "A row for each configuration, in the order of the table, with its mean and the 95 % "
        "interval of this mean alone; intervals may overlap although the table tells rows apart, "
        f"and the reverse: colours say what it does.{dotted}{few}",
    )


def overview(
    comparison: Comparison,
) -> "tuple[Kind, list[Sheet], list[Mapping[Place, Standings]], Draw] | None":
    """Return what is drawn, and how; None where each configuration has a panel elsewhere."""
    from bptt.figures import Standings, standings

    groups = _with_value(comparison)[:ROWS]
    if len(groups) <= PANELS:
        return None
    most = max(group.value.n for group in groups if group.value)
    by_standing: dict[str, list[tuple[int, Group]]] = {}
    for place, group in enumerate(groups):
        by_standing.setdefault(group.standing or WITHOUT, []).append((place, group))
    found = {
        name: Standings(
            [_row(place, one, most, comparison) for place, one in held],
            name in (WORSE, WITHOUT),
            most,
        )
        for name, held in by_standing.items()
    }
    sheet = Sheet("", [PanelPoints("", dict.fromkeys(found, ()))], 1, None, ())
    draw = partial(
        standings,
        metric=comparison.metric,
        ratio=comparison.ratio,
        baseline=comparison.baseline,
    )
    return _kind(comparison), [sheet], [{("", name): one for name, one in found.items()}], draw


def _with_value(comparison: Comparison) -> list[Group]:
    return [group for group in comparison.groups if group.value]


def _row(place: int, group: Group, most: int, comparison: Comparison) -> "Row":
    from bptt.figures import Row

    value = group.value
    assert value is not None
    low, high = (value.estimate if end is None else end for end in (value.low, value.high))
    # an unsolved run counts as something without having diverged
    solved = group.solved is not None and group.solved.estimate > 0
    measured = solved if comparison.budget else group.survivors is not None
    fewer = f" (n={value.n})" if value.n < most else ""
    return Row(place, f"{group.config}{fewer}", value.estimate, low, high, measured)
