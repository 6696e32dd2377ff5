"""What a plugin is recorded as: its version, or its code where the version does not say."""

import base64
import hashlib
import json
import sys

import pytest

from bptt import registry
from bptt.registry import changes, code_of
from bptt.run_file import read_grid_text
from bptt.spec import identity_of

MINE = '''
"""A clipper."""
from bptt_plugins.clippers.none import NoClipping

class Mine(NoClipping):
    """Do nothing, at %s."""
    at: float = 0.5  # of the norm
'''
PACKAGE = "[bptt.clippers]\nmine = acme.mine:Mine\n"
RUN = "task: latch\ncell: rnn\nclipper: mine\n"
EDITABLE = {"dir_info": {"editable": True}}


@pytest.fixture
def install(install_plugin):
    """Return a function that installs a clipper and returns its folder."""

    def install(url=None, *, source=MINE, entry_points="[bptt.clippers]\nmine = acme_mine:Mine\n"):
        info = install_plugin(entry_points, source=source)
        if url is not None:
            address = {"url": info.parent.as_uri()}
            (info / "direct_url.json").write_text(json.dumps(address | url))
        if url is None or not url.get("dir_info", {}).get("editable"):
            digest = hashlib.sha256((info.parent / "acme_mine.py").read_bytes()).digest()
            text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            (info / "RECORD").write_text(f"acme_mine.py,sha256={text},1\n")
        return info.parent

    return install


@pytest.fixture
def package(install):
    """The folder of a package, installed in place, whose plugin leads to some of its modules."""
    site = install(EDITABLE, entry_points=PACKAGE)
    write(site / "acme" / "__init__.py", "")
    write(site / "acme" / "early.py", "import json\n")
    write(site / "acme" / "gates" / "__init__.py", "from .soft import soft\n")
    write(site / "acme" / "gates" / "soft.py", "def soft(): ...\n")
    write(site / "acme" / "late.py", "from . import early\nLATE = 1\n")
    write(site / "acme" / "numbers.py", "ONE = 1\n")
    write(site / "acme" / "unused.py", "UNUSED = 1\n")
    imports = "from .gates.soft import soft\nfrom .numbers import *\n"
    late = "def f():\n    import acme.late\n"
    write(site / "acme" / "mine.py", imports + late + MINE)
    write(site.parent / "elsewhere" / "stranger.py", "STRANGE = 1\n")
    return site


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def now():
    return code_of(registry.find("clipper", "mine"))


@pytest.mark.parametrize(
    "url", [None, {"archive_info": {"hash": "sha256=00"}}], ids=["of an index", "of a file"]
)
def test_plugin_of_a_wheel_is_its_version_and_keeps_the_identity_it_had(install, url):
    install(url)

    run = read_grid_text(RUN, "run.yaml")[0]

    assert now().text == run.plugins["clipper:mine"] == "acme-clippers 1.2"
    assert "acme_mine.py" not in run.code
    assert run.identity == identity_of(run.spec.canonical(), run.plugins, run.data)


@pytest.mark.parametrize(
    "url",
    [EDITABLE, {"dir_info": {}}, {"vcs_info": {"vcs": "git", "commit_id": "00ff"}}],
    ids=["in place", "of a folder", "of a repository"],
)
def test_plugin_of_sources_is_its_code_as_well(install, url):
    install(url)

    assert now().text.startswith("acme-clippers 1.2 code ")
    assert list(now().files) == ["acme_mine.py"]


@pytest.mark.parametrize(
    ("before", "after", "is_another"),
    [
        ("  # of the norm", "", False),
        ("A clipper", "My clipper", False),
        ("Do nothing", "Do no thing", False),
        ("0.5", "(\n        0.5\n    )", False),
        ("0.5", "0.25", True),
        ("at: float", "by: float", True),
        ("class Mine", "import math\nclass Mine", True),
        ("class Mine", "class Mine(", True),
    ],
    ids=["comment", "text", "docstring", "lines", "number", "name", "import", "broken"],
)
def test_edit_makes_another_run_unless_it_is_of_words(install, before, after, is_another):
    site = install(EDITABLE)
    earlier = now().text

    write(site / "acme_mine.py", MINE.replace(before, after, 1))

    assert (now().text != earlier) == is_another


def test_identity_of_a_run_changes_with_the_code_of_its_plugin(install):
    site = install(EDITABLE)
    earlier = read_grid_text(RUN, "run.yaml")[0]
    del sys.modules["acme_mine"]

    write(site / "acme_mine.py", MINE.replace("0.5", "0.25"))
    later = read_grid_text(RUN, "run.yaml")[0]

    assert later.identity != earlier.identity
    # how long it takes is still known
    assert later.cost_key == earlier.cost_key


def test_edit_in_the_folder_a_wheel_was_copied_to_is_noticed(install):
    site = install()
    write(site / "acme_mine.py", MINE.replace("0.5", "0.25"))

    assert now().text.startswith("acme-clippers 1.2 code ")


def test_code_is_the_module_and_what_it_imports_from_its_own_distribution(package):
    assert list(now().files) == [
        "acme/__init__.py",
        "acme/early.py",
        "acme/gates/__init__.py",
        "acme/gates/soft.py",
        "acme/late.py",
        "acme/mine.py",
        "acme/numbers.py",
    ]
    assert not [name for name in sys.modules if name.partition(".")[0] == "acme"]


def test_modules_of_others_do_not_count(package, monkeypatch):
    monkeypatch.syspath_prepend(package.parent / "elsewhere")
    with (package / "acme" / "mine.py").open("a") as mine:
        mine.write("import stranger\n")
    earlier = now().text

    write(package.parent / "elsewhere" / "stranger.py", "STRANGE = 2\n")
    write(package / "acme" / "unused.py", "UNUSED = 2\n")

    assert "stranger.py" not in now().files
    assert now().text == earlier


def test_difference_names_the_files(package):
    recorded, code = {"clipper:mine": now().text}, dict(now().files)
    assert changes(recorded, code) == {}

    write(package / "acme" / "late.py", "LATE = 2\n")
    write(package / "acme" / "gates" / "soft.py", "def soft(x): ...\n")

    assert changes(recorded, code, " on lab3") == {
        "clipper:mine": "of acme-clippers 1.2, and what is installed on lab3 differs in "
        "acme/gates/soft.py, acme/late.py"
    }
    write(package / "acme" / "mine.py", MINE)
    (told,) = changes(recorded, code).values()
    assert told == "of acme-clippers 1.2, and what is installed differs in acme/mine.py"


def test_same_code_in_a_wheel_is_the_same_plugin(install):
    site = install(EDITABLE)
    recorded, code = {"clipper:mine": now().text}, now().files
    (site / "acme_clippers-1.2.dist-info" / "direct_url.json").unlink()
    sys.modules.pop("acme_mine", None)
    digest = hashlib.sha256((site / "acme_mine.py").read_bytes()).digest()
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    write(site / "acme_clippers-1.2.dist-info" / "RECORD", f"acme_mine.py,sha256={text},1\n")
    (site / "touched.dist-info").mkdir()

    assert now().text == "acme-clippers 1.2"
    assert changes(recorded, code) == {}


def test_run_of_a_release_is_not_one_of_its_edited_code_unless_nobody_recorded_that(install):
    install(EDITABLE)
    recorded = {"clipper:mine": "acme-clippers 1.2"}

    assert changes(recorded, {}) == {
        "clipper:mine": "of acme-clippers 1.2 as released, and what is installed is other code"
    }
    assert changes(recorded, None) == {}


def test_what_a_process_has_imported_is_what_runs_in_it(install):
    site = install(EDITABLE)
    earlier = now().text
    registry.load("clipper", "mine")
    registry.keep_imported()

    write(site / "acme_mine.py", MINE.replace("0.5", "0.25"))

    assert now().text == earlier
    del sys.modules["acme_mine"]
    assert now().text != earlier
