"""The commands that add seeds to what is compared, one for each grid that needs them."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bptt.comparison.point import ComparedPoint

WITHOUT_VALUES = frozenset({"failed", "cancelled", "missing"})
"""What became of runs that can be run again, in words of `ComparedPoint.outcome`."""


@dataclass(frozen=True)
class Barred:
    """Why nobody who asks can extend a grid."""

    why: str
    """A sentence, without its end."""
    again: bool = True
    """Whether its file, submitted as a grid of one's own, is a way."""
    own: str = ""
    """What that grid is called, if all runs that have ended serve it; empty: they do not."""


@dataclass(frozen=True)
class Advised:
    """Advised that work, and why there are not others."""

    lines: Sequence[str] = ()
    barred: Sequence[str] = ()
    """Sentences, without their ends."""
    first: str = ""
    """What the first lines do before seeds are added, a sentence without its end."""


@dataclass(frozen=True)
class SeedsToAdd:
    """What there is, and what commands call it."""

    grids: Mapping[str, Collection[int]]
    """The seeds of each grid, by what commands call the grid."""
    fresh: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Where values are tuned: those that judge within each grid alone."""
    tuned: Mapping[str, str] = field(default_factory=dict)
    """The options of `extend` that add such seeds to each grid; empty: nothing is tuned."""
    whole: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Those of `grids` that all configurations of a grid have, where some lack others."""
    again: Mapping[str, str] = field(default_factory=dict)
    """The commands that run what a grid has without a value again, where it has such."""
    barred: Mapping[str, Barred] = field(default_factory=dict)
    """Grids that cannot be extended by who asks."""

    @property
    def seeds(self) -> set[int]:
        """Those of all grids."""
        return {seed for seeds in self.grids.values() for seed in seeds}

    @property
    def shown(self) -> str:
        """The commands that show every run, a line each."""
        return "\n".join(f"bptt show {grid}" for grid in self.grids)

    def commands(self, wanted: int, points: Sequence[ComparedPoint], *, unequal: bool) -> Advised:
        """Return the commands after which configurations have so many seeds.

        Runs of points that failed, were cancelled or deleted are to be run again first: seeds that
        are added leave such holes as they are. Empty: no command would give them more.

        Args:
            wanted: how many.
            points: of the configurations; none: all there are.
            unequal: whether some lack seeds that others have: then the first `wanted` of all give
                everybody as many.
        """
        if self.tuned:
            return self.judging(wanted, points)
        chosen = self._covering(points)
        there = set.intersection(*(set(self.grids[grid]) for grid in chosen))
        option = wanted if unequal else seeds_option(there, wanted)
        new = set(range(option))
        there_by = {**self.grids, **self.whole}
        lacking = [grid for grid in chosen if not new <= set(there_by[grid])]
        if not lacking:
            return self._again(self.again)
        holed = [grid for grid in chosen if _lacks_values(grid, points)]
        return self._filled(holed, dict.fromkeys(lacking, f"--set seeds={option}"))

    def judging(self, wanted: int, points: Sequence[ComparedPoint]) -> Advised:
        """Return the commands after which so many seeds judge all configurations of points.

        A grid's fresh seeds come after all that it has, so those that several grids share begin
        where the last one's do.
        """
        # where nothing was chosen for good, all are to have fresh seeds
        grids = self._covering(points) if any(self.fresh.values()) else list(self.grids)
        grids += [grid for grid in self.grids if self.fresh.get(grid) and grid not in grids]
        first = max(min(self.fresh[one] or [max(self.grids[one]) + 1]) for one in grids)
        options = {}
        for grid in grids:
            there = len(self.fresh[grid])
            more = first + wanted - 1 - max(self.grids[grid])
            if more > 0:
                options[grid] = f"{self.tuned[grid]} --seeds {there + more}"
        return self._filled(grids, options) if options else self._again(self.again)

    def commands_for(self, seeds: Sequence[int], points: Sequence[ComparedPoint]) -> Advised:
        """Return the commands after which the configurations of points have these very seeds."""
        plain = list(seeds) == list(range(len(seeds)))
        # a shell takes brackets for a pattern
        option = f"seeds={len(seeds)}" if plain else f"'seeds=[{','.join(map(str, seeds))}]'"
        return self._extend(dict.fromkeys(self._covering(points), f"--set {option}"))

    def values_for(self, assigned: str, points: Sequence[ComparedPoint]) -> Advised:
        """Return the command that gives an axis of a grid that has these points more values.

        Args:
            assigned: the axis and its values, as in `optimizer.lr=[0.1,0.2]`.
            points: of a configuration.
        """
        return self._extend({self._covering(points)[0]: f"--set '{assigned}'"})

    def _extend(self, options: Mapping[str, str]) -> Advised:
        """Return the commands that extend grids; of those that cannot be, what does instead."""
        lines, barred = [], []
        for grid, option in options.items():
            bar = self.barred.get(grid)
            if bar is None:
                lines.append(f"bptt extend {grid} {option}")
                continue
            barred.append(bar.why)
            # what is chosen by runs is chosen once they have ended
            lines += _submitted(grid, bar, option if option.startswith("--set ") else "")
            if self.tuned and bar.own:
                lines.append(f"bptt extend {shlex.quote(bar.own)} {option}")
        return Advised(lines, barred)

    def _filled(self, holed: Collection[str], options: Mapping[str, str]) -> Advised:
        """Return the commands that run again what has no value, and then those that extend."""
        # a grid's file, submitted again, has all its runs
        again = self._again([one for one in holed if not (one in self.barred and one in options)])
        extended = self._extend(options)
        if not again.lines:
            return extended
        # what is chosen by runs is chosen once they have ended
        waits = [f"bptt watch {one}" for one in holed if one in self.again] if self.tuned else []
        first = "What failed, was cancelled or was deleted is run again first"
        return Advised(
            [*again.lines, *waits, *extended.lines],
            list(dict.fromkeys([*again.barred, *extended.barred])),
            first,
        )

    def _again(self, grids: Collection[str]) -> Advised:
        lines, barred = [], []
        for grid, command in self.again.items():
            bar = self.barred.get(grid)
            if grid not in grids:
                continue
            if bar is None:
                lines.append(command)
            else:
                barred.append(bar.why)
                lines += _submitted(grid, bar, "")
        return Advised(lines, barred)

    def _covering(self, points: Sequence[ComparedPoint]) -> list[str]:
        """Return grids that have all configurations of these points, few of them."""
        having: dict[str, set[str]] = {}
        for point in points:
            having.setdefault(point.config, set()).update(point.grids)
        left = [grids for grids in having.values() if grids]
        chosen: list[str] = []
        while left:
            most = max(self.grids, key=lambda grid: sum(grid in one for one in left))
            chosen.append(most)
            left = [one for one in left if most not in one]
        return [grid for grid in self.grids if grid in chosen] or list(self.grids)


def _submitted(grid: str, bar: Barred, option: str) -> list[str]:
    if not bar.again:
        return []
    return [" ".join(filter(None, [f"bptt show {grid} --file | bptt submit /dev/stdin", option]))]


def grids_of(
    points: Sequence[ComparedPoint], called: str, barred: Mapping[str, Barred] | None = None
) -> SeedsToAdd:
    """Return the grids that points belong to, with their seeds.

    Args:
        points: all of them.
        called: what commands call the grid of points that do not say which it is.
        barred: grids that cannot be extended by who asks, by what commands call them.
    """
    found: dict[str, dict[int, None]] = {}
    ended: dict[str, set[str]] = {}
    by_config: dict[str, dict[str, set[int]]] = {}
    for point in points:
        for grid in point.grids or (called,):
            found.setdefault(grid, {})[point.seed] = None
            ended.setdefault(grid, set()).add(point.outcome)
            by_config.setdefault(grid, {}).setdefault(point.config, set()).add(point.seed)
    whole = {grid: set.intersection(*held.values()) for grid, held in by_config.items()}
    again = {
        grid: _again_command(grid, outcomes)
        for grid, outcomes in ended.items()
        if outcomes & WITHOUT_VALUES
    }
    return SeedsToAdd(found or {called: ()}, whole=whole, again=again, barred=barred or {})


def _again_command(grid: str, outcomes: Collection[str]) -> str:
    if "missing" in outcomes:
        return f"bptt fill {grid}"
    return f"bptt retry {grid} --failed" + " --cancelled" * ("cancelled" in outcomes)


def _lacks_values(grid: str, points: Sequence[ComparedPoint]) -> bool:
    """Say whether runs of points in a grid are to be run again; without points: all that it has."""
    held = [point for point in points if grid in point.grids or not point.grids]
    return not points or any(point.outcome in WITHOUT_VALUES for point in held)


def advised(said: str, commands: Advised) -> str:
    """Return a sentence that ends with commands on lines of their own, to be copied.

    Args:
        said: the sentence, without its end.
        commands: without lines it ends with a full stop.
    """
    sentence = ". ".join(filter(None, [said, *commands.barred, commands.first]))
    return "\n".join([f"{sentence}:", *commands.lines]) if commands.lines else f"{sentence}."


def seeds_option(there: Collection[int], wanted: int) -> int:
    """Return the n of `seeds: n`, 0 to n - 1, that makes so many seeds with those there.

    Args:
        there: seeds that a grid has.
        wanted: how many it should have.
    """
    lacking, option = wanted - len(set(there)), 0
    while lacking > 0:
        lacking -= option not in there
        option += 1
    return option
