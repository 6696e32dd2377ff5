import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bptt.cli import main
from bptt.run_folder import RunFolder

SMALL = """\
task: {name: latch, length: 20}
model: {hidden_size: 8}
statistics: {interval: 5, jacobian_interval: 0}
"""
SHORT = SMALL + "training: {steps: 10, batch_size: 4, evaluate_every: 5, evaluation_size: 16}\n"
LONG = (
    SMALL
    + "training: {steps: 150, batch_size: 4, evaluate_every: 50, stop_when_solved: false}\n"
    + "cell: rnn\nname: long\n"
)
EXPLODING = SHORT + (
    "name: exploding\n"
    "cell: {name: rnn, nonlinearity: relu, recurrent_gain: 100}\n"
    "optimizer: {name: sgd, lr: 1.0e+6}\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with run files, and the home folder all tests share: its database takes seconds."""
    place = tmp_path_factory.mktemp("run")
    (place / "short.yaml").write_text(SHORT + "cell: {name: lstm, forget_bias: 3}\nname: mine\n")
    (place / "exploding.yaml").write_text(EXPLODING)
    (place / "long.yaml").write_text(LONG)
    return place


@pytest.fixture(scope="module")
def bptt(place):
    """Start the installed command with settings of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BPTT_")}

    def start(*arguments, **settings):
        environment = {**clean, "OMP_NUM_THREADS": "1", "BPTT_HOME": str(place / "home")}
        return subprocess.Popen(
            [sys.executable, "-m", "bptt", *arguments],
            cwd=place,
            env=environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a test run started in the background of a shell ignores SIGINT, and so would this
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return start


@pytest.fixture(scope="module")
def trained(bptt):
    """Output of a command that trains three files, of which one diverges."""
    process = bptt("run", "short.yaml", "exploding.yaml", "long.yaml")
    stdout, stderr = process.communicate(timeout=400)
    assert process.returncode == 0, stderr
    return stdout, stderr


@pytest.fixture
def show(trained, place, monkeypatch, capsys):
    monkeypatch.setenv("BPTT_HOME", str(place / "home"))

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["show", *arguments])
        assert ended.value.code == 0
        return capsys.readouterr().out

    return call


def folder_named(place, name):
    runs = [RunFolder(path) for path in sorted((place / "home" / "runs").iterdir())]
    return next(run for run in runs if (run.read("run") or {}).get("name") == name)


def wait_for_checkpoint(home, process):
    """Return the folder of the run that has checkpointed a measured update."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for path in (home / "runs").glob("*"):
            committed = RunFolder(path).read("committed")
            if committed and committed["journal"] > 0:
                return RunFolder(path)
        time.sleep(0.01)
    process.kill()
    raise AssertionError(f"no checkpoint: {process.communicate()}")


def test_several_files_end_in_one_table_and_one_plot(trained, place):
    lines = trained[0].splitlines()

    runs = sorted(path.name for path in (place / "home" / "runs").iterdir())
    assert lines[0] == "3 runs, task latch, clipper none, baseline 0.5"
    assert [line.split()[0] for line in lines if line.startswith(tuple(runs))] == runs
    assert any("lag: steps back from the loss" in line for line in lines)
    assert any("● lstm" in line for line in lines)


def test_run_says_what_to_type_to_see_it_in_mlflow(trained, place):
    command = f"BPTT_HOME={shlex.quote(str(place / 'home'))} {sys.executable} -m bptt ui"
    if shutil.which("bptt"):
        command = f"BPTT_HOME={shlex.quote(str(place / 'home'))} bptt ui"

    assert trained[1].splitlines()[-1] == f"The runs are in MLflow; open it with: {command}"


def test_every_run_reaches_mlflow(trained, place):
    shipped = [
        RunFolder(path).read("shipped") or {} for path in (place / "home" / "runs").iterdir()
    ]

    assert [state["complete"] for state in shipped] == [True, True, True]


def test_show_tells_spec_outcome_and_figures_of_one_run(show, place):
    text = show(folder_named(place, "mine").run_id)

    told = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "forget_bias=3" in text
    assert "at step 10 (" in told["outcome"] or "solved at step" in told["outcome"]
    assert "accuracy" in told["metric"]
    assert "baseline 0.5" in told["metric"]
    assert "slope" in told["through time"]
    assert "spectral radius" in told["recurrence"]
    assert "f mean" in told["gates"]
    assert "clipped fraction" in told["last updates"]
    assert told["statistics"]
    assert "‖∂L/∂c‖ at step" in text


def test_run_that_diverges_is_shown_with_step_and_tensor(show, place):
    text = show(folder_named(place, "exploding").run_id)

    assert re.search(r"outcome +diverged at step \d+: .+ is not finite \(", " ".join(text.split()))


def test_show_as_json_is_strict_json_with_every_run(show, place):
    ids = [folder_named(place, name).run_id for name in ("mine", "exploding")]

    content = json.loads(show("--json", *ids), parse_constant=pytest.fail)

    assert [run["run"]["run_id"] for run in content] == ids
    assert content[0]["run"]["spec"]["cell"]["options"]["forget_bias"] == 3
    assert content[1]["outcome"] == "diverged"
    curve = list(content[0]["log10_gradient_by_lag"].values())[-1]
    assert {state: len(values) for state, values in curve.items()} == {"h": 20, "c": 20, "s": 20}


def test_run_is_found_by_the_beginning_of_its_id(show, place):
    run_id = folder_named(place, "mine").run_id

    assert show(run_id[:-2]).split()[1] == run_id


def test_run_that_was_killed_goes_on_as_if_it_had_not_been(bptt, show, place):
    home = place / "killed"
    process = bptt("run", "long.yaml", BPTT_HOME=str(home), BPTT_CHECKPOINT_SECONDS="0")
    folder = wait_for_checkpoint(home, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    unfinished = folder.read("result")
    folder.path.rename(place / "home" / "runs" / folder.run_id)

    resumed = bptt("run", "--resume", folder.run_id, "--json")

    (run,) = json.loads(resumed.communicate(timeout=400)[0], parse_constant=pytest.fail)
    (twin,) = json.loads(show("--json", folder_named(place, "long").run_id))
    assert unfinished is None
    assert (run["run"]["run_id"], run["outcome"], run["step"]) == (folder.run_id, "finished", 150)
    assert run["run"]["identity"] == twin["run"]["identity"]
    timeless = [name for name in run["metrics"] if not name.startswith("sys/")]
    assert {n: run["metrics"][n] for n in timeless} == {n: twin["metrics"][n] for n in timeless}


def test_interrupted_run_is_kept_and_told_how_to_resume_while_mlflow_is_down(bptt, place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed_port = taken.getsockname()[1]
    process = bptt(
        "run",
        "long.yaml",
        "--set=training.steps=100000",
        BPTT_HOME=str(place / "interrupted"),
        BPTT_MLFLOW_URL=f"http://127.0.0.1:{closed_port}",
        BPTT_CHECKPOINT_SECONDS="0",
    )
    folder = wait_for_checkpoint(place / "interrupted", process)

    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (130, "")
    warning, last = stderr.splitlines()
    assert warning == (
        f"Warning: MLflow at http://127.0.0.1:{closed_port} does not answer. "
        "Nothing is lost; send it later with: bptt ship"
    )
    assert last == f"Stopped; nothing is lost. Resume with: bptt run --resume {folder.run_id}"
    assert folder.read("result") is None


def test_finished_run_is_not_trained_again_and_quiet_prints_its_id_only(bptt, place, trained):
    folder = folder_named(place, "mine")
    before = folder.read("result")
    process = bptt("run", "--resume", folder.run_id, "--quiet")

    stdout, stderr = process.communicate(timeout=400)

    assert (process.returncode, stdout, stderr) == (0, f"{folder.run_id}\n", "")
    assert folder.read("result") == before


def test_plot_is_printed_where_the_terminal_has_no_unicode(bptt, place, trained):
    process = bptt("show", folder_named(place, "mine").run_id, PYTHONIOENCODING="ascii")

    stdout, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "lag: steps back from the loss" in stdout


def test_unfinished_run_is_shown_with_how_to_go_on(place, monkeypatch, capsys, trained):
    folder = RunFolder(place / "other" / "runs" / "halfway-1")
    folder.create({**(folder_named(place, "mine").read("run") or {}), "run_id": "halfway-1"})
    Path(folder.journal).write_text('{"step": 4, "time": 1, "metrics": {"train/loss": 0.5}}\n{"st')
    monkeypatch.setenv("BPTT_HOME", str(place / "other"))

    with pytest.raises(SystemExit):
        main(["show", "halfway-1"])

    text = " ".join(capsys.readouterr().out.split())
    assert "unfinished at step 4 of 10; go on with: bptt run --resume halfway-1" in text
    assert "No gradient statistics to plot yet." in text


def test_a_command_that_trains_leaves_mlflow_to_another_process(bptt, place):
    program = (
        "import sys\n"
        "from bptt.cli import main\n"
        f"try: main(['run', {str(place / 'short.yaml')!r}, '--quiet'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'mlflow' not in sys.modules\n"
    )
    environment = {name: v for name, v in os.environ.items() if not name.startswith("BPTT_")}
    environment["BPTT_HOME"] = str(place / "home")

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
