import json
from dataclasses import asdict

import pytest

from bptt.errors import DocumentDamaged
from bptt.records.documents import (
    VERSIONS,
    Divergence,
    FailureDocument,
    ResultDocument,
    RunDocument,
)
from bptt.run_folder import RunFolder

SPEC = {"cell": {"name": "rnn", "options": {}}, "seed": 0}
COMMON = {
    "run_id": "r1",
    "name": "rnn-s0",
    "project": "latch",
    "spec": SPEC,
    "identity": "ab12",
    "data": "0f",
    "plugins": {"cell:rnn": "bptt 0.1.0"},
    "user": "ada",
    "git_commit": None,
    "created_at": "2025-11-23T08:00:00+00:00",
    "torch": "2.13.0",
    "python": "3.11.7",
}
QUEUED = {"grid_id": "x5fxt", "number": 3, "values": {"seed": 0}, "config": "rnn", "attempt": 2}
FILES = {"files": {"00ff": "text.txt"}}
NOW = FILES | {"code": {"my_cells.py": "00ff00ff00ff"}, "processor": "x86_64 Cray"}
OF_EARLIER_VERSIONS = {
    "1, before files, of bptt run": COMMON,
    "1, before files, of the queue": COMMON | QUEUED,
    "1, of bptt run": COMMON | FILES,
    "1, of the queue": COMMON | FILES | QUEUED,
    "2, before code, of the queue": COMMON | FILES | QUEUED | {"version": 2},
    "2, of bptt run": COMMON | NOW | {"version": 2},
    "2, of the queue": COMMON | NOW | QUEUED | {"version": 2},
}


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "r1")
    made.path.mkdir()
    return made


def put(folder, name, content):
    (folder.path / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.parametrize("version", OF_EARLIER_VERSIONS)
def test_what_a_run_is_reads_the_same_from_every_version(folder, version):
    content = OF_EARLIER_VERSIONS[version]
    put(folder, "run", content)

    run = folder.read_run()

    assert (run.run_id, run.name, run.project, run.spec) == ("r1", "rnn-s0", "latch", SPEC)
    assert (run.identity, run.data, run.plugins) == ("ab12", "0f", {"cell:rnn": "bptt 0.1.0"})
    assert (run.user, run.created_at) == ("ada", "2025-11-23T08:00:00+00:00")
    assert run.files == ({} if "before files" in version else {"00ff": "text.txt"})
    known = "2, of" in version
    assert run.code == ({"my_cells.py": "00ff00ff00ff"} if known else None)
    assert run.processor == ("x86_64 Cray" if known else "")
    assert run.is_queued == ("queue" in version)
    assert run.grid_id == ("x5fxt" if run.is_queued else None)
    assert run.values == ({"seed": 0} if run.is_queued else None)


@pytest.mark.parametrize("content", [COMMON | NOW, COMMON | NOW | QUEUED])
def test_run_is_written_with_its_version_and_read_without_it(folder, content):
    folder.write("run", RunDocument.of(content).as_json())

    assert json.loads((folder.path / "run.json").read_text()) == content | {"version": 2}
    assert folder.read("run") == content


@pytest.mark.parametrize("version", [{}, {"version": 2}])
def test_result_and_failure_of_every_version_are_read_without_their_number(folder, version):
    put(folder, "result", {"outcome": "solved", "step": 4} | version)
    failure = FailureDocument(cause="plugin_error", message="no.", traceback="")
    put(folder, "failure", asdict(failure) | version)

    assert folder.read("result") == {"outcome": "solved", "step": 4}
    assert FailureDocument(**folder.read("failure")) == failure


MEASURED = {"metric": "accuracy", "metrics": {"train/loss": None}, "seconds": 2.5}
RESULTS_OF_EARLIER_VERSIONS = {
    "1, before kernels": {"outcome": "solved", "step": 4} | MEASURED,
    "1": {"outcome": "finished", "step": 4, "solved_at": 2, "backend": "autograd"} | MEASURED,
    "2": {"outcome": "solved", "step": 4, "later": 1, "version": 2} | MEASURED,
    "2, diverged": {
        "outcome": "diverged",
        "step": 4,
        "divergence": {"step": 4, "tensor": "loss"},
        "version": 2,
    }
    | MEASURED,
}


@pytest.mark.parametrize("version", RESULTS_OF_EARLIER_VERSIONS)
def test_result_reads_the_same_from_every_version(folder, version):
    content = RESULTS_OF_EARLIER_VERSIONS[version]
    put(folder, "result", content)

    result = folder.read_result()

    assert (result.outcome, result.step, result.metric) == (content["outcome"], 4, "accuracy")
    assert (result.metrics, result.seconds) == ({"train/loss": None}, 2.5)
    assert (result.solved_at, result.idle_since) == (content.get("solved_at"), None)
    assert (result.overflowed, result.backend) == (0, content.get("backend", ""))
    assert result.divergence == (
        Divergence(step=4, tensor="loss") if result.outcome == "diverged" else None
    )


def test_result_is_written_with_its_version_and_reads_as_it_was(folder):
    result = ResultDocument(
        outcome="diverged", step=4, divergence=Divergence(step=4, tensor=None), best={"loss": 1.0}
    )

    folder.write("result", result.as_json())

    assert json.loads((folder.path / "result.json").read_text())["version"] == 2
    assert folder.read_result() == result


@pytest.mark.parametrize("field", ["outcome", "step"])
def test_result_that_lacks_what_it_must_hold_is_told_as_damaged(folder, field):
    content = RESULTS_OF_EARLIER_VERSIONS["2"]
    put(folder, "result", {name: value for name, value in content.items() if name != field})

    with pytest.raises(DocumentDamaged, match=rf"it has no whole field '{field}'"):
        folder.read_result()


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("version", [3, 0, "two", None])
def test_document_of_an_unknown_version_is_told_as_damaged(folder, name, version):
    put(folder, name, COMMON | {"outcome": "solved", "step": 4, "version": version})

    with pytest.raises(DocumentDamaged, match=rf"{name}\.json is damaged: it is of version"):
        folder.read(name)


@pytest.mark.parametrize("field", ["run_id", "name", "project", "spec"])
def test_run_that_lacks_what_it_must_hold_is_told_as_damaged(folder, field):
    put(folder, "run", {name: value for name, value in COMMON.items() if name != field})

    with pytest.raises(DocumentDamaged, match=rf"it has no whole field '{field}'\. Put the file"):
        folder.read_run()
