"""`exclude`: points of the product that are dropped."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bptt import registry
from bptt.errors import PluginError, did_you_mean
from bptt.optimizers import OPTIMIZERS
from bptt.registry import wording
from bptt.registry.option import MisfitError
from bptt.run_file.contents import PARTS, Contents, SectionContent
from bptt.run_file.document import Node
from bptt.run_file.evaluation import EVALUATION
from bptt.run_file.faults import InputPlace
from bptt.run_file.overrides import NAMED_SECTIONS
from bptt.run_file.plugins import check_of
from bptt.run_file.reading import Reading
from bptt.run_file.sections import GRID_ONLY, PLAIN, SECTIONS, SEED_CHECK, checks, unknown_section
from bptt.spec import section_text

TELLING_APART = tuple(name for name in PARTS if name != EVALUATION)
"""Sections whose content may differ between the points of a grid."""

Numbers = Mapping[str, Sequence[int]]
"""For every section the numbers of its contents, for `seed` the seeds themselves."""


@dataclass(frozen=True)
class Exclusion:
    """One element of `exclude`: what a point must have to be dropped."""

    place: InputPlace
    wanted: Mapping[str, set[str]]
    """By path (`cell.name`, `optimizer.lr`, `seed`) the canonical texts of the values."""

    def narrow(self, numbers: Numbers, tables: Mapping[str, Sequence[SectionContent]]) -> Numbers:
        """Return, for every section, what is left of `numbers` where the exclusion matches."""
        left = dict(numbers)
        for path, texts in self.wanted.items():
            section, _, option = path.partition(".")
            if section == "seed":
                left["seed"] = [seed for seed in left["seed"] if str(seed) in texts]
                continue
            table = tables[section]
            left[section] = [n for n in left[section] if _holds(table[n], option, texts)]
        return left


def _holds(content: SectionContent, option: str, texts: set[str]) -> bool:
    if option == "name":
        return section_text(content.branch.name) in texts
    options = content.options
    return option in options and section_text(options[option]) in texts


def read_exclusions(
    node: Node | None, root: Mapping[str, Node], contents: Contents, reading: Reading
) -> Iterator[Exclusion]:
    """Yield each element of `exclude`; one with faults is incomplete."""
    named = {
        section: list(dict.fromkeys(b.name for b in contents.branches(section, root)))
        for section in NAMED_SECTIONS
    }
    for key, place, entry in point_list("exclude", node, reading):
        wanted: dict[str, set[str]] = {}
        flat = list(_flat(entry, key))
        plugins = {section: names + _named(section, flat) for section, names in named.items()}
        for path, inner, value in flat:
            check = _check(path, inner, value, plugins, reading)
            if check is not None:
                given = reading.values(path, inner, value, check)
                wanted[path] = {section_text(g.value) for g in given}
        yield Exclusion(place, wanted)


def point_list(
    name: str, node: Node | None, reading: Reading
) -> Iterator[tuple[str, InputPlace, dict[str, Node]]]:
    """Yield key, place and content of each point that `include` or `exclude` lists."""
    if node is None or node.value is None or node.value == []:
        return
    example = f"{name}: [{{cell: rnn, optimizer.lr: 1e-2}}]"
    if not isinstance(node.value, list):
        message = f"{name} must be a list of points, for example {example}."
        reading.faults.add(name, node.place, message)
        return
    for position, element in enumerate(node.value):
        key = f"{name}[{position}]"
        if not isinstance(element.value, dict) or not element.value:
            message = f"{name} must list points as mappings, for example {example}."
            reading.faults.add(key, element.place, message)
        elif not reading.faults.concern(key):
            yield key, element.place, element.value


def _flat(entry: Mapping[str, Node], key: str) -> Iterator[tuple[str, str, Node]]:
    """Yield (path, key, node): `cell: rnn` and `cell: {name: rnn}` are `cell.name: rnn`."""
    for name, node in entry.items():
        inner = f"{key}.{name}"
        if isinstance(node.value, dict) and "." not in name:
            for option, child in node.value.items():
                yield f"{name}.{option}", f"{inner}.{option}", child
        elif name in NAMED_SECTIONS:
            yield f"{name}.name", inner, node
        else:
            yield name, inner, node


def _named(section: str, entry: Sequence[tuple[str, str, Node]]) -> list[str]:
    """Return what an element itself names: after a `--set` the grid may no longer have it."""
    found: list[str] = []
    for path, _, node in entry:
        if path == f"{section}.name":
            values = node.value if isinstance(node.value, list) else [node]
            found += [value.value for value in values if _usable(section, value.value)]
    return found


def _usable(section: str, name: object) -> bool:
    if section == "optimizer":
        return name in OPTIMIZERS
    try:
        return bool(registry.load(section, str(name)))  # type: ignore[arg-type]
    except PluginError:
        return False


def _check(
    path: str,
    key: str,
    node: Node,
    plugins: Mapping[str, Sequence[str]],
    reading: Reading,
) -> Callable[[Any], Any] | None:
    """Return the check for a value of this path, or None with a fault noted."""
    section, _, option = path.partition(".")
    if path == "seed":
        return SEED_CHECK
    if section not in TELLING_APART or not option:
        allowed = [name for name in SECTIONS if name in (*TELLING_APART, "seed")]
        message = f"{path} is a whole section; name an option of it, as in {path}.x."
        if section not in TELLING_APART:
            problem = unknown_section(section, [*SECTIONS, *GRID_ONLY])
            if section in (*SECTIONS, *GRID_ONLY):
                problem = f"{wording.show(path)} does not tell points apart."
            message = f"{problem} Allowed: {', '.join(allowed)}."
        reading.faults.add(key, node.place, message)
        return None
    if option == "name" and section not in PLAIN:
        installed = OPTIMIZERS if section == "optimizer" else registry.discover(section)  # type: ignore[arg-type]
        return _one_of(list(installed))
    taking = [taken[option] for taken in _options(section, plugins, reading) if option in taken]
    if not taking and (section in PLAIN or plugins[section]):
        allowed = sorted({name for taken in _options(section, plugins, reading) for name in taken})
        hint = did_you_mean(option, allowed)
        message = f"{path} is not an option of any point{hint} Allowed: {', '.join(allowed)}."
        reading.faults.add(key, node.place, message)
    return _first_that_fits(taking) if taking else None


def _options(
    section: str, plugins: Mapping[str, Sequence[str]], reading: Reading
) -> Iterator[Mapping[str, Callable[[Any], Any]]]:
    """Yield, for each plugin or optimiser of a section, the checks of its options."""
    if section in PLAIN:
        yield checks(PLAIN[section])
        return
    for name in plugins[section]:
        if section == "optimizer":
            yield checks(OPTIMIZERS[name])
        else:
            known = registry.options(registry.load(section, name))  # type: ignore[arg-type]
            yield {option: check_of(declared, reading) for option, declared in known.items()}


def _one_of(names: Sequence[str]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value in names:
            return value
        hint = did_you_mean(value, names) if isinstance(value, str) else "."
        raise MisfitError(f"must be one of {', '.join(names)}, got {wording.show(value)}{hint}")

    return check


def _first_that_fits(taking: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a check that passes if any plugin accepts the value: the others never match it."""

    def check(value: Any) -> Any:
        refusals: list[MisfitError] = []
        for one in taking:
            try:
                return one(value)
            except MisfitError as misfit:
                refusals.append(misfit)
        raise refusals[0]

    return check


def dropped(
    exclusions: Sequence[Exclusion],
    numbers: Numbers,
    order: Sequence[str],
    tables: Mapping[str, Sequence[SectionContent]],
    notes: list[str],
) -> tuple[set[tuple[int, ...]], list[tuple[Exclusion, int]]]:
    """Return the rows that are dropped, sections in `order`, and how many each element drops.

    Adds a note for each element that matches no point.
    """
    rows: set[tuple[int, ...]] = set()
    counts = []
    for exclusion in exclusions:
        left = exclusion.narrow(numbers, tables)
        matching = math.prod(len(left[name]) for name in order)
        counts.append((exclusion, matching))
        if matching == 0:
            notes.append(f"{exclusion.place.text}: exclude matches no point.")
        rows.update(itertools.product(*(left[name] for name in order)))
    return rows, counts
