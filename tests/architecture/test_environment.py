"""Variables of the environment are read in one file."""

import ast

import pytest

from tests.architecture.sources import PROGRAM, files, name_of, tree

READING = {"environ", "environb", "getenv", "getenvb", "expandvars"}
WRITING = {"putenv", "unsetenv"}
ONE_READER = "services/bptt/settings.py"
OTHERS = {
    "services/bptt/temporary.py": "TMPDIR is tempfile's own, and comes before there are settings",
    "services/bptt/tracking/environment.py": "MLFLOW_* are MLflow's own, which it takes from there",
    "services/bptt/kernels/compiled/building.py": "hands the whole environment on to a compiler",
    "services/bptt/likeness.py": "tells PYTHONPATH and MLFLOW_* from other ones, and uses none",
    "services/bptt/worker/child.py": "sets, and never reads, what the driver of a GPU looks at",
}
"""What else touches it, and why."""


def touches_environment(module: ast.Module) -> bool:
    """Say whether a module reads or sets variables of the environment, by whatever name."""
    for node in ast.walk(module):
        match node:
            case ast.Attribute(attr=name) if name in READING | WRITING:
                return True
            case ast.ImportFrom(module="os" | "posix" | "os.path" | "posixpath", names=names):
                if any(one.name in READING | WRITING | {"*"} for one in names):
                    return True
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_]):
                if name in READING | WRITING:
                    return True
    return False


def test_settings_alone_read_the_environment():
    touching = {name_of(path) for path in files(*PROGRAM) if touches_environment(tree(path))}

    assert touching == {ONE_READER, *OTHERS}


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['HOME']",
        "import os as system\nsystem.environ.get('HOME')",
        "from os import environ\nenviron['HOME']",
        "from os import environ as variables\nvariables['HOME']",
        "from os import getenv as find\nfind('HOME')",
        "from os import *\nenviron['HOME']",
        "import os\nread = os.getenv\nread('HOME')",
        "import os\ngetattr(os, 'environ')",
        "import os\nos.path.expandvars('$HOME')",
        "def late():\n    from os import environb\n    return environb",
    ],
)
def test_a_reader_is_seen_by_whatever_name_it_reads(text):
    assert touches_environment(ast.parse(text))


def test_a_text_that_mentions_the_environment_reads_nothing():
    assert not touches_environment(ast.parse('"""os.environ, getenv"""\nenviron = 1\n# os.environ'))
