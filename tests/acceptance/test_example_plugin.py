"""A stranger's distribution, installed by pip, is found, checked and trained like a built-in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "plugins" / "bptt-example"
PLUGINS = {
    "independent_rnn": "cell",
    "update_gate_rnn": "cell",
    "running_norm": "clipper",
    "delayed_xor": "task",
}

RUN_FILE = """
task: {name: delayed_xor, delay: 3}
cell: CELL
clipper: {name: running_norm, factor: 3}
model: {hidden_size: 8}
training: {steps: 4, batch_size: 4, evaluate_every: 2, evaluation_size: 16}
statistics: {interval: 2, sequences: 4}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder pip installed the example into; offline, as the build backend is here."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    quiet = ["--no-index", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, *quiet, str(EXAMPLE)], check=True, capture_output=True)
    return target


@pytest.fixture
def in_site(site, tmp_path):
    """Return a function that runs a Python command line with the example installed."""

    def run(*words):
        home = {"PYTHONPATH": str(site), "BPTT_HOME": str(tmp_path / "home")}
        environment = os.environ | home | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *words], env=environment, cwd=tmp_path, capture_output=True, text=True
        )

    return run


def test_installed_plugins_are_listed_with_their_version(in_site):
    listed = in_site("-m", "bptt", "plugins", "list", "--json")

    rows = json.loads(listed.stdout)
    found = {row["name"]: row["kind"] for row in rows if row["distribution"] == "bptt-example"}
    assert found == PLUGINS
    assert {row["version"] for row in rows if row["name"] in PLUGINS} == {"0.2.0"}


def test_installed_plugin_is_shown_with_its_docstring_and_options(in_site):
    shown = in_site("-m", "bptt", "plugins", "show", "running_norm", "--json")

    plugin = json.loads(shown.stdout)
    assert plugin["about"].startswith("Rescale gradients whose joint norm exceeds `factor` times")
    assert {option["name"]: option["default"] for option in plugin["options"]} == {
        "factor": 2.0,
        "decay": 0.97,
    }
    assert [option["name"] for option in plugin["options"] if not option["text"]] == []


def test_installed_plugins_keep_their_contracts(in_site):
    checked = in_site("-m", "bptt", "plugins", "check", *PLUGINS, "--json")

    assert (checked.returncode, checked.stderr) == (0, "")
    assert {row["name"]: row["verdict"] for row in json.loads(checked.stdout)} == dict.fromkeys(
        PLUGINS, "ok"
    )


def test_tests_of_the_example_pass_against_what_is_installed(in_site):
    plain = [
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
    ]

    done = in_site(*plain, "--rootdir", str(EXAMPLE), str(EXAMPLE / "test_bptt_example.py"))

    assert (done.returncode, done.stderr) == (0, "")


def test_runs_of_the_examples_plugins_train_and_record_their_version(in_site, tmp_path):
    for cell in ("update_gate_rnn", "independent_rnn"):
        (tmp_path / f"{cell}.yaml").write_text(RUN_FILE.replace("CELL", cell))

    done = in_site("-m", "bptt", "run", "--quiet", "update_gate_rnn.yaml", "independent_rnn.yaml")

    assert done.returncode == 0, done.stderr
    folders = [tmp_path / "home" / "runs" / run_id for run_id in done.stdout.split()]
    runs = [json.loads((folder / "run.json").read_text()) for folder in folders]
    results = [json.loads((folder / "result.json").read_text()) for folder in folders]
    assert [run["spec"]["cell"]["name"] for run in runs] == ["update_gate_rnn", "independent_rnn"]
    # it was installed from a folder, whose version does not say what is in it
    for run in runs:
        assert all(text.startswith("bptt-example 0.2.0 code ") for text in run["plugins"].values())
        assert list(run["code"]) == ["bptt_example.py"]
    shown = in_site("-m", "bptt", "show", done.stdout.split()[0])
    assert "bptt-example 0.2.0\n" in shown.stdout
    assert f"torch {torch.__version__}, Python" in shown.stdout
    assert [(r["outcome"], r["step"], r["baseline"]) for r in results] == [("finished", 4, 0.5)] * 2
    assert all(result["flow"] is not None for result in results)
