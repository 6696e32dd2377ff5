"""From the sections of a file to the rows of its grid: the product minus `exclude` plus `include`.

A row holds the number of each section's content, and then the seed.
"""

import itertools
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from bptt.registry import wording
from bptt.run_file.contents import PARTS, Contents, Row
from bptt.run_file.document import Node
from bptt.run_file.evaluation import EVALUATION
from bptt.run_file.exclusion import dropped, point_list, read_exclusions
from bptt.run_file.faults import InputPlace
from bptt.run_file.overrides import put
from bptt.run_file.reading import Reading
from bptt.run_file.sections import check_names, read_seeds

MOST_POINTS = 1_000_000
POINTS = ("include", "exclude")
"""What a grid file contains besides sections."""


@dataclass
class Expansion:
    """The points of a grid, in order."""

    order: Sequence[str]
    """The sections as the file has them: the last varies fastest."""
    rows: list[Row] = field(default_factory=list)
    included: list[tuple[int, InputPlace]] = field(default_factory=list)
    """Where the points of each element of `include` begin, and where it is in the file."""
    notes: list[str] = field(default_factory=list)
    """Not faults, but probably not intended."""


@dataclass(frozen=True)
class Product:
    """One file without `include` and `exclude`: the product of all its lists."""

    root: Mapping[str, Node]
    place: InputPlace
    seeds: Sequence[int]
    order: tuple[str, ...]
    """The sections as the file has them: the last varies fastest."""


def expand(root: Mapping[str, Node], contents: Contents, reading: Reading) -> Expansion:
    """Return the points a file asks for; faults are noted, too many points are not expanded."""
    base = {name: node for name, node in root.items() if name not in POINTS}
    include, exclude = (root.get(name) if reading.grid else None for name in POINTS)
    product = _product(base, InputPlace(0, reading.source), contents, reading)
    added = []
    for key, place, entry in point_list("include", include, reading):
        if (sections := _with(base, key, entry, reading)) is not None:
            added.append(_product(sections, place, contents, reading))
    exclusions = list(read_exclusions(exclude, base, contents, reading))
    expansion = Expansion(product.order)
    if exclude is not None and reading.faults.by_path:
        return expansion  # which points remain is unknown
    if too_many := _too_many([product, *added], contents):
        reading.faults.add("", product.place, too_many)
        return expansion
    numbers = _numbers(product, contents)
    drop, matches = dropped(exclusions, numbers, product.order, contents.tables, expansion.notes)
    expansion.rows = _rows(product, numbers, drop)
    if exclude is not None and drop and not (expansion.rows or added):
        each = ", ".join(f"{e.place.text} drops {matching:,}" for e, matching in matches)
        message = f"exclude leaves none of the {len(drop):,} points: {each}."
        reading.faults.add("exclude", exclude.place, message)
    for one in added:
        expansion.included.append((len(expansion.rows), one.place))
        expansion.rows += _rows(one, _numbers(one, contents), set())
    return expansion


def _numbers(product: Product, contents: Contents) -> dict[str, Sequence[int]]:
    # a substitute for what has faults, so that the rest can be checked
    numbers: dict[str, Sequence[int]] = {
        name: contents.numbers(name, product.root) or [-1] for name in PARTS
    }
    return {**numbers, "seed": product.seeds or [0]}


def _rows(
    product: Product, numbers: Mapping[str, Sequence[int]], drop: Container[Row]
) -> list[Row]:
    to_row = itemgetter(*(product.order.index(name) for name in (*PARTS, "seed")))
    spanned = itertools.product(*(numbers[name] for name in product.order))
    return [to_row(point) for point in spanned if point not in drop]


def _product(
    root: Mapping[str, Node], place: InputPlace, contents: Contents, reading: Reading
) -> Product:
    for name in PARTS:
        contents.branches(name, root)
    named = ["seed" if name == "seeds" else name for name in root]
    order = [name for name in dict.fromkeys(named) if name in PARTS or name == "seed"]
    order += [name for name in (*PARTS, "seed") if name not in order]
    return Product(root, place, read_seeds(root, reading), tuple(order))


def _with(
    base: Mapping[str, Node], key: str, entry: Mapping[str, Node], reading: Reading
) -> Mapping[str, Node] | None:
    """Return the file with the values of an element of `include` in place of its own."""
    changed = dict(base)
    for path, node in entry.items():
        section, dot, option = path.partition(".")
        if section in ("name", "project", EVALUATION, *POINTS) or (dot and not option):
            message = f"{wording.show(path)} does not tell points apart."
            reading.faults.add(f"{key}.{path}", node.place, message)
            return None
        put(changed, path, node)
    added = {name: node for name, node in changed.items() if base.get(name) is not node}
    check_names(added, reading)
    return changed


def _counts(product: Product, contents: Contents) -> dict[str, int]:
    """Return how many values each axis has, without making contents.

    A section that is a list counts as one axis with everything it yields.
    """
    counts: dict[str, int] = {}
    for name in product.order:
        if name == "seed":
            counts["seeds"] = len(product.seeds)
            continue
        branches = contents.branches(name, product.root)
        if len(branches) == 1:
            options = branches[0].options.items()
            counts |= {f"{name}.{option}": len(values) for option, values in options}
        else:
            # a section with faults is not expanded, but the others are counted
            counts[name] = contents.count(name, product.root) or 1
    return counts


def _too_many(products: Sequence[Product], contents: Contents) -> str | None:
    """Return the fault of a grid that is too large, before any of it is expanded."""
    counts = [_counts(product, contents) for product in products]
    sizes = [math.prod(count.values()) for count in counts]
    if sum(sizes) <= MOST_POINTS:
        return None
    largest = counts[sizes.index(max(sizes))]
    axes = " x ".join(f"{count:,} {name}" for name, count in largest.items() if count > 1)
    return f"{sum(sizes):,} points (axes: {axes}), at most {MOST_POINTS:,}. Split the grid."
