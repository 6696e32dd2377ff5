"""Every block of commands of the README and of the pages, given twice in one home.

Those of the tutorial are in `test_tutorial`; what needs a Docker engine is in `tests/compose`.
"""

import json
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "docs" / "grids.md", *(ROOT / "docs" / "how-to").glob("*.md")]
BLOCK = re.compile(r"```(\S*)[^\n]*\n(.*?)```", re.DOTALL)
CHANGE = {"extend", "retry", "hold", "release", "cancel", "priority", "fill", "delete"}
ELSEWHERE = {
    # a worker's work is done by the test
    *("bptt up -d", "bptt down"),
    # tells the pages of MLflow, see `test_unsent`, or goes to a server, see `test_team`
    *("bptt ui latch", "bptt ui keep"),
    # a colleague's grid, see `test_naming_several_grids`
    "bptt compare latch ada/latch",
    # the names of commands in a row
    "bptt hold latch, release, cancel, priority, fill, delete",
}
SERVER = (
    "docker ",
    "BPTT_SERVER",
    "BPTT_DATABASE_URL",
    "$ bptt",
    "bptt tokens revoke bptt_",
    "GRID",
)
"""What a block has that is not for a home of one's own, or is not to be typed."""


def blocks(page):
    """Yield the lines of each block to be typed in one's own home, without their comments."""
    for kind, text in BLOCK.findall(page.read_text()):
        lines = [re.split(r"\s+#", line)[0].strip() for line in text.splitlines()]
        lines = [line for line in lines if line.startswith("bptt ")]
        if kind in ("sh", "text") and lines and not any(word in text for word in SERVER):
            yield [line for line in lines if line not in ELSEWHERE]


TYPED = {page.name: [line for lines in blocks(page) for line in lines] for page in PAGES}
TYPED = {page: lines for page, lines in TYPED.items() if lines}


@pytest.fixture
def files(tmp_path):
    """Put the files that the pages show into the folder."""
    for page in PAGES:
        for _, text in BLOCK.findall(page.read_text()):
            if named := re.match(r"# (\S+\.yaml)\n", text):
                Path(named[1]).write_text(text)
    for name in ("book", "letters"):
        Path(f"{name}.txt").write_text(
            f"{name}: a text of one's own, long enough for a window. " * 99
        )


def typed(line):
    """Return a line as the shell hands it on."""
    if "$(date" not in line:
        return line
    # of another second than the one before
    time.sleep(1.1)
    echo = ["sh", "-c", f'echo "{line}"']
    return subprocess.run(echo, capture_output=True, text=True, check=True).stdout


def test_the_pages_have_such_blocks():
    commands = {line.split()[1] for lines in TYPED.values() for line in lines}

    assert {"submit", "watch", "compare", "show", "extend", "retry", "grid", "database"} <= commands


@pytest.mark.parametrize("lines", TYPED.values(), ids=TYPED)
def test_blocks_that_are_given_twice_end_well_twice(bptt, machine, files, lines):
    at_work = None
    assert bptt("tokens", "create", "--user", "anna")[0] == 0
    for turn in range(2):
        for line in lines:
            words = shlex.split(typed(line))[1:]
            if words[0] == "watch":
                at_work = at_work or machine()
                at_work.finish_all()
            code, out, errors = bptt(*words)
            if turn and words[0] in CHANGE and code == 2:
                # submitted twice: the line says so, and names the ids to choose from, as the page
                assert "fits several grids of yours" in errors[0], (line, errors)
                (newest, *_) = json.loads(bptt("grids", "--json")[1])
                assert newest["grid_id"] in errors[0]
                words[1] = newest["grid_id"]
                code, out, errors = bptt(*words)
            assert code == 0, (turn, line, errors)
            assert out or errors, line
