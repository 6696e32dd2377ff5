"""Options of commands: what several take is declared once."""

import ast
from collections import defaultdict

from tests.architecture.sources import files, name_of, tree


def test_an_option_that_several_commands_take_is_declared_once():
    declared = defaultdict(list)
    for path in files("services/bptt/cli"):
        for node in ast.walk(tree(path)):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="option" | "argument"),
                    args=[ast.Constant(value=name), *_],
                    keywords=keywords,
                ) if name.startswith("--"):
                    said = sorted(ast.unparse(one) for one in keywords if one.arg == "help")
                    declared[name, *said].append(f"{name_of(path)}:{node.lineno}")

    assert len(declared) > 20
    assert {option: places for option, places in declared.items() if len(places) > 1} == {}
