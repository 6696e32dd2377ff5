"""Runs as tables for a terminal: one run in full, or several side by side."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bptt.cli.evaluated import by_set, measured_rows, told_seen
from bptt.cli.listing import NARROWEST, fitted_lines, fold, table_lines
from bptt.cli.made_with import made_with
from bptt.cli.numbers import note, number, slope, slope_of_one
from bptt.cli.plot import Curve, draw
from bptt.cli.summary import Summary, labels, option
from bptt.measuring.logged import (
    LAST_UPDATES,
    NOT_FINITE,
    STATISTICS_SHARE,
)
from bptt.measuring.slopes import slope_words
from bptt.measuring.table import (
    GATE_MEAN,
    GATES,
    HALF_LIFE,
    RECURRENCE,
    SCALARS,
    SLOPE,
    THROUGH_TIME,
)
from bptt.spec import default_interval

SECTIONS = (
    *("task", "cell", "clipper", "model", "optimizer", "training", "statistics", "evaluation"),
)


def one_run(summary: Summary, width: int, room: int | None) -> RenderableType:
    """Return spec, outcome, figures and plot of one run.

    Args:
        summary: of the run.
        width: of the plot.
        room: of the terminal for text; None: there is none, and no line is broken.
    """
    rows = [(name, text) for name, text in _rows(summary) if text]
    left = max(len(name) for name, _ in rows) + 2
    table = Text()
    for name, text in rows:
        first, *more = fold(text, max(room - left, NARROWEST)) if room else [text]
        table.append(name.ljust(left), style="bold").append(f"{first}\n")
        for part in more:
            table.append(f"{' ' * left}{part}\n")
    steps = sorted(summary.gradients)
    curves = [
        Curve(f"‖∂L/∂{state}‖ at step {step}", values, summary.window)
        for step in reversed(steps)
        for state, values in summary.gradients[step].items()
        if state != "s"
    ]
    return Group(
        table, _drawn("Gradient with respect to the state, by lag", curves, [summary], width, room)
    )


def several_runs(summaries: Sequence[Summary], width: int, room: int | None) -> RenderableType:
    """Return, for each task, a table with a row per run, and the plot of its runs."""
    by_task: dict[str, list[Summary]] = {}
    for summary in summaries:
        by_task.setdefault(str(summary.spec["task"]), []).append(summary)
    return Group(*(_runs_of_one_task(runs, width, room) for runs in by_task.values()))


def _runs_of_one_task(summaries: Sequence[Summary], width: int, room: int | None) -> RenderableType:
    named = labels(summaries)
    metrics = {summary.metric[0] for summary in summaries} - {""}
    metric = "metric" if len(metrics) != 1 else min(metrics)
    measured = [summary.metrics for summary in summaries]
    columns = ["run", "what", "outcome", "step", metric, slope_words(*measured), HALF_LIFE.words]
    rows = []
    for summary, label in zip(summaries, named, strict=True):
        name, value, _ = summary.metric
        rows.append(
            [
                summary.run_id,
                label,
                summary.outcome.replace("_", " "),
                str(summary.step),
                number(value) if len(metrics) == 1 or not name else f"{name} {number(value)}",
                slope(summary.metrics),
                number(summary.metrics.get(HALF_LIFE.key)),
            ]
        )
    curves = [
        Curve(label, summary.gradients[max(summary.gradients)]["s"], summary.window)
        for summary, label in zip(summaries, named, strict=True)
        if summary.gradients
    ]
    return Group(
        Text("\n".join(_folded(_common(summaries), room))),
        Text(),
        _lines(columns, rows, room),
        Text(),
        Text("\n".join(_folded(note(measured), room)), style="dim"),
        Text(),
        *_by_set(summaries, named, room),
        _drawn(
            f"Gradient through time, ‖∂L/∂s‖ at the last probe (s: all states {_whose(summaries)})",
            curves,
            summaries,
            width,
            room,
        ),
    )


def _whose(summaries: Sequence[Summary]) -> str:
    several = any(summary.spec["model"]["layers"] > 1 for summary in summaries)
    return "of all layers" if several else "of a cell"


def _drawn(
    title: str,
    curves: Sequence[Curve],
    summaries: Sequence[Summary],
    width: int,
    room: int | None,
) -> Text:
    damaged = [summary for summary in summaries if summary.is_damaged("probe", "flow")]
    if not curves and damaged:
        return Text("No gradient statistics can be plotted: their files are damaged.\n")
    return draw(title, curves, width, room)


def _by_set(
    summaries: Sequence[Summary], named: Sequence[str], room: int | None
) -> Iterable[RenderableType]:
    """Yield a table of the metric on named sets, of the evaluation and of the test, if any."""
    for heading, names, values in by_set(summaries):
        rows = [[label, *map(number, row)] for label, row in zip(named, values, strict=True)]
        yield _lines([heading, *names], rows, room)
        yield Text()


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int | None) -> Text:
    lines = fitted_lines(columns, rows, room) if room else table_lines(columns, rows)
    return Text("\n".join(lines))


def _folded(text: str, room: int | None) -> list[str]:
    return fold(text, room) if room else [text]


def _rows(summary: Summary) -> list[tuple[str, str]]:
    metrics = summary.metrics
    known = metrics.get(STATISTICS_SHARE.key)
    share = known if summary.result is None else summary.result.statistics_share
    return [
        ("run", f"{summary.run_id}  {summary.run.name}  (project {summary.run.project})"),
        *_told_spec(summary.spec),
        *made_with(summary),
        ("", " "),
        ("outcome", _outcome(summary)),
        ("metric", _told_metric(summary)),
        *((name, _told(pairs)) for name, pairs in measured_rows(summary)),
        ("seen", told_seen(summary)),
        *((line, _told_line(line, metrics)) for line in (THROUGH_TIME, RECURRENCE)),
        (GATES, _told_gates(metrics)),
        (LAST_UPDATES, _told_line(LAST_UPDATES, metrics)),
        ("not moved", _told_idleness(summary)),
        (NOT_FINITE, _told_line(NOT_FINITE, metrics)),
        ("statistics", "" if share is None else f"{100 * share:.1f} % of the training time"),
    ]


def _told_spec(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    # what the file left open and the run derived from its length
    applied: dict[str, dict[str, Any]] = {}
    if spec["statistics"].get("interval") is None:
        applied["statistics"] = {"interval": default_interval(spec["training"]["steps"])}
    sections = [
        (name, _told_section(spec[name] | applied.get(name, {})))
        for name in SECTIONS
        if name in spec
    ]
    return [*sections, ("seed", str(spec["seed"]))]


def _outcome(summary: Summary) -> str:
    outcome, result = summary.told_outcome, summary.result
    if result is None:
        # a run of the queue continues by itself
        if not summary.run.is_queued and summary.outcome == "unfinished":
            outcome += f"; go on with: bptt run --resume {summary.run_id}"
        return outcome
    backend = result.backend or "-"
    if result.backend_reason:
        backend += f", for {result.backend_reason}"
    speed = f", {number(result.steps_per_second)} steps/s" if summary.step else ""
    return f"{outcome} ({number(result.seconds)} s{speed}, {backend})"


def _told_metric(summary: Summary) -> str:
    name, value, baseline = summary.metric
    if not name:
        return ""
    best = (summary.result and summary.result.best) or {}
    text = f"{name} {number(value)}, baseline {number(baseline)}"
    if f"eval_{name}" in best:
        text += f", best {number(best[f'eval_{name}'])} at step {number(best['step'])}"
    return text


def _told_idleness(summary: Summary) -> str:
    if (result := summary.result) is None:
        return ""
    overflowed, since = result.overflowed, result.idle_since
    dtype = summary.spec["training"]["dtype"]
    reasons = []
    if overflowed:
        reasons.append(
            f"{overflowed:,} parameters had a gradient whose square is too large for {dtype}, and "
            f"{summary.spec['optimizer']['name']} has not followed their gradients since; clip "
            "them, or lower the learning rate"
        )
    if since is not None:
        reasons.append(
            f"since step {since:,} or earlier no logged update changed a parameter, though the "
            f"gradient was finite and not 0: what the optimiser made of it is too small or 0 in "
            f"{dtype}"
        )
    return "; ".join(reasons)


def _told_section(content: Mapping[str, Any]) -> str:
    options = content.get("options", {key: v for key, v in content.items() if key != "name"})
    parts = [f"{key}={option(value)}" for key, value in options.items() if value is not None]
    return " ".join([content["name"], *parts] if "name" in content else parts)


def _told(pairs: Iterable[tuple[str, float | None]]) -> str:
    return ", ".join(f"{words} {number(value)}" for words, value in pairs)


def _told_line(line: str, metrics: Mapping[str, float | None]) -> str:
    """Return the measured scalars that go on one line."""
    rows = [row for row in SCALARS if row.line == line and row.key in metrics]
    told = [
        slope_of_one(metrics) if row is SLOPE else f"{row.words} {number(metrics[row.key])}"
        for row in rows
    ]
    return ", ".join(told)


def _told_gates(metrics: Mapping[str, float | None]) -> str:
    names = [
        key.removeprefix(GATE_MEAN.beginning).removesuffix(GATE_MEAN.ending)
        for key in metrics
        if GATE_MEAN.fits(key)
    ]
    rows = [row for row in SCALARS if row.line == GATES]
    return "; ".join(
        _told(
            (row.words.replace("<gate>", name), metrics[row.named(name)])
            for row in rows
            if row.named(name) in metrics
        )
        for name in names
    )


def _common(summaries: Sequence[Summary]) -> str:
    """Return what all runs share, in one line."""
    shared = []
    for section in ("task", "cell", "clipper"):
        names = {summary.spec[section]["name"] for summary in summaries}
        if len(names) == 1:
            shared.append(f"{section} {names.pop()}")
    baselines = {summary.metric[2] for summary in summaries} - {None}
    if len(baselines) == 1:
        shared.append(f"baseline {number(baselines.pop())}")
    return ", ".join([f"{len(summaries)} runs", *shared])
