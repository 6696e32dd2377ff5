"""How the points of a grid are told apart once others have been added; without SQL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bptt.errors import NotPossible
from bptt.store.plan import Configuration, ConfigurationContent, Plan

Axes = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Labelled:
    """A configuration that a grid already has."""

    configuration_id: int
    content: ConfigurationContent
    axis_values: Mapping[str, Any]


@dataclass(frozen=True)
class Merged:
    """A grid with more points."""

    axes: Axes
    new: Sequence[Configuration]
    """Configurations that the grid lacks."""
    renamed: Mapping[int, Configuration]
    """The new names of the grid's configurations, by id."""


def merge(
    grid_id: str,
    old_axes: Axes,
    old: Sequence[Labelled],
    seeds: Iterable[int],
    plan: Plan,
    code: Mapping[str, str] | None,
) -> Merged:
    """Return what a grid becomes when the points of a plan that it lacks are added.

    Args:
        grid_id: of the grid, for messages.
        old_axes: its axes.
        old: its configurations.
        seeds: of its points and of those to add, in order.
        plan: the requested points.
        code: digests of the files of the grid's plugins that were not as released; None: unknown.

    Raises:
        NotPossible: a plugin is not what it was, the points would have equal names, or some would
            lack the value of an axis.
    """
    _refuse_others(grid_id, old, plan, code)
    asked = {one.content: one for one in plan.configurations}
    there = {one.content: one for one in old}
    covers = all(content in asked for content in there)
    new = [one for content, one in asked.items() if content not in there]
    renamed = {
        one.configuration_id: asked[one.content]
        for one in old
        if one.content in asked and asked[one.content].axis_values != one.axis_values
    }
    if covers or not new:
        kept = plan.axes if covers else old_axes
        return Merged(_with_seeds(kept, seeds), new, renamed if covers else {})
    before, after = _paths(old_axes), _paths(plan.axes)
    labels = {_text(one.axis_values) for one in old} & {_text(one.axis_values) for one in new}
    if before != after or labels:
        raise NotPossible(
            f"The points to add could not be told apart from those that grid {grid_id} has: its "
            f"points differ in {_words(before)}, the new ones in {_words(after)}. Give every value "
            "in one list, those it has as well, for example: --set optimizer.lr=[old,new]"
        )
    return Merged(_with_seeds(_joined(old_axes, plan.axes), seeds), new, {})


def _refuse_others(
    grid_id: str, old: Sequence[Labelled], plan: Plan, code: Mapping[str, str] | None
) -> None:
    """Raise if a plugin that the grid has, or a point's data, is not what it was."""
    was = {section: text for one in old for section, text in _plugins(one.content)}
    data = {one.content.spec: one.content.data for one in old}
    what = ""
    for one in plan.configurations:
        for section, now in _plugins(one.content):
            if was.get(section, now) != now:
                # a listing does without
                from bptt.registry import told_change

                told = told_change(was[section], now, code, plan.code)
                what = f"{told_section(section)} was {told}"
        if data.get(one.content.spec, one.content.data) != one.content.data:
            what = "the task's data is not what it was"
        if what:
            raise NotPossible(
                f"Grid {grid_id} cannot be extended: {what}. Results of both would not compare. "
                "Put it back, or submit the file as a new grid."
            )


def told_section(section: str) -> str:
    """Return `the cell gru` for `cell:gru`."""
    return f"the {section.replace(':', ' ')}"


def _plugins(content: ConfigurationContent) -> Iterable[tuple[str, str]]:
    found: dict[str, str] = _read(content.plugins)
    return found.items()


_read = lru_cache(maxsize=256)(json.loads)
"""A grid has few of these texts, and every configuration has one."""


def _paths(axes: Axes) -> set[tuple[str, str]]:
    return {(a["path"], a["within"] or "") for a in axes if a["path"] != "seed"}


def _words(paths: set[tuple[str, str]]) -> str:
    return ", ".join(sorted(path for path, _ in paths)) or "the seed alone"


def _joined(old: Axes, new: Axes) -> Axes:
    values = {(axis["path"], axis["within"]): axis["values"] for axis in new}
    joined = []
    for axis in old:
        both = [*axis["values"], *values.get((axis["path"], axis["within"]), ())]
        joined.append({**axis, "values": list({_text(value): value for value in both}.values())})
    there = {axis["path"] for axis in old}
    return joined + [axis for axis in new if axis["path"] not in there]


def _with_seeds(axes: Axes, seeds: Iterable[int]) -> Axes:
    every = list(dict.fromkeys(seeds))
    axis = {"path": "seed", "values": every, "within": None}
    if len(every) < 2:
        return axes
    if all(one["path"] != "seed" for one in axes):
        return [*axes, axis]
    return [axis if one["path"] == "seed" else one for one in axes]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
