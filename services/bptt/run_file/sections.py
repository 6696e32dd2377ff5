"""Sections without plugins: values checked against the fields of the spec's own models."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Annotated, Any, get_type_hints

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from bptt.bounds import beyond
from bptt.errors import did_you_mean
from bptt.optimizers import OPTIMIZERS, Adam
from bptt.registry import wording
from bptt.registry.option import MisfitError
from bptt.run_file.document import Node
from bptt.run_file.reading import Branch, Given, Reading
from bptt.section import Section
from bptt.spec import ModelSpec, RunSpec, StatisticsSpec, TrainingSpec

PLAIN: Mapping[str, type[Section]] = {
    "model": ModelSpec,
    "training": TrainingSpec,
    "statistics": StatisticsSpec,
}
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


LABELLED = (
    "a text of 1 to 100 printable characters (in quotes, if it looks like a number), not blank, "
    "without / and \\ and not beginning with -"
)


def is_label(value: object) -> bool:
    """Say whether a text may be the name of a grid, a run or a project."""
    # on a command line, a word that begins with - is an option, and one with / refers elsewhere
    return (
        isinstance(value, str)
        and 0 < len(value) <= 100
        and value.isprintable()
        and value.strip() == value
        and not value.startswith("-")
        and not {"/", "\\"} & set(value)
    )


def _label(value: object) -> str:
    if isinstance(value, str) and is_label(value):
        return value
    raise ValueError(f"must be {LABELLED}")


LABEL = Annotated[str, BeforeValidator(_label)]


def _name(value: object) -> str:
    label = _label(value)
    if "/" in label:
        raise ValueError("must not contain '/', which stands between a user and the name of a grid")
    return label


LABELS = {"name": Annotated[str, BeforeValidator(_name)], "project": LABEL}

SECTIONS = tuple(dict.fromkeys(["name", "project", *RunSpec.model_fields]))
MOST_SEEDS = 2**63
GRID_ONLY = ("seeds", "include", "exclude")
"""What else a grid file may contain."""


def check_names(root: Mapping[str, Node], reading: Reading) -> None:
    """Note every top-level key that is not a section."""
    allowed = [*SECTIONS, *GRID_ONLY] if reading.grid else SECTIONS
    for name, node in root.items():
        if name in allowed:
            continue
        if name in GRID_ONLY:
            reading.refuse_grid(name, name, node, "is for a grid file: it")
            continue
        message = f"{unknown_section(name, allowed)} Allowed: {', '.join(allowed)}."
        reading.faults.add(name, node.place, message)


def unknown_section(name: str, allowed: Sequence[str]) -> str:
    """Say that there is no such section, and which one may be meant."""
    homes: Mapping[str, type[Section]] = {**PLAIN, "optimizer": Adam}
    home = next((s for s, model in homes.items() if name in model.model_fields), None)
    hint = f"; did you mean '{home}.{name}'?" if home else did_you_mean(name, allowed)
    kind = "grid" if GRID_ONLY[0] in allowed else "run"
    return f"{wording.show(name)} is not a section of a {kind} file{hint}"


def read_label(name: str, root: Mapping[str, Node], reading: Reading) -> str | None:
    """Return the name or the project if it is given and valid; neither can be an axis."""
    node = root.get(name)
    if node is None:
        return None
    if reading.grid and isinstance(node.value, list):
        message = f"{name} must be one text for the whole grid, got a list."
        reading.faults.add(name, node.place, message)
        return None
    given = reading.values(name, name, node, _check_of(LABELS[name]))
    return given[0].value if given else None


def read_seeds(root: Mapping[str, Node], reading: Reading) -> Sequence[int]:
    """Return the seeds: `seed: 3`, `seed: [1, 2]`, `seeds: [1, 2]`, or `seeds: 5` for 0 to 4."""
    count = root.get("seeds")
    if count is None or not reading.grid:
        if "seed" not in root:
            return [0]
        return [given.value for given in reading.values("seed", "seed", root["seed"], SEED_CHECK)]
    if "seed" in root:
        message = "seeds stands next to seed: leave one of them out."
        reading.faults.add("seeds", count.place, message)
    if isinstance(count.value, list):
        return [given.value for given in reading.values("seeds", "seeds", count, SEED_CHECK)]
    # a longer range has no length
    if type(count.value) is int and 0 < count.value < MOST_SEEDS:
        return range(count.value)
    got = "a mapping" if isinstance(count.value, dict) else wording.show(count.value)
    wanted = f"how many seeds, an integer > 0 and < {MOST_SEEDS}, or a list of seeds"
    reading.faults.add("seeds", count.place, f"seeds must be {wanted}, got {got}.")
    return []


def read_plain(section: str, node: Node | None, reading: Reading) -> list[Branch]:
    """Return the content of a section that has only options."""
    model = PLAIN[section]
    known = checks(model)
    branches = []
    for entry in reading.entries(section, node, named=False):
        options: dict[str, Sequence[Given]] = {}
        for name, child in entry.children.items():
            key = f"{entry.key}.{name}"
            if name in known:
                options[name] = reading.values(f"{section}.{name}", key, child, known[name])
                continue
            hint = did_you_mean(name, list(known))
            message = f"{section}.{name} is not an option of {section}{hint}"
            reading.faults.add(key, child.place, f"{message} Allowed: {', '.join(known)}.")
        build = partial(_build, model)
        branches.append(Branch(section, entry.key, entry.place, options, build))
    return branches


def read_optimizers(node: Node | None, reading: Reading) -> list[Branch]:
    """Return each optimiser, given as a name or as a mapping with its options."""
    branches = []
    for entry in reading.entries("optimizer", node, named=True):
        names: Sequence[Given] = [Given(Adam().name, entry.place)]
        if "name" in entry.children:
            key = f"{entry.key}.name"
            names = reading.values("optimizer.name", key, entry.children["name"], _text)
        for name in names:
            if name.value not in OPTIMIZERS:
                message = f"Unknown optimizer {wording.show(name.value)}"
                message += did_you_mean(name.value, list(OPTIMIZERS))
                message += f" Allowed: {', '.join(OPTIMIZERS)}."
                reading.faults.add(f"{entry.key}.name", name.place, message)
                continue
            model = OPTIMIZERS[name.value]
            known = checks(model)
            options: dict[str, Sequence[Given]] = {}
            for option, child in entry.children.items():
                key, path = f"{entry.key}.{option}", f"optimizer.{option}"
                if option in known:
                    options[option] = reading.values(path, key, child, known[option])
                elif option != "name":
                    message = _foreign_option(option, name.value, list(known))
                    reading.faults.add(key, child.place, f"{path} {message}")
            build = partial(_build, model)
            branch = Branch("optimizer", entry.key, name.place, options, build, name.value)
            branches.append(branch)
    return branches


def _foreign_option(option: str, name: str, known: Sequence[str]) -> str:
    others = [repr(other) for other, o in OPTIMIZERS.items() if option in o.model_fields]
    hint = f", but of {', '.join(others)}." if others else did_you_mean(option, known)
    message = f"is not an option of the optimizer {name!r}{hint}"
    return f"{message} Allowed: {', '.join(known)}."


def _build(model: type[Section], values: dict[str, Any]) -> Section:
    return model(**values)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise MisfitError(f"must be one of {', '.join(OPTIMIZERS)}, got {wording.show(value)}.")


@lru_cache
def checks(model: type[Section]) -> Mapping[str, Callable[[Any], Any]]:
    """Return the check for a value of each option of a section."""
    hints = get_type_hints(model, include_extras=True)
    return {name: _check_of(hints[name]) for name in model.model_fields if name != "name"}


@lru_cache
def _check_of(annotation: Any) -> Callable[[Any], Any]:
    adapter = TypeAdapter[Any](annotation, config=STRICT)

    def check(value: Any) -> Any:
        # within the option's own bounds, but not a single-precision number
        if isinstance(value, float) and (bound := beyond(value)) is not None:
            described = wording.describe(annotation) or "a number"
            raise MisfitError(f"must be {described}, {bound}, got {wording.show(value)}.")
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            reasons = [fault["msg"].removeprefix("Value error, ") for fault in error.errors()]
            raise MisfitError(wording.misfit(annotation, value, reasons)) from None

    return check


SEED_CHECK = _check_of(get_type_hints(RunSpec, include_extras=True)["seed"])
"""Checks one seed."""
