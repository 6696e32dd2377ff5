"""The tutorial, run as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
PATIENCE = 900


def commands():
    """Return the lines of every block that a reader types, but for the installation."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture
def reader(tmp_path):
    """Return what runs a line in an empty folder, with a home of its own."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith("BPTT_")}
    environment |= {
        "BPTT_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    folder = tmp_path / "empty"
    folder.mkdir()
    for name, text in re.findall(r"```yaml (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).write_text(text)

    def run(line):
        return subprocess.run(
            line,
            shell=True,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    yield run
    run("bptt down")
    shutil.rmtree(tmp_path / "home", ignore_errors=True)


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_every_command_of_the_tutorial_does_what_the_page_says(reader, times):
    said = {}
    # twice: as somebody does who reads it again
    for line in commands() * times:
        done = reader(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said.setdefault(line, done.stdout)
    assert "Queued 0 runs" in reader("bptt submit keep.yaml").stdout

    assert "15 runs" in said["bptt submit keep.yaml"]
    assert "results of 15 of 15 runs" in said["bptt compare keep"]
    by_cell = said["bptt compare keep --by cell"]
    assert "results of 24 of 24 runs" in by_cell
    assert re.search(r"lstm +8 +", by_cell), by_cell
    drawn = reader("ls pictures; ls -s keep.html").stdout
    assert "gradient_through_time.png" in drawn
    assert "gradient_heat_maps.png" in drawn
