"""`bptt plugins`: what it lists, shows and checks, with strangers' distributions installed."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from bptt.cli import main

CLIPPER = """
from bptt.contracts import Clipper
class Mine(Clipper):
    '''Clip in my way.

    Args:
        gain: how much.
    '''
    def __init__(self, *, gain: float): ...
    def clip(self, gradients, parameters, state): return gradients
"""


def bptt(*words):
    return CliRunner().invoke(main, ["plugins", *words])


def test_list_has_a_line_for_every_plugin_with_its_distribution(install_plugin):
    install_plugin(source="raise RuntimeError('imported')")

    result = bptt("list")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["kind", "name", "distribution", "version"]
    assert ["clipper", "mine", "acme-clippers", "1.2"] in lines
    assert (result.exit_code, result.stderr) == (0, "")


def test_plain_list_imports_no_torch():
    program = (
        "import sys; from bptt.cli import main\n"
        "try: main(['plugins', 'list', '--json'])\n"
        "except SystemExit: sys.exit(any(m in sys.modules for m in ('torch', 'pydantic')))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_list_shows_both_sides_of_a_clash_and_says_so(install_plugin):
    install_plugin(folder="one")
    install_plugin(module="zeta_mine", name="zeta", version="3", folder="two")

    result = bptt("list")

    assert result.exit_code == 0
    assert [line.split()[2] for line in result.stdout.splitlines() if " mine " in line] == [
        "acme-clippers",
        "zeta",
    ]
    assert result.stderr == (
        "2 distributions provide the clipper 'mine': acme-clippers 1.2 and zeta 3. "
        "Uninstall all but one.\n"
    )


def test_long_list_summarises_each_and_survives_a_broken_one(install_plugin):
    install_plugin(source="raise RuntimeError('no luck')")

    result = bptt("list", "--long", "--json")

    summaries = {row["name"]: row["summary"] for row in json.loads(result.stdout)}
    assert summaries["none"] == "Leave every gradient as it is."
    assert "cannot be imported: RuntimeError: no luck." in summaries["mine"]


def test_table_that_goes_into_a_pipe_has_one_plain_line_per_plugin(install_plugin):
    install_plugin(source=f"raise RuntimeError('{'long ' * 40}')")

    result = bptt("list", "--long")

    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 1 + len(json.loads(bptt("list", "--json").stdout))


def test_show_tells_docstring_and_options(install_plugin):
    install_plugin(source=CLIPPER)

    result = bptt("show", "mine")

    assert result.stdout == (
        "mine: a clipper of acme-clippers 1.2 (acme_mine:Mine)\n\n"
        "Clip in my way.\n\n"
        "Options:\n"
        "  gain: a number (required)\n"
        "      how much.\n"
    )


def test_show_as_json_holds_the_same():
    shown = json.loads(bptt("show", "clipper", "global_norm", "--json").stdout)

    assert (shown["kind"], shown["name"], shown["distribution"]) == (
        "clipper",
        "global_norm",
        "bptt",
    )
    assert shown["options"] == [
        {
            "name": "max_norm",
            "allowed": "a number > 0",
            "required": False,
            "default": 1.0,
            "text": "largest joint norm left untouched.",
        }
    ]


def test_show_says_when_there_are_no_options():
    assert bptt("show", "none").stdout.endswith("\nIt takes no options.\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lstmm"], "Unknown plugin 'lstmm'; did you mean 'lstm'? Installed: "),
        (["cell", "none"], "Unknown cell 'none'"),
        (
            ["layer", "lstm"],
            "Expected [KIND] NAME with one of the kinds cell, clipper, task, claim",
        ),
        (["cell", "lstm", "gru"], "Expected [KIND] NAME"),
    ],
)
def test_show_of_what_is_not_there_is_one_line(words, line):
    result = bptt("show", *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


def test_name_of_two_kinds_has_to_be_told_apart(install_plugin):
    install_plugin("[bptt.tasks]\nnone = acme_mine:Mine\n")

    result = bptt("show", "none")

    assert result.stderr == (
        "'none' is the name of a clipper and of a task. Say which: bptt plugins show clipper none\n"
    )
    assert bptt("show", "clipper", "none").exit_code == 0


def test_check_of_everything_leaves_out_what_needs_an_option():
    result = bptt("check", "--json")

    verdicts = {row["name"]: row["verdict"] for row in json.loads(result.stdout)}
    assert (result.exit_code, result.stderr) == (0, "")
    assert verdicts.pop("char_lm") == "not checked"
    assert set(verdicts.values()) == {"ok"}


OWN_PROJECTION = """
from bptt_plugins.cells.rnn import RNN
class Mine(RNN):
    '''An RNN that looks at its input in its own way.'''
    def project_input(self, inputs): return super().project_input(inputs)
"""


def backends(*words):
    result = bptt("check", "--json", *words)
    return {
        row["name"]: (row["backend"], row["backend_reason"]) for row in json.loads(result.stdout)
    }


def test_check_says_what_runs_a_cell_and_why_it_is_not_compiled(install_plugin):
    install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=OWN_PROJECTION)

    assert backends("gru", "gru_cho", "mine", "adding") == {
        "gru": ("compiled", ""),
        "gru_cho": ("compiled", ""),
        "mine": ("autograd", "Mine has a `project_input` of its own"),
        "adding": ("", ""),
    }
    table = bptt("check", "gru", "mine").stdout.splitlines()
    assert table[1].split()[-2:] == ["ok", "compiled"]
    assert "autograd: Mine has a `project_input`" in table[2]
    assert "bptt plugins check mine" in bptt("show", "mine").stdout


def test_check_says_that_there_is_no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)

    assert backends("lstm") == {
        "lstm": ("sequence", "no C compiler: none of cc, gcc, clang is installed")
    }


def test_a_backend_that_cannot_run_the_cell_fails_the_check_of_that_cell(
    install_plugin, monkeypatch
):
    install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=OWN_PROJECTION)
    monkeypatch.setenv("BPTT_BACKEND", "sequence")

    result = bptt("check", "lstm", "mine")

    assert (result.exit_code, result.stderr) == (
        2,
        "BPTT_BACKEND is sequence, which cannot run Mine: Mine has a `project_input` of its own. "
        "Set BPTT_BACKEND=auto to train with what can.\n",
    )
    assert [line.split()[-2:] for line in result.stdout.splitlines()[1:]] == [
        ["ok", "sequence"],
        ["ok", "none"],
    ]
    # who names none asks what keeps its contract, and each of them does
    assert bptt("check").exit_code == 0


def test_broken_plugin_fails_the_check_and_the_others_are_still_checked(install_plugin):
    install_plugin(source=CLIPPER.replace("*, gain: float", ""))

    result = bptt("check", "mine", "lstm", "nobody")

    assert result.exit_code == 2
    assert [line.split()[1::3] for line in result.stdout.splitlines()[1:]] == [
        ["lstm", "ok"],
        ["mine", "broken"],
    ]
    first, second = result.stderr.splitlines()
    assert first == (
        "acme-clippers[mine] 1.2: Mine.clip must return (gradients, state, report), got dict."
    )
    assert second.startswith("Unknown plugin 'nobody'. Installed: ")


def test_clash_fails_the_check(install_plugin):
    install_plugin(folder="one")
    install_plugin(module="zeta_mine", name="zeta", version="3", folder="two")

    result = bptt("check", "mine", "none")

    assert result.exit_code == 2
    assert "acme-clippers 1.2 and zeta 3" in result.stderr


def test_named_plugin_without_its_option_fails_the_check():
    result = bptt("check", "char_lm")

    assert (result.exit_code, result.stderr) == (
        2,
        "task.text must be given (the path of a file).\n",
    )


def test_options_of_a_checked_plugin_may_be_set():
    fitting = bptt("check", "lstm", "--set", "forget_bias=chrono", "--set", "biases=2")
    wrong = bptt("check", "lstm", "--set", "biases=3")

    assert fitting.exit_code == 0
    assert (wrong.exit_code, wrong.stderr) == (2, "cell.biases must be 0, 1 or 2, got 3.\n")


@pytest.mark.parametrize(
    "words", [["lstm", "gru", "--set", "biases=2"], ["lstm", "--set", "biases"]]
)
def test_set_that_fits_nothing_is_refused(words):
    result = bptt("check", *words)

    assert result.exit_code == 2
    assert result.stderr.startswith("--set ")
