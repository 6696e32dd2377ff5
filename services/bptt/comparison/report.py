"""A grid's answer as one self-contained HTML file: tables, pictures, and the grid file."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from bptt.comparison import wording
from bptt.comparison.pictures import DrawnPicture
from bptt.records.comparison import BEST, MAY_BE, Comparison, GridCompared, Group

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --faint: #555; --line: #ddd;
  --best: #e2f1e28c; --box: #f6f6f6; --edge: #0004 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181d; --faint: #a8adb6; --line: #3a3f48; --best: #2348308c;
    --box: #22262d; --edge: #fff5 }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.2rem; margin-top: 2.6rem }
.meta, figcaption, .note { color: var(--faint); font-size: .92rem }
p.verdict { font-weight: 600 }
.note, figcaption, p, ul { max-width: 60rem }
.scroll, pre { overflow-x: auto }
/* a shade at an edge beyond which there is more to scroll to */
.scroll { background:
  linear-gradient(90deg, var(--paper) 30%, transparent) 0 0 / 2.4rem 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 30%, transparent) 100% 0 / 2.4rem 100% no-repeat local,
  linear-gradient(90deg, var(--edge), transparent) 0 0 / .9rem 100% no-repeat scroll,
  linear-gradient(270deg, var(--edge), transparent) 100% 0 / .9rem 100% no-repeat scroll }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap }
th:last-child, td:last-child { white-space: normal; min-width: 6rem; padding-right: 0 }
tr.best td { background: var(--best) }
figure { margin: 1.8rem 0 }
/* a narrow window scrolls over a picture; one that shrank with it could not be read */
figure img { height: auto; max-width: 100%; min-width: min(100%, 40rem) }
@media (max-width: 45rem) { figure img { max-width: none; min-width: 40rem } }
code { font-weight: 400 }
pre { background: var(--box); padding: .8rem; font-size: .88rem }
"""
LACKING_AT_MOST = 200
IN_ADDRESS = " !$'()*+,-./:;=?@_~{}[]|^"
"""Signs that may stand in the address of a picture within a page."""


def report(
    comparisons: Sequence[Comparison],
    pictures: Sequence[DrawnPicture],
    *,
    title: str,
    sources: Sequence[str],
    at: float,
) -> str:
    """Return the report as HTML.

    Args:
        comparisons: of a grid, or of several, one per problem.
        pictures: SVG.
        title: the grids' names, preceded by their owners' if that is somebody else.
        sources: the file of each grid.
        at: seconds since the epoch, when it was read.
    """
    grids = comparisons[0].grids
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}: comparison</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="meta">{_grids_told(grids, when)}</p>',
    ]
    for comparison in comparisons:
        parts += _comparison(comparison)
        of = (comparison.task, comparison.problem)
        parts += [_figure(picture) for picture in pictures if (picture.task, picture.problem) == of]
    for grid, source in zip(grids, sources, strict=True):
        whose = f" of {escape(_told(grid))}" if len(grids) > 1 else ""
        parts += [f"<h2>The grid file{whose}</h2>", f"<pre>{escape(source)}</pre>"]
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _grids_told(grids: Sequence[GridCompared], when: str) -> str:
    if len(grids) == 1:
        (grid,) = grids
        return f"Grid {escape(grid.grid_id)} of {escape(grid.user)}, as it stood at {when}."
    told = [f"{escape(_told(one))} of {escape(one.user)}, {one.points:,} runs" for one in grids]
    return f"Grids as they stood at {when}: {'; '.join(told)}."


def _told(grid: GridCompared) -> str:
    return f"{grid.grid} ({grid.grid_id})"


def _comparison(comparison: Comparison) -> list[str]:
    told = f"Results of {comparison.ended:,} of {comparison.points:,} runs"
    heading = ", ".join(filter(None, (told, wording.heading(comparison))))
    parts = [f"<h2>{escape(_capital(comparison.title))}</h2>", f"<p>{escape(heading)}.</p>"]
    first, *others = [comparison.verdict, *wording.notes(comparison)]
    if first:
        parts.append(f'<p class="verdict">{_sentence(first)}</p>')
    rows = [_row(group, wording.cells(comparison, group)) for group in comparison.groups]
    parts += _table(wording.columns(comparison), rows) if rows else []
    parts += [f'<p class="note">{_sentence(note)}</p>' for note in (*others, wording.EXPLAINED)]
    if columns := wording.tested_columns(comparison):
        parts.append(f"<p>{escape(_capital(wording.tested_heading(comparison)))}.</p>")
        rows = [_row(group, wording.tested_cells(group)) for group in comparison.groups]
        parts += _table(columns, rows)
    return parts + _lacking(comparison)


def _sentence(text: str) -> str:
    said, commands = wording.with_commands(text)
    return "<br>".join([escape(said), *(f"<code>{escape(one)}</code>" for one in commands)])


def _table(columns: Sequence[str], rows: Sequence[str]) -> list[str]:
    heads = "".join(f"<th>{escape(column)}</th>" for column in columns)
    head = f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>'
    return [head, *rows, "</tbody></table></div>"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _row(group: Group, told: Sequence[str]) -> str:
    kind = ' class="best"' if group.standing in (BEST, MAY_BE) else ""
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in told)
    return f"<tr{kind}>{cells}</tr>"


def _lacking(comparison: Comparison) -> list[str]:
    if not comparison.lacking:
        return []
    lines = [
        f"<li>{escape(wording.lacking_told(comparison, one))}: {escape(one.config)}, "
        f"seed {one.seed}: {escape(one.why)}</li>"
        for one in comparison.lacking[:LACKING_AT_MOST]
    ]
    if (more := len(comparison.lacking) - LACKING_AT_MOST) > 0:
        lines.append(f"<li>and {more:,} more</li>")
    return [
        f"<h3>Without a value of their own: {len(comparison.lacking):,}</h3>",
        "<ul>",
        *lines,
        "</ul>",
    ]


def _figure(picture: DrawnPicture) -> str:
    from bptt.figures import for_page

    # three bytes for each sign that an address cannot have, instead of a third for all of them
    data = quote(for_page(picture.content).decode().replace('"', "'"), safe=IN_ADDRESS)
    source = f"data:image/svg+xml,{data}"
    return (
        f'<figure><div class="scroll"><img alt="{escape(picture.alt)}" src="{source}"></div>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )
