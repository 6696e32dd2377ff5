"""What a comparison advises where `extend` would refuse: another way, or what to do, in a line."""

import json
import shlex
from pathlib import Path

import pytest

from tests.acceptance.queue.several import STOPPED, TASK, by_cell, grids
from tests.acceptance.queue.test_advised_commands import advised
from tests.acceptance.queue.test_several_grids import EDITABLE, MINE
from tests.acceptance.queue.test_team import made, server
from tests.unit.conftest import install_plugin

__all__ = ["grids", "install_plugin", "server"]

CELLS = "cell: [mine, gru]\n"
RATES = "optimizer: {name: adam, lr: [0.01, 0.001]}\n"
CASES = {
    "few seeds": (CELLS + "seeds: 2\n", (), "--set seeds=5"),
    "one configuration": ("cell: mine\nseeds: 5\n", (), "--set 'optimizer.lr=["),
    "tuned": (CELLS + RATES + "seeds: 3\n", ("--tune", "lr"), ""),
}


@pytest.fixture
def mine(install_plugin):
    """Install a cell of one's own, in place; return its metadata's folder."""
    info = install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=MINE % (1, 1))
    (info / "direct_url.json").write_text(json.dumps({"url": info.parent.as_uri()} | EDITABLE))
    return info


def run_all(bptt, commands):
    """Run advised commands as a shell does; return what the last one printed."""
    for command in commands:
        before, pipe, after = command.partition(" | ")
        code, out, errors = bptt(*shlex.split(before)[1:])
        assert code == 0, (command, errors)
        if pipe:
            Path("piped").write_text(out)
            words = ["piped" if word == "/dev/stdin" else word for word in shlex.split(after)]
            code, out, errors = bptt(*words[1:])
            # that a server takes its time may be among the errors
            assert code == 0, (command, errors)
    return out


@pytest.mark.parametrize("case", CASES)
def test_a_grid_of_an_edited_plugin_is_advised_to_be_submitted_again(bptt, grids, mine, case):
    text, words, option = CASES[case]
    grid = grids("asked", f"{TASK}{STOPPED}{text}", by_cell)
    assert f"bptt extend {grid} " in bptt("compare", "asked", *words)[1]
    (mine.parent / "acme_mine.py").write_text(MINE % (2, 2))
    code, _, (refused,) = bptt("extend", grid, "--set", "seeds=9")
    assert code == 2

    _, out, errors = bptt("compare", "asked", *words)

    assert errors == []
    why = "the cell mine was of acme-clippers 1.2, and what is installed differs in acme_mine.py"
    assert why in refused
    assert f"No run can be added to grid {grid}, as {why}; its file, submitted again," in out
    (command,) = advised(out)
    assert command.startswith(f"bptt show {grid} --file | bptt submit /dev/stdin {option}".strip())
    assert run_all(bptt, [command]).startswith("Queued ")


def test_every_form_of_a_comparison_gives_the_same_advice(bptt, grids, mine):
    grid = grids("asked", f"{TASK}{STOPPED}{CELLS}seeds: 2\n", by_cell)
    (mine.parent / "acme_mine.py").write_text(MINE % (2, 2))

    assert bptt("compare", "asked", "--html", "page.html")[0] == 0
    said = [Path("page.html").read_text()]
    for form in ("--json", "--format=markdown", "--format=latex"):
        said.append(bptt("compare", "asked", form)[1])
    said.append("\n".join(bptt("compare", "asked", "--csv")[2]))

    for text in said:
        assert f"No run can be added to grid {grid}" in text
        assert "--file" in text
        assert "bptt extend" not in text


def test_the_runs_of_an_edited_plugin_that_failed_are_not_advised_to_be_run_again(
    bptt, grids, mine, machine
):
    grid = grids("asked", f"{TASK}{STOPPED}{CELLS}seeds: 5\n")
    worker = machine()
    while (run := worker.begin()) is not None:
        worker.fail(run)
    assert f"bptt show {grid}" in bptt("compare", "asked")[1]
    (mine.parent / "acme_mine.py").write_text(MINE % (2, 2))

    assert "bptt retry" not in bptt("compare", "asked")[1]


def test_a_plugin_that_is_gone_is_to_be_installed_again(bptt, grids, mine):
    grid = grids("asked", f"{TASK}{STOPPED}{CELLS}seeds: 2\n", by_cell)
    for file in mine.iterdir():
        file.unlink()
    mine.rmdir()

    code, out, errors = bptt("compare", "asked")

    assert (code, errors, advised(out)) == (0, [], [])
    assert (
        f"No run can be added to grid {grid}, as the cell mine was of acme-clippers 1.2, which is "
        "not installed: install that version again."
    ) in out


def test_only_the_grid_that_cannot_be_extended_is_submitted_again(bptt, grids, mine):
    one = grids("one", f"{TASK}{STOPPED}cell: mine\nseeds: 2\n", by_cell)
    two = grids("two", f"{TASK}{STOPPED}cell: gru\nseeds: 2\n", by_cell)
    (mine.parent / "acme_mine.py").write_text(MINE % (2, 2))

    _, out, _ = bptt("compare", "one", "two")

    assert advised(out) == [
        f"bptt show {one} --file | bptt submit /dev/stdin --set seeds=5",
        f"bptt extend {two} --set seeds=5",
    ]


@pytest.mark.parametrize("words", [(), ("--tune", "lr")])
def test_of_a_grid_of_somebody_else_one_makes_ones_own(bptt, grids, server, monkeypatch, words):
    text = f"{TASK}{STOPPED}cell: [rnn, gru]\n"
    text += f"{RATES}seeds: 3\n" if words else "seeds: 2\n"
    grid = grids("asked", text, by_cell)
    owner = json.loads(bptt("show", grid, "--json")[1])[0]["grid"]["user"]
    bob = made(bptt, "--user", "bob")
    monkeypatch.setenv("BPTT_SERVER", server("--host", "0.0.0.0"))
    monkeypatch.setenv("BPTT_TOKEN", bob)
    assert bptt("extend", grid, "--set", "seeds=5")[0] == 2

    _, out, _ = bptt("compare", grid, *words)

    assert f"Only {owner} or an admin adds runs to grid {grid}; its file, submitted by you," in out
    commands = advised(out)
    assert len(commands) == 1 + bool(words)
    assert run_all(bptt, commands).startswith("Queued ")
    assert "asked" in bptt("grids")[1]


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (f"# of one\n{TASK}cell: [rnn, gru]\nseeds: 2\n", []),
        (f"name: told\n{TASK}cell: [rnn, {{name: lstm, forget_bias: [0, 3]}}]\n", ["seeds=2"]),
        (
            f"{{{TASK.strip()}, cell: rnn, optimizer: &o {{lr: 1e-3}}}}",
            ["optimizer.lr=[1e-3,3e-5]", "name='007'", "cell=[gru,lstm]", "seed=3"],
        ),
        (
            f"---\n{TASK}cell: [rnn, gru]\nexclude: [{{cell: gru, seed: 1}}]\nseeds: 2\n"
            "include:\n- cell: lstm\n  clipper: {name: value, clip_value: 0.1}\n",
            [],
        ),
    ],
)
def test_the_file_of_a_grid_submits_the_same_points_again(bptt, machine, text, overrides):
    Path("first.yaml").write_text(text)
    words = [word for one in overrides for word in ("--set", one)]
    code, out, errors = bptt("submit", "first.yaml", "--json", *words)
    assert code == 0, errors
    first = json.loads(out)
    machine().finish_all()

    code, out, errors = bptt("show", first["grid_id"], "--file")

    assert (code, errors) == (0, [])
    assert overrides or text.partition("---")[0] in out
    Path("other name.yaml").write_text(out)
    again = json.loads(bptt("submit", "other name.yaml", "--json")[1])
    assert again["name"] == first["name"]
    assert (again["queued"], again["points"]) == (0, first["points"])
    assert sum(again["reused"].values()) == first["points"]


def test_a_file_without_overrides_keeps_its_comments(bptt, submitted):
    Path("said.yaml").write_text(f"# why\n{TASK}cell: rnn # the baseline\n")
    grid = json.loads(bptt("submit", "said.yaml", "--json")[1])["grid_id"]

    assert bptt("show", grid, "--file")[1] == (
        f'name: "said"\n# why\n{TASK}cell: rnn # the baseline\n'
    )


@pytest.mark.parametrize("words", [[], ["one", "two"], ["one", "--json"]])
def test_a_file_is_that_of_one_grid_and_alone(bptt, words):
    code, out, errors = bptt("show", *words, "--file")

    assert (code, out) == (2, "")
    assert errors[-1] == "--file prints one GRID and nothing else: name it."


def test_a_file_is_piped_into_submit(bptt, grids, installed):
    grid = grids("asked", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 2\n", by_cell)
    code, out, errors = installed("show", grid, "--file")
    assert (code, errors) == (0, [])

    code, out, errors = installed("submit", "/dev/stdin", "--set", "seeds=5", stdin=out)

    assert (code, errors) == (0, [])
    assert out.startswith("Queued 6 runs of grid asked (")
