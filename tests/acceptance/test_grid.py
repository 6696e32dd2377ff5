import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bptt.cli import main

GRID = (
    "name: bias\ntask: latch\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\n"
    "optimizer: {lr: [1e-3, 3e-3]}\nseeds: 5\nexclude:\n  - {cell: rnn, optimizer.lr: 3e-3}\n"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("BPTT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def bptt(home, capsys):
    """Run the command in this process; return code, output and lines of errors."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err.splitlines()

    return call


def test_dry_run_shows_axes_and_points(bptt):
    Path("bias.yaml").write_text(GRID)

    code, out, errors = bptt("grid", "bias.yaml")

    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (code, errors) == (0, [])
    assert lines[0] == "bias (project latch): 25 points, 5 seeds"
    assert "cell rnn, lstm" in lines
    assert "cell.forget_bias 0, 3 lstm" in lines
    assert "optimizer.lr 0.001, 0.003" in lines
    assert "seed 0 .. 4" in lines
    points = lines[lines.index("point run identity") + 1 : -2]
    assert [line.rsplit(" ", 1)[0] for line in points] == [
        "0 rnn lr=0.001 seed=0",
        "1 rnn lr=0.001 seed=1",
        "2 rnn lr=0.001 seed=2",
        "3 rnn lr=0.001 seed=3",
        "4 rnn lr=0.001 seed=4",
        "...",
        "23 lstm forget_bias=3 lr=0.003 seed=3",
        "24 lstm forget_bias=3 lr=0.003 seed=4",
    ]
    assert lines[-1].startswith("At most 25,000 updates and ")


def test_dry_run_writes_nothing(bptt, home):
    Path("bias.yaml").write_text(GRID)

    bptt("grid", "bias.yaml")

    assert not home.exists()


def test_json_holds_the_same_in_full(bptt):
    Path("bias.yaml").write_text(GRID)

    code, out, _ = bptt("grid", "bias.yaml", "--json", "--set", "seeds=[4,2]")

    told = json.loads(out)
    assert code == 0
    assert (told["name"], told["project"]) == ("bias", "latch")
    assert (told["points"], told["seeds"], told["updates"]) == (10, 2, 10_000)
    assert told["axes"][-1] == {"path": "seed", "values": [4, 2], "within": None, "count": 2}
    assert told["first"]["values"] == {"cell": "rnn", "optimizer.lr": 0.001, "seed": 4}
    assert told["last"]["name"] == "lstm-forget_bias=3-lr=0.003-s2"
    assert told["flops"] > 0


def test_long_axes_are_cut(bptt):
    lengths = list(range(10, 60))
    Path("long.yaml").write_text(f"task: {{name: latch, length: {lengths}}}\ncell: rnn\n")

    _, out, _ = bptt("grid", "long.yaml")

    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "task.length 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, ..., 59" in lines


def test_faults_are_told_with_their_lines_and_exit_code_2(bptt):
    Path("bias.yaml").write_text(GRID.replace("3e-3]", "fast]").replace("seeds: 5", "seeds: 0"))

    code, out, errors = bptt("grid", "bias.yaml")

    assert (code, out) == (2, "")
    assert [line.split(" must be ")[0] for line in errors] == [
        "bias.yaml:4: optimizer.lr",
        "bias.yaml:5: seeds",
    ]


def test_note_goes_to_the_error_stream(bptt):
    Path("bias.yaml").write_text(GRID)

    code, out, errors = bptt("grid", "bias.yaml", "--set", "cell=gru")

    assert (code, errors) == (0, ["bias.yaml:7: exclude matches no point."])
    assert "10 points" in out


def test_run_refuses_a_grid_file_and_names_the_command_for_it(bptt):
    Path("bias.yaml").write_text(GRID)

    code, out, errors = bptt("run", "bias.yaml")

    assert (code, out) == (2, "")
    assert [line.split(":")[1] for line in errors] == ["3", "4", "5", "6"]
    assert all(line.endswith("See the grid: bptt grid bias.yaml") for line in errors)


def test_installed_command_refuses_ten_million_points_at_once():
    done = subprocess.run(
        [sys.executable, "-m", "bptt", "grid", "/dev/stdin"],
        input="task: latch\ncell: [rnn, gru]\nseeds: 5000000\n",
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "/dev/stdin: 10,000,000 points (axes: 2 cell x 5,000,000 seeds), at most 1,000,000. "
        "Split the grid.\n"
    )
