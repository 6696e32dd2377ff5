"""A comparison for other programs: CSV with a column per axis, Markdown, LaTeX."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence

from bptt.comparison import wording
from bptt.measuring.logged import TEST_METRIC
from bptt.records.comparison import Comparison

BOUNDS = ("estimate", "low", "high", "n")
KNOWN_TO = ("median beyond", "at most")
"""Where most did not solve the task: beyond what its median lies; and whether value and median are
the most that it took, because all runs had solved it by the first evaluation."""
OF_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    ">": r"\textgreater{}",
    "<": r"\textless{}",
    "|": r"\textbar{}",
    "‖": r"$\Vert$",
}

NUMBER, EXPONENT = r"\d+(?:,\d{3})*(?:\.\d+)?", r"(?:e[+-]?\d+)"
FIGURE = re.compile(
    rf"(?<![\w.=@+-])(?:\[-?{NUMBER}{EXPONENT}?, -?{NUMBER}{EXPONENT}?\]"
    rf"|-{NUMBER}{EXPONENT}?|{NUMBER}{EXPONENT})(?![\w.@])"
)
"""An interval, or a number that stands alone and is not the same in text."""
POWER = re.compile(r"e([+-]?\d+)")


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """Return one line per configuration, with a column for each axis and each bound."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    metrics = list(dict.fromkeys(name for c in comparisons for name in c.metrics))
    groups = [(comparison, group) for comparison in comparisons for group in comparison.groups]
    outcomes = sorted({name for _, group in groups for name in group.counts})
    axes = list(dict.fromkeys(path for _, group in groups for path in group.values))
    tested = list(dict.fromkeys(_tested_name(c, told) for c in comparisons for told in c.tested))
    intervals = [*metrics, *tested, "lead", "solved", "slope"]
    columns = [f"{name} {bound}" for name in intervals for bound in BOUNDS]
    named = ["task", "problem", wording.BEST_COLUMN, "configuration", *axes, "tuned to"]
    several = any(len(comparison.grids) > 1 for comparison in comparisons)
    named += ["grids"] if several else []
    ended = [f"runs {name}" for name in outcomes]
    figures = ["points", "baseline", "counted as", "median", *KNOWN_TO, "lead without interval"]
    out.writerow([*named, *figures, *columns, *ended])
    for comparison, group in groups:
        found = {**group.metrics, "lead": group.lead, "solved": group.solved, "slope": group.slope}
        found |= {_tested_name(comparison, told): one for told, one in group.tested.items()}
        cells = [getattr(found.get(name), bound, None) for name in intervals for bound in BOUNDS]
        named = [comparison.task, comparison.problem, group.standing, group.config]
        values = [group.values.get(path) for path in axes]
        counts = [group.counts.get(name, 0) for name in outcomes]
        grids = [" ".join(group.grids)] if several else []
        first = [*named, *values, group.tuned_to, *grids, group.points, comparison.baseline]
        until = group.unsolved_until if group.median is None else None
        first += [group.counted_as, group.median, until, group.at_first_evaluation]
        out.writerow([*first, group.too_few, *cells, *counts])
    return text.getvalue()


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return a table for each problem, and what it says."""
    parts = []
    for comparison in comparisons:
        tables = [
            f"**{_for_markdown(title)}**\n\n{_markdown_table(columns, rows)}"
            for title, columns, rows in _tables(comparison)
        ]
        said = [_sentence_of_markdown(line) for line in _said(comparison)]
        parts.append("\n\n".join([*tables, *said]))
    return "\n\n".join(parts) + "\n"


def as_latex(comparisons: Sequence[Comparison]) -> str:
    r"""Return a tabular of booktabs for each problem; `\usepackage{booktabs}` is needed."""
    parts = []
    for comparison in comparisons:
        lines = [line for table in _tables(comparison) for line in _latex_table(*table)]
        said = [line for told in _said(comparison) for line in told.splitlines()]
        parts.append("\n".join([*lines, *(f"% {line}" for line in said)]))
    return "\n\n".join(parts) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Comparison]], str]] = {
    "csv": as_csv,
    "markdown": as_markdown,
    "latex": as_latex,
}


def _said(comparison: Comparison) -> list[str]:
    """Return all that stands below a table, what its columns are last."""
    below = [*wording.conclusions(comparison), *wording.without_value(comparison)]
    return [*below, wording.EXPLAINED]


def _tested_name(comparison: Comparison, told: str) -> str:
    return TEST_METRIC.named(f"{comparison.task_metric} {told}")


def _tables(comparison: Comparison) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return title, heads and rows of each table of a problem."""
    rows = [wording.cells(comparison, group) for group in comparison.groups]
    tables = [(_title(comparison), wording.columns(comparison), rows)]
    if heads := wording.tested_columns(comparison):
        rows = [wording.tested_cells(group) for group in comparison.groups]
        tables.append((wording.tested_heading(comparison), heads, rows))
    return tables


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_for_markdown, row))} |" for row in lines)


def _latex_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"% {title}",
        f"\\begin{{tabular}}{{{'l' * len(columns)}}}",
        r"\toprule",
        _row_of_latex(columns),
        r"\midrule",
        *map(_row_of_latex, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _title(comparison: Comparison) -> str:
    return ", ".join(filter(None, (comparison.title, wording.heading(comparison))))


def _for_markdown(text: str) -> str:
    one_line = " ".join(text.split())
    if one_line == "---":
        return one_line
    for sign in "\\|*_`[]<>":
        one_line = one_line.replace(sign, f"\\{sign}")
    return one_line


def _sentence_of_markdown(text: str) -> str:
    said, commands = wording.with_commands(text)
    block = "".join(f"\n{one}" for one in commands)
    return f"{_for_markdown(said)}\n\n```text{block}\n```" if commands else _for_markdown(said)


def _row_of_latex(cells: Sequence[str]) -> str:
    return " & ".join(map(_for_latex, cells)) + r" \\"


def _for_latex(text: str) -> str:
    """Return a text with its numbers and intervals as mathematics: a hyphen is no minus."""
    parts, end = [], 0
    for found in FIGURE.finditer(text):
        parts += [_escaped(text[end : found.start()]), _math(found.group())]
        end = found.end()
    told = "".join([*parts, _escaped(text[end:])])
    # a bracket at the start of a line would be an option of \\
    return f"{{{told}}}" if told.startswith("[") else told


def _escaped(text: str) -> str:
    return "".join(OF_LATEX.get(sign, sign) for sign in text)


def _math(text: str) -> str:
    powers = POWER.sub(lambda found: rf" \times 10^{{{int(found[1])}}}", text)
    return f"${powers.replace(',', '{,}').replace('{,} ', ', ')}$"
