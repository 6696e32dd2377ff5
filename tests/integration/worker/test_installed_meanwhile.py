"""Plugins that are installed, changed and uninstalled while a worker is up."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from bptt import store
from bptt.run_folder import attempts
from bptt.worker.preloaded import Preloaded
from tests.integration.worker.queue import GRID, PATIENCE
from tests.servers import until

HATCHLING = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
only-include = ["my_bits.py"]
"""
SETUPTOOLS = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
py-modules = ["my_bits"]
"""
PROJECT = """
[project]
name = "my-bits"
version = "VERSION"
[project.entry-points."bptt.clippers"]
mine = "my_bits:Mine"
"""
SOURCE = """
from bptt_plugins.clippers.none import NoClipping
class Mine(NoClipping):
    "Do nothing."
"""
MINE = f"{GRID}clipper: mine\n"


class Place:
    """An environment that sees this one's packages, and a distribution to install there."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        variables = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        self.site = Path(sysconfig.get_path("purelib", vars=variables))
        seen = [entry for entry in sys.path if Path(entry).is_dir()]
        (self.site / "here.pth").write_text("".join(f"{entry}\n" for entry in seen))
        self.source = folder / "my_bits"
        self.source.mkdir()
        (self.source / "my_bits.py").write_text(SOURCE)

    def install(self, build: str, version: str = "1.0") -> None:
        project = (build + PROJECT).replace("VERSION", version)
        (self.source / "pyproject.toml").write_text(project)
        how = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        self._pip("install", *how, "--editable", str(self.source))

    def uninstall(self) -> None:
        self._pip("uninstall", "--yes", "my-bits")

    def _pip(self, *words: str) -> None:
        command = [str(self.python), "-m", "pip", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "build",
    [
        # how each is found by a process that lives is tested below
        pytest.param(HATCHLING, id="path file", marks=pytest.mark.soak),
        pytest.param(SETUPTOOLS, id="finder"),
    ],
)
def test_run_of_a_plugin_that_was_installed_while_the_worker_is_up_succeeds(
    queue, redis, start_worker, tmp_path, monkeypatch, build
):
    place = Place(tmp_path)
    worker = start_worker(python=str(place.python), slots=1)
    queue.wait(queue.submit())

    place.install(build)
    # who submits sees it; the worker has to find out by itself
    monkeypatch.syspath_prepend(place.source)
    monkeypatch.syspath_prepend(place.site)
    queue.wait(queue.submit(text=MINE))
    place.install(build, version="2.0")
    (upgraded,) = queue.submit(text=MINE)
    queue.wait([upgraded])
    run = attempts(queue.settings.runs, upgraded)[0].read("run")
    assert run["plugins"]["clipper:mine"].startswith("my-bits 2.0 code ")
    first, second = queue.submit(text=MINE, seeds=2, hold=True)
    grid = queue.run(first).grid_id
    (place.source / "my_bits.py").write_text(f"{SOURCE}    at = 1\n")
    store.release_grid(queue.database, grid, "ada")
    assert until(lambda: store.get_grid(queue.database, grid).held_reason is not None, PATIENCE)

    # nothing was run as something else, and nothing is lost
    assert re.fullmatch(
        r"queued with the clipper mine of my-bits 2\.0, and what is installed on \S+ differs in "
        r"my_bits\.py; "
        "put it back, or submit the grid again, as a new one",
        store.get_grid(queue.database, grid).held_reason,
    )
    assert [queue.run(run_id).status for run_id in (first, second)] == ["queued"] * 2
    assert [attempt.outcome for attempt in queue.attempts(first)] == ["refused"]
    assert queue.attempts(second) == []
    (place.source / "my_bits.py").write_text(f"# as before\n{SOURCE}")
    store.release_grid(queue.database, grid, "ada")
    queue.wait([first, second])
    (place.source / "my_bits.py").write_text(SOURCE)
    (gone,) = queue.submit(text=MINE, hold=True)
    place.uninstall()
    store.release_grid(queue.database, queue.run(gone).grid_id, "ada")
    queue.wait([gone], "failed")
    assert queue.run(gone).failure["cause"] == "plugin_missing"
    assert worker.process.poll() is None


@pytest.mark.parametrize("build", [HATCHLING, SETUPTOOLS], ids=["path file", "finder"])
def test_process_that_lives_sees_what_is_installed_and_uninstalled_meanwhile(tmp_path, build):
    place = Place(tmp_path)
    program = (
        "from bptt import registry\n"
        "from bptt.errors import BpttError\n"
        "while input():\n"
        "    try:\n"
        "        print(registry.load('clipper', 'mine').__name__, flush=True)\n"
        "    except BpttError as error:\n"
        "        print(type(error).__name__, flush=True)\n"
    )
    command = [str(place.python), "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:

        def ask() -> str:
            process.stdin.write("?\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        said = [ask()]
        place.install(build)
        said.append(ask())
        place.uninstall()
        said.append(ask())
        place.install(build)
        said.append(ask())
        process.communicate("\n")

    assert said == ["UnknownPlugin", "Mine", "UnknownPlugin", "Mine"]


def put(site: Path, version: str) -> Path:
    """Install a distribution, as far as anybody looks at it; return its metadata."""
    for old in site.glob("numpy-*.dist-info"):
        shutil.rmtree(old)
    folder = site / f"numpy-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Name: numpy\nVersion: {version}\n")
    return folder


def test_worker_ends_in_good_order_when_what_it_has_imported_was_upgraded(
    queue, redis, start_worker, tmp_path
):
    place = Place(tmp_path)
    put(place.site, "1.0")
    worker = start_worker(python=str(place.python), slots=1)
    queue.wait(queue.submit())

    put(place.site, "2.0")

    assert worker.process.wait(60) == 0
    assert "numpy: installed anew while this worker is up" in worker.log.read_text()
    # the next one begins with what is there now, and stays
    start_worker(python=str(place.python), slots=1)
    queue.wait(queue.submit())


def test_an_upgrade_has_settled_when_it_is_there_and_nothing_changes_any_more(
    tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    put(tmp_path, "1.0")
    preloaded = Preloaded(["numpy", "no-such-thing"])
    assert not preloaded.changed()
    assert not preloaded.has_settled()

    folder = put(tmp_path, "1.1")
    assert preloaded.changed() == ["numpy"]
    assert [preloaded.has_settled(), preloaded.has_settled()] == [False, True]

    # the same version again is another install
    preloaded = Preloaded(["numpy"])
    put(tmp_path, "1.1")
    assert preloaded.changed() == ["numpy"]
    assert not preloaded.has_settled()
    (folder / "METADATA").write_text("Name: numpy\nVersion: 1.1\nSummary: half of it\n")
    assert [preloaded.has_settled(), preloaded.has_settled()] == [False, True]
