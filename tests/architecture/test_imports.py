"""Who imports what, as far as layers do not say it: see [tool.importlinter] for those."""

import ast
import graphlib
import re

import grimp
import pytest

from tests.architecture.sources import PROGRAM, files, module_of, name_of, tree

FOR_AUTHORS = {"bptt.contracts", "bptt.conformance"}
"""What the authors of plugins import: who uses a name of theirs is not for us to know."""


@pytest.mark.parametrize(
    ("module", "owner"),
    [
        ("mlflow", "services/bptt/tracking/"),
        ("matplotlib", "services/bptt/figures/"),
        ("rich", "services/bptt/cli/"),
        ("click", "services/bptt/cli/"),
    ],
)
def test_library_is_imported_in_one_place_only(module, owner):
    imports = re.compile(rf"^\s*(import|from) {module}\b", re.MULTILINE)

    importers = {name_of(path) for path in files(*PROGRAM) if imports.search(path.read_text())}

    assert importers
    assert all(importer.startswith(owner) for importer in importers), importers


def test_no_module_imports_itself_by_way_of_others():
    graph = grimp.build_graph("bptt", exclude_type_checking_imports=True, cache_dir=None)
    imported = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}

    # an import inside a function counts; raises where there is a circle, and names it
    order = list(graphlib.TopologicalSorter(imported).static_order())

    assert len(order) > 300


def exports(module: ast.Module) -> set[str]:
    """Return what a module lists in `__all__`."""
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return set(ast.literal_eval(value))
    return set()


def names_used(module: ast.Module) -> set[str]:
    """Return all that a module imports or reads of a module it has imported, with full names."""
    imported: dict[str, str] = {}
    used = set()
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                imported |= {one.asname or one.name: one.name for one in names}
            case ast.ImportFrom(module=str(source), names=names):
                imported |= {one.asname or one.name: f"{source}.{one.name}" for one in names}
                used |= {f"{source}.{one.name}" for one in names}
    for node in ast.walk(module):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in imported:
                used.add(f"{imported[name]}.{attribute}")
    return used


def test_a_room_exports_only_what_another_room_uses():
    rooms = {
        module_of(path): exports(tree(path))
        for path in files("services")
        if path.name == "__init__.py"
    }
    unused = {
        f"{room}.{name}"
        for room, names in rooms.items()
        if room not in FOR_AUTHORS
        for name in names
    }
    for path in files(*PROGRAM, "benchmarks", "docs"):
        own = module_of(path)
        unused -= {
            name
            for name in names_used(tree(path))
            if not f"{own}.".startswith(f"{name.rpartition('.')[0]}.")
        }

    assert len(rooms) > 15
    assert sorted(unused) == []
