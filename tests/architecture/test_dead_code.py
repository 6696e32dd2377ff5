"""What nobody uses, as far as names can tell; what only tests use counts as unused."""

import ast
import re

from vulture import Vulture

from bptt.kernels.compiled.layout import FIELDS
from bptt.optimizers import OPTIMIZERS
from tests.architecture.sources import PROGRAM, ROOT, files, name_of, tree

USERS = (*PROGRAM, "benchmarks", "docs")
CALLED_BY_LIBRARIES = {
    "_should_skip_dynamo": "torch, of a mode that sees operations",
    "_compile": "SQLAlchemy, to write the moment as SQL",
    "d_read": "compiled C, by its place in a structure",
    "debug": "click, from the command line",
    "down_revision": "alembic, to order revisions",
    "format_commands": "click, to print help",
    "handle_request": "httpx, to ask the application",
    "inherit_cache": "SQLAlchemy, to know that a statement can be kept",
    "memo": "copy, in the signature of __deepcopy__",
    "model_config": "pydantic, to configure a model",
    "redis_server": "the doctor, by a name in its table",
    "should_terminate": "Celery, to end its worker",
    "vocabulary": "whoever reads what a model of a text predicts",
    "_buffers": "nobody: it keeps alive what addresses point to",
    "__getattr__": "Python, of what a module is asked for and lacks",
    "_weights": "nobody: it keeps alive what addresses point to",
}
"""Names that are used, and by what."""
DECORATORS = ["@click.*", "@plugins.*", "@tokens.*", "@users.*", "@database.*", "@router.*"]
"""Of commands and requests, which click and FastAPI call."""


NAMED = re.compile(r"bptt[\w.]*:(\w+)")


def named_in_texts() -> set[str]:
    """Return what entry points and tables name as `module:name`, to be imported when needed."""
    texts = [(ROOT / "pyproject.toml").read_text()]
    for path in files(*PROGRAM):
        constants = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant))
        texts += [one.value for one in constants if isinstance(one.value, str)]
    return {name for text in texts for name in NAMED.findall(text)}


def test_everything_is_used_by_something_other_than_a_test():
    looking = Vulture(ignore_decorators=DECORATORS)
    looking.scavenge([str(path) for path in files(*USERS)])

    unused = {
        item.name: f"{name_of(path)}:{item.first_lineno}: {item.typ} {item.name}"
        for item in looking.get_unused_code()
        if (path := item.filename) in files(*PROGRAM)
    }

    given_to_torch = {name for one in OPTIMIZERS.values() for name in one.model_fields}
    given_to_kernels = {field.name for field in FIELDS}
    allowed = set(CALLED_BY_LIBRARIES) | named_in_texts() | given_to_torch | given_to_kernels
    assert sorted(text for name, text in unused.items() if name not in allowed) == []
    # what is used after all, or gone, needs no exception
    assert set(CALLED_BY_LIBRARIES) - set(unused) == set()
