"""`compare`: one row per configuration of a problem, over its seeds; missing values are listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bptt.comparison import trained_alike
from bptt.comparison.axes import axes_of, find_axes
from bptt.comparison.chosen import choose
from bptt.comparison.column import column_of
from bptt.comparison.facets import Facet, facets_of
from bptt.comparison.groups import beside_baseline, group_of
from bptt.comparison.learned import learned_column
from bptt.comparison.measured import once, refuse_measured
from bptt.comparison.metrics import (
    SECONDS,
    Measure,
    deciding_metric,
    default_measure,
    find_metrics,
    if_anything,
    names_of,
)
from bptt.comparison.notes import lacking_metrics, notes_of
from bptt.comparison.overall import MEAN_RANK, Problem, group_over, in_all, mean_ranks, ranks_told
from bptt.comparison.point import RESULTS, ComparedPoint, budget_of
from bptt.comparison.seeds_to_add import Barred, SeedsToAdd, grids_of
from bptt.comparison.several import (
    notes_of_several,
    programs_in,
    refuse_one_sided,
    unjudged_notes,
    untaken_notes,
)
from bptt.comparison.single_runs import best_run, lacking
from bptt.comparison.tested import tested_columns
from bptt.comparison.tuned_seeds import Tuning, tuning_of, with_judging
from bptt.comparison.undecided import of_one, so_far, to_be_judged, why_alone
from bptt.comparison.untrained import ALL_SAME, same_networks, same_told
from bptt.comparison.values_in_common import in_common
from bptt.comparison.verdict import EXCEPT, RATE, Ranked
from bptt.comparison.wording import number_told, ratio_told, time_ratio_told
from bptt.records.comparison import Comparison


def compare(
    points: Sequence[ComparedPoint],
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    *,
    grid: str = "GRID",
    whole: Sequence[ComparedPoint] = (),
    tune: Sequence[str] = (),
    tune_seeds: Sequence[int] = (),
    barred: Mapping[str, Barred] | None = None,
) -> list[Comparison]:
    """Return the comparison of the points of a grid, or several, for each problem.

    Args:
        points: of the grid, or of several together.
        by: axes that distinguish configurations, in full or by their last word; none: all but
            the seed.
        metrics: names, in full (`eval/loss`) or by their last word; none: the deciding metric of
            the task. The first one determines the order.
        grid: what commands call the grid, where points do not say which one they are of.
        whole: all points of the grid, if these are only some.
        tune: axes whose best value is chosen for each configuration, which is then judged on
            other seeds.
        tune_seeds: that choose; none: the first half of six and more, otherwise all.
        barred: grids that cannot be extended by who asks, by what commands call them.

    Raises:
        InvalidSpec: an axis, a metric or a seed that this grid does not have.
    """
    refuse_measured(by, points)
    refuse_measured(tune, points, "--tune")
    # what is only measured makes no rivals, and no seeds
    points, whole = once(points), once(whole)
    axes = find_axes(by, points)
    # results of two programs are never averaged
    axes += tuple(path for path in programs_in(points) if axes and path not in axes)
    tuning = tuning_of(points, tune, tune_seeds, axes)
    more = grids_of(whole or points, grid, barred)
    if tuning:
        more = with_judging(more, points, tuning, axes)
        axes = tuple(path for path in axes or axes_of(points) if path not in tuning.axes)
    known = names_of(points)
    # what a filter leaves out, not what is another problem
    there = whole if len(whole) > len(points) else ()
    asked = Asked(axes, more, tuning, there)
    # what only another task has is shown for that one
    shown = [(facet, find_metrics(metrics, facet.points, known)) for facet in facets_of(points)]
    for facet, (first, *_) in ((facet, found) for facet, found in shown if found):
        refuse_one_sided(first, facet.points)
    if tuning and not tuning.decides:
        return [_unjudged(facet, tuning, measures, asked) for facet, measures in shown]
    tables = [Table(facet, measures, asked) for facet, measures in shown]
    found = []
    for table, (facet, measures) in zip(tables, shown, strict=True):
        # where values were chosen, a problem may have none of the seeds that judge
        unjudged = tuning if not table.by_config else None
        one = _unjudged(facet, unjudged, measures, asked) if unjudged else table.comparison()
        lacking_told = lacking_metrics(measures, metrics, one)
        found.append(replace(one, notes=[*one.notes, *lacking_told]))
    if len(found) > 1:
        each = f"{RATE}, each of these {len(found)} alone; {EXCEPT}."
        found = [replace(one, notes=[*one.notes, each]) for one in found]
    problems = [table.problem for table in tables]
    if len(names := in_all(problems)) > 1:
        left_out = {id(point) for table in tables for point in table.left_out}
        points = [point for point in points if id(point) not in left_out]
        found.append(_overall(problems, names, points, asked))
    return found


@dataclass(frozen=True)
class Asked:
    """What is the same for every problem of a grid."""

    by: Sequence[str]
    """Axes that distinguish configurations."""
    more: SeedsToAdd
    """The seeds there are, and how to add others."""
    tuning: Tuning | None = None
    whole: Sequence[ComparedPoint] = ()
    """All points of the grids, those that a filter leaves out included."""


class Table:
    """The configurations of one problem."""

    def __init__(self, facet: Facet, found: Sequence[Measure], asked: Asked) -> None:
        self._facet = self._of = facet
        self._asked = asked
        # also those of what is not chosen: that may still change
        self._live, self._runs = sum(p.is_live for p in facet.points), len(facet.points)
        measures = found or [default_measure(facet.points)]
        self._own = deciding_metric(facet.points)
        self.by_config: dict[str, list[ComparedPoint]] = {}
        self._chosen = None
        names, by = facet.names(asked.by), asked.by
        self._whole = dict(zip(names, facet.names(asked.by, whole=True), strict=True))
        self._common = facet.common(asked.by)
        if asked.tuning:
            self._chosen = choose(facet, by, asked.tuning, measures[0], self._own)
            self._facet, names = self._chosen.facet, list(self._chosen.names)
            # a value that was chosen is no other point to be compared with
            by = (*by, *asked.tuning.axes)
        for name, point in zip(names, self._facet.points, strict=True):
            self.by_config.setdefault(name, []).append(point)
        counting = in_common(self.by_config, by)
        self.by_config, self.left_out = counting.by_config, counting.left_out
        self._told = counting.told
        held = [point for one in self.by_config.values() for point in one]
        self._facet = replace(self._facet, points=tuple(held))
        if not (found or asked.tuning):
            measures = [default_measure(held)]
        self._runs -= len(self.left_out)
        self._live -= sum(point.is_live for point in self.left_out)
        measures = [if_anything(measure, held) for measure in measures]
        self._same = same_networks(self.by_config)
        if self._same and len(self._same[0]) == len(self.by_config):
            measures = [replace(measure, unranked=ALL_SAME) for measure in measures]
            self._same = []
        self._alike = trained_alike.evaluated_otherwise(self.by_config)
        if self._alike and len(self._alike[0]) == len(self.by_config):
            measures = [
                replace(one, unranked=one.unranked or trained_alike.ALL_ALIKE) for one in measures
            ]
            self._alike = []
        self._shown = {m.short: column_of(self.by_config, m, by) for m in measures}
        self.decided = self._shown[measures[0].short]
        self._tested = tested_columns(self.by_config, self._own, by)
        self._learned = learned_column(self.by_config, self._own, by)

    @property
    def problem(self) -> Problem:
        """Its configurations by names that are the same for all problems, and what decides."""
        held = {self._whole.get(name, name): points for name, points in self.by_config.items()}
        return held, self.decided

    def comparison(self) -> Comparison:
        """Return the record of what they say."""
        facet, first = self._facet, self.decided.measure
        as_ratio = time_ratio_told if first.name == SECONDS else ratio_told
        lead_told = as_ratio if first.ratio else number_told
        tuning, chosen = self._asked.tuning, self._chosen
        at_best = any(point.moment == "best" for point in facet.points)
        beside = beside_baseline(self.decided, self._learned, at_best=at_best)
        ranked = Ranked(
            *(self.decided, list(self.by_config), list(self.by_config.values())),
            self._asked.more,
            lead_told,
            len(tuning.choosing) if tuning else 0,
            self._live,
            self._runs,
        )
        groups = [
            group_of(name, held, number, self._shown, beside, self._tested)
            for number, (name, held) in enumerate(self.by_config.items())
        ]
        within = trained_alike.within_a_budget(self.by_config) if first.until_solved else []
        ordered = [groups[number] for number in self.decided.order()]
        ordered = trained_alike.without_intervals(ordered, [*self._same, *self._alike, *within])
        names = list(self.by_config)
        notes = [
            *(self._told, ranked.power(), ranked.again()),
            *(same_told(self._same), *trained_alike.told(self._alike, within)),
            *notes_of(facet.points, ordered, self.decided, beside, names),
            *notes_of_several(self.by_config, self.decided, self._asked.more),
        ]
        verdict = f"Not ranked: {first.unranked}." if first.unranked else ranked.verdict()
        if self._live:
            ordered = [so_far(one, ahead=bool(ranked.ahead)) for one in ordered]
        elif not verdict:
            left_out = why_alone(self._of, tuning, self._asked.whole)
            verdict = of_one(self._facet, self.decided, ordered[0], self._asked.more, left_out)
        if chosen:
            ordered = [replace(one, tuned_to=chosen.taken.get(one.config)) for one in ordered]
            notes = [chosen.note, *unjudged_notes(chosen, self._asked.more), *notes]
        return Comparison(
            task=facet.task,
            problem=facet.problem,
            common=self._common,
            metric=first.short,
            metrics=list(self._shown),
            better=first.better,
            task_metric=self._own.short,
            ratio=first.ratio,
            budget=budget_of(facet.points) if first.until_solved else None,
            baseline=first.baseline,
            by=self._asked.by,
            points=len(facet.points),
            ended=sum(point.outcome in RESULTS for point in facet.points),
            live=self._live,
            tested=list(self._tested),
            groups=ordered,
            lacking=lacking(self.by_config, self.decided),
            best_run=best_run(self.by_config, self.decided),
            verdict=verdict,
            notes=[note for note in notes if note],
        )


def _unjudged(facet: Facet, tuning: Tuning, found: Sequence[Measure], asked: Asked) -> Comparison:
    """Return what the configurations of a problem were tuned to, which nothing judges yet."""
    first, *_ = found or [default_measure(facet.points)]
    own = deciding_metric(facet.points)
    chosen = choose(facet, asked.by, tuning, first, own)
    live = sum(point.is_live for point in facet.points)
    return Comparison(
        task=facet.task,
        problem=facet.problem,
        metric=first.short,
        metrics=[first.short],
        better=first.better,
        task_metric=own.short,
        baseline=first.baseline,
        by=asked.by,
        points=len(facet.points),
        ended=sum(point.outcome in RESULTS for point in facet.points),
        groups=[],
        lacking=[],
        best_run=None,
        verdict=to_be_judged(facet, chosen, tuning, asked.more),
        live=live,
        notes=[] if live else [chosen.note, *untaken_notes(chosen)],
    )


def _overall(
    problems: Sequence[Problem], names: Sequence[str], points: Sequence[ComparedPoint], asked: Asked
) -> Comparison:
    """Return the comparison over all problems, by the mean of ranks."""
    ranks = mean_ranks(problems, names)
    told = ranks_told(problems, names, ranks)
    live, rate = sum(point.is_live for point in points), f"{RATE}; {EXCEPT}."
    held = [[point for by_config, _ in problems for point in by_config[name]] for name in names]
    ranked = Ranked(ranks, names, held, asked.more, number_told, 0, live, len(points))
    groups = [group_over(name, number, problems, ranks) for number, name in enumerate(names)]
    if live:
        groups = [so_far(one, ahead=bool(ranked.ahead)) for one in groups]
    return Comparison(
        task="",
        problem=f"over {len(problems)} problems",
        problems=len(problems),
        metric=MEAN_RANK.short,
        metrics=list(groups[0].metrics),
        better=MEAN_RANK.better,
        task_metric="",
        baseline=None,
        by=asked.by,
        points=len(points),
        ended=sum(point.outcome in RESULTS for point in points),
        live=live,
        groups=[groups[number] for number in ranks.order()],
        lacking=[],
        best_run=None,
        verdict=ranked.verdict(),
        notes=[note for note in (*told, ranked.power(), ranked.again(), rate) if note],
    )
