"""`bptt grid`: what a grid file spans, without running any of it."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bptt.cli.listing import print_rows
from bptt.registry.wording import show as show_value

if TYPE_CHECKING:
    from bptt.run_file import GridRequest, RunRequest
    from bptt.spec import Axis

FIRST, LAST = 5, 2
"""Points shown of a long grid."""
MOST_VALUES = 12
"""Values shown of a long axis."""
MOST_PACKS = 10
DIGITS = 12
"""Of an identity, enough to tell runs apart."""


@click.command()
@click.argument("file")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a value, or make it an axis, as in --set seeds=3 --set optimizer.lr=[1e-3,3e-3].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def grid(file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check the grid that FILE spans and show its axes, points and packs; nothing is run.

    FILE is a run file in which every list is an axis. All faults are told at once, with their
    lines, and end the command with exit code 2.
    """
    from bptt.run_file import read_grid_file

    request = read_grid_file(file, overrides)
    packs = Counter(request.pack_keys())
    work = sum(request.flops())
    if as_json:
        click.echo(json.dumps(_as_json(request, packs, work), indent=1, allow_nan=False))
        return
    for note in request.notes:
        click.echo(note, err=True)
    _print(request, packs, work)


def _print(request: "GridRequest", packs: Counter[str], work: float) -> None:
    spec = request.spec
    seeds = len({row[-1] for row in spec.points.rows})
    counted = [_count(len(request), "point"), _count(seeds, "seed"), _count(len(packs), "pack")]
    click.echo(f"{spec.name} (project {spec.project}): {', '.join(counted)}\n")
    if spec.axes:
        rows = [[axis.path, _values(axis), axis.within] for axis in spec.axes]
        print_rows(["axis", "values", "only of"], rows)
        click.echo()
    print_rows(["pack", "points", "such as"], list(_pack_rows(request, packs)))
    click.echo()
    print_rows(["point", "run", "identity"], _point_rows(request))
    click.echo(
        f"\nAt most {sum(_updates(request)):,} updates and {work:.1e} floating point operations "
        "(counted by a model, not measured)."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _values(axis: "Axis") -> str:
    values = axis.values
    if axis.path == "seed" and len(values) > 2 and values == tuple(range(len(values))):
        return f"0 .. {len(values) - 1:,}"
    shown = [
        value if isinstance(value, str) else show_value(value).removesuffix(".0")
        for value in values
    ]
    if len(shown) > MOST_VALUES:
        shown[MOST_VALUES - 1 : -1] = ["..."]
    return ", ".join(shown)


def _pack_rows(request: "GridRequest", packs: Counter[str]) -> list[list[str]]:
    first: dict[str, int] = {}
    for number, key in enumerate(request.pack_keys()):
        first.setdefault(key, number)
    shown = list(first)[:MOST_PACKS]
    rows = [[key, f"{packs[key]:,}", _called(request[first[key]])] for key in shown]
    if len(packs) > MOST_PACKS:
        left = sum(packs.values()) - sum(packs[key] for key in shown)
        rows.append([f"{len(packs) - MOST_PACKS:,} more", f"{left:,}", ""])
    return rows


def _point_rows(request: "GridRequest") -> list[list[str]]:
    numbers: list[int | None] = list(range(len(request)))
    if len(numbers) > FIRST + LAST + 1:
        numbers[FIRST:-LAST] = [None]
    rows = []
    for number in numbers:
        if number is None:
            rows.append(["...", "", ""])
            continue
        point = request[number]
        rows.append([f"{number:,}", _called(point), point.identity[:DIGITS]])
    return rows


def _called(point: "RunRequest") -> str:
    return f"{point.config or point.name} seed={point.spec.seed}"


def _updates(request: "GridRequest") -> Sequence[int]:
    points = request.spec.points
    steps = [content.model_dump()["steps"] for content in points.sections["training"]]
    return [steps[number] for number in points.numbers("training")]


def _as_json(request: "GridRequest", packs: Counter[str], work: float) -> dict[str, Any]:
    spec = request.spec
    return {
        "name": spec.name,
        "project": spec.project,
        "points": len(request),
        "seeds": len({row[-1] for row in spec.points.rows}),
        "axes": [
            {"path": axis.path, "values": list(axis.values), "within": axis.within or None}
            for axis in spec.axes
        ],
        "packs": [{"key": key, "points": count} for key, count in packs.items()],
        "updates": sum(_updates(request)),
        "flops": work,
        "first": _point_json(request, 0),
        "last": _point_json(request, len(request) - 1),
        "notes": list(request.notes),
    }


def _point_json(request: "GridRequest", number: int) -> dict[str, Any]:
    point = request[number]
    return {
        "number": number,
        "name": point.name,
        "values": dict(point.values),
        "identity": point.identity,
        "pack_key": point.pack_key,
    }
