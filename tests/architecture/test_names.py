"""One word, one meaning."""

import ast
from collections import defaultdict

from tests.architecture.sources import files, name_of, tree


def test_a_public_class_name_occurs_once():
    places = defaultdict(list)
    for path in files("services", "plugins"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{name_of(path)}:{node.lineno}")

    assert len(places) > 200
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
