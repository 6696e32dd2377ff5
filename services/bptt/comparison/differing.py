"""In which paths whole configurations differ, whatever the files spelt out that they came from."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bptt.content import SHOWN, digest_of
from bptt.registry.plugin_code import MARK, program_of
from bptt.spec import SECTIONS

PROGRAM = "program"
"""The last word of the path of what a plugin is, in `cell.program`."""
DATA, VERSION = "task.data", f"training.{PROGRAM}"
"""Paths of the data of a task that are not in its options, and of what trains."""
OF_PLUGINS = ("task", "cell", "clipper")
MEASURED = ("statistics", "evaluation")
"""Sections of a spec that say what is measured, and change nothing of what is trained."""


@dataclass(frozen=True)
class Content:
    """All that determines a run's result, apart from its seed."""

    spec: str
    """Canonical JSON with seed 0, without what is only measured."""
    plugins: str
    """JSON with sorted keys: what each plugin is, by `kind:name`."""
    data: str
    """The task's fingerprint."""
    version: int
    """Of what trains; 0: unknown."""


@dataclass(frozen=True)
class _Section:
    """What a section holds in some configurations."""

    name: str
    """Of its plugin or optimiser; empty where there is no choice."""
    options: Mapping[str, Any]


def is_program(path: str) -> bool:
    """Say whether the values on a path are programs, not what a file says."""
    section, _, last = path.partition(".")
    return last == PROGRAM and section in (*OF_PLUGINS, "training")


def differing(
    contents: Iterable[Content], first: Sequence[str], files: Mapping[str, str]
) -> dict[Content, dict[str, Any]]:
    """Return the value of each configuration on every path in which any two of them differ.

    Options of a plugin differ among configurations with this plugin, as axes of a grid file do.
    A value that a file never spelt out is the default.

    Args:
        contents: of the configurations.
        first: paths in the order in which they, and their sections, come first.
        files: names of the files that specs refer to, by the hash of their content.
    """
    specs = {one: json.loads(one.spec) for one in contents}
    found: dict[Content, dict[str, Any]] = {one: {} for one in specs}
    for section in SECTIONS:
        if section != "seed":
            held = {one: _text(spec.get(section, {})) for one, spec in specs.items()}
            _add_section(section, held, found, files)
    for one, program in _versions(specs).items():
        found[one][VERSION] = program
    order = ordered([path for values in found.values() for path in values], first)
    return {
        one: {path: values[path] for path in order if path in values}
        for one, values in found.items()
    }


def measured_otherwise(specs: Iterable[str], files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what each spec says on the paths of what is only measured, where any two differ.

    Args:
        specs: canonical JSON.
        files: names of the files that specs refer to, by the hash of their content.
    """
    read = {Content(text, "", "", 0): json.loads(text) for text in dict.fromkeys(specs)}
    found: dict[Content, dict[str, Any]] = {one: {} for one in read}
    for section in MEASURED:
        held = {one: _text(spec.get(section, {})) for one, spec in read.items()}
        _add_section(section, held, found, files)
    return {one.spec: values for one, values in found.items()}


def ordered(paths: Iterable[str], first: Sequence[str]) -> list[str]:
    """Return paths by their sections, a section before its options; as in `first` where there."""
    places = {path: place for place, path in enumerate(dict.fromkeys([*first, *paths]))}
    sections = list(dict.fromkeys([*(path.partition(".")[0] for path in first), *SECTIONS]))

    def key(path: str) -> tuple[int, bool, int]:
        section, _, option = path.partition(".")
        return sections.index(section), bool(option), places[path]

    return sorted(places, key=key)


def _add_section(
    section: str,
    held: Mapping[Content, str],
    found: Mapping[Content, dict[str, Any]],
    files: Mapping[str, str],
) -> None:
    """Add the paths of one section.

    Args:
        section: its name.
        held: its text in each configuration.
        found: values by path, of each configuration.
        files: names by hash.
    """
    distinct = {text: _read(section, json.loads(text)) for text in dict.fromkeys(held.values())}
    by_name: dict[str, dict[str, _Section]] = {}
    for text, content in distinct.items():
        by_name.setdefault(content.name, {})[text] = content
    values: dict[str, dict[str, Any]] = {text: {} for text in distinct}
    for name, same in by_name.items():
        for text in same if len(by_name) > 1 else ():
            values[text][section] = name
        for option in dict.fromkeys(option for one in same.values() for option in one.options):
            # what a text leaves out is null, but for a plugin of a version without this option
            told = {
                text: one.options.get(option)
                for text, one in same.items()
                if option in one.options or section not in OF_PLUGINS
            }
            if len(told) < len(same) or len(set(map(_text, told.values()))) > 1:
                for text, value in told.items():
                    values[text][f"{section}.{option}"] = _shown(value, files)
    for one, text in held.items():
        found[one].update(values[text])
    if section in OF_PLUGINS:
        _add_programs(section, {one: distinct[text].name for one, text in held.items()}, found)
    if section == "task":
        _add_data(held, found)


def _read(section: str, content: Mapping[str, Any]) -> _Section:
    if section in OF_PLUGINS:
        return _Section(content["name"], content["options"])
    if section == "evaluation":
        return _Section("", content.get("options", {}))
    return _Section(
        content.get("name", ""), {name: v for name, v in content.items() if name != "name"}
    )


def _add_programs(
    section: str, names: Mapping[Content, str], found: Mapping[Content, dict[str, Any]]
) -> None:
    """Add what the plugin of a section is, where one of this name is not the same everywhere."""
    by_name: dict[str, dict[Content, str]] = {}
    plugins = {text: json.loads(text) for text in {one.plugins for one in names}}
    for one, name in names.items():
        program = plugins[one.plugins].get(f"{section}:{name}", "")
        by_name.setdefault(name, {})[one] = program
    for programs in by_name.values():
        distinct = set(programs.values())
        origins = {text.rpartition(" ")[0] for text in map(_origin, distinct)}
        for one, text in programs.items() if len(distinct) > 1 else ():
            found[one][f"{section}.{PROGRAM}"] = program_of(text, with_name=len(origins) > 1)


def _add_data(held: Mapping[Content, str], found: Mapping[Content, dict[str, Any]]) -> None:
    """Add the data of tasks with equal options, where these do not determine them."""
    by_text: dict[str, dict[Content, str]] = {}
    for one, text in held.items():
        by_text.setdefault(text, {})[one] = one.data
    for data in by_text.values():
        for one, fingerprint in data.items() if len(set(data.values())) > 1 else ():
            found[one][DATA] = fingerprint[:SHOWN]


def _versions(contents: Iterable[Content]) -> dict[Content, str]:
    """Return what trained each configuration, if that is not the same for all that are alike."""
    by_rest: dict[tuple[str, str, str], list[Content]] = {}
    for one in contents:
        by_rest.setdefault((one.spec, one.plugins, one.data), []).append(one)
    return {
        one: f"version-{one.version}" if one.version else "unknown"
        for same in by_rest.values()
        for one in same
        if len(same) > 1
    }


def _origin(program: str) -> str:
    return program.partition(MARK)[0]


def _shown(value: Any, files: Mapping[str, str]) -> Any:
    """Return a value for people: a file by its name and the start of its hash."""
    digest = digest_of(value)
    return value if digest is None else f"{files.get(digest) or 'file'}@{digest[:SHOWN]}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
