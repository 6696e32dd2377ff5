"""What an attempt begins with: a result, a checkpoint of an earlier one, or nothing."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from bptt.execution.assignment import Assignment
from bptt.execution.attempt import begin_attempt
from bptt.execution.execute import execute
from bptt.records.documents import RunDocument
from bptt.run_folder import RunFolder

STEPS = 8


@pytest.fixture
def assignment(tmp_path, make_spec):
    spec = make_spec(
        training={"steps": STEPS, "evaluate_every": 4, "stop_when_solved": False},
        statistics={"interval": 2},
    )
    run = RunDocument(
        run_id="abcde-0",
        name="rnn",
        project="p",
        spec=spec.model_dump(mode="json"),
        identity="i",
        created_at="2026-01-01T00:00:00+00:00",
    )
    return Assignment(
        runs=tmp_path,
        run_id="abcde-0",
        attempt=1,
        run=run,
        checkpoint_seconds=0,
        deadline=0.0,
        memory_bytes=0,
        gpu="",
    )


def begin(assignment, said=None):
    folder = RunFolder.of_attempt(assignment.runs, assignment.run_id, assignment.attempt)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.log.touch()
    return begin_attempt(assignment, (said if said is not None else []).append)


def train(folder, until=None):
    """Train an attempt; killed before it can save what came after the step `until`."""
    if until is None:
        return execute(folder, checkpoint_seconds=0, keep=True)
    with pytest.raises(KeyboardInterrupt):
        execute(folder, checkpoint_seconds=0, on_progress=interrupt_after(until), keep=True)
    return None


def interrupt_after(step):
    def on_progress(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    return on_progress


def steps_of(folder):
    return sorted({r["step"] for _, r in folder.records() if "train/loss" in r.get("metrics", {})})


def resumed_at(folder):
    tags = [record.get("tags", {}) for _, record in folder.records()]
    return [tag["bptt.resumed_at"] for tag in tags if "bptt.resumed_at" in tag]


def test_first_attempt_begins_with_nothing(assignment):
    folder = begin(assignment)

    assert sorted(path.name for path in folder.path.iterdir()) == ["log.txt", "run.json"]
    assert folder.read("run")["attempt"] == 1


def test_second_attempt_goes_on_and_gives_the_same_bits(assignment, tmp_path):
    calm = begin(replace(assignment, runs=tmp_path / "calm"))
    train(begin(assignment), until=5)

    second = begin(replace(assignment, attempt=2))
    result = train(second)

    assert result.hash == train(calm).hash
    assert resumed_at(second) == [4]
    assert steps_of(second) == list(range(1, STEPS + 1))
    assert [file.name for file in second.probe_files()] == [f.name for f in calm.probe_files()]


def test_earlier_attempt_is_left_as_it_was(assignment):
    first = begin(assignment)
    train(first, until=5)
    before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}

    train(begin(replace(assignment, attempt=2)))

    assert {path: path.read_bytes() for path in before} == before


def test_damaged_checkpoint_costs_one_interval_and_is_told(assignment):
    first = begin(assignment)
    train(first, until=5)
    first.checkpoint.write_bytes(first.checkpoint.read_bytes()[:-9])
    said = []

    second = begin(replace(assignment, attempt=2), said)
    train(second)

    assert resumed_at(second) == [3]
    assert len(said) == 1
    assert said[0].startswith("checkpoint.pt of attempt 1 cannot be used: The checkpoint is damag")


def test_committed_length_goes_back_with_the_checkpoint(assignment):
    first = begin(assignment)
    train(first, until=5)
    before = first.read("committed")["journal"]
    first.checkpoint.unlink()

    second = begin(replace(assignment, attempt=2))

    assert second.read("committed")["journal"] == second.journal.stat().st_size < before


def test_older_attempt_is_gone_on_from_when_the_newer_one_left_nothing(assignment):
    train(begin(assignment), until=5)
    begin(replace(assignment, attempt=2))

    third = begin(replace(assignment, attempt=3))

    assert (third.path / "checkpoint.pt").exists()
    train(third)
    assert resumed_at(third) == [4]


def test_journal_that_lost_its_end_makes_a_checkpoint_useless(assignment):
    first = begin(assignment)
    train(first, until=5)
    first.journal.write_bytes(first.journal.read_bytes()[:10])
    said = []

    second = begin(replace(assignment, attempt=2), said)

    assert len(said) == 2
    assert not second.checkpoint.exists()


@pytest.mark.parametrize("line", [b"\0" * 40 + b"\n", b'{"step": 3, "ti\n', b""])
def test_journal_damaged_behind_a_checkpoint_is_gone_on_from_there(assignment, tmp_path, line):
    calm = begin(replace(assignment, runs=tmp_path / "calm"))
    first = begin(assignment)
    train(first, until=5)
    lines = first.journal.read_bytes().splitlines(keepends=True)
    # of the two last checkpoints neither the newer nor the older one fits any more
    lines[len(lines) // 2] = line or lines[len(lines) // 2][:-1]
    first.journal.write_bytes(b"".join(lines))
    said = []

    second = begin(replace(assignment, attempt=2), said)
    result = train(second)

    assert any(
        text.startswith("journal of attempt 1: ") and "journal.jsonl is damaged" in text
        for text in said
    )
    assert result.hash == train(calm).hash
    assert second.damage() is None
    assert steps_of(second) == list(range(1, STEPS + 1))


def test_finished_attempt_with_a_damaged_journal_is_not_adopted_but_gone_on_from(assignment):
    first = begin(assignment)
    result = train(first)
    lines = first.journal.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2][:9] + b"\n"
    first.journal.write_bytes(b"".join(lines))
    said = []

    second = begin(replace(assignment, attempt=2), said)

    assert not second.is_finished
    assert said
    assert train(second).hash == result.hash
    assert second.damage() is None


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0", b'{"journal": 3', b"[]", b"{}", b'{"journal": "x"}']
)
def test_what_mlflow_acknowledged_is_forgotten_where_its_file_is_not_whole(assignment, content):
    first = begin(assignment)
    train(first, until=5)
    (first.path / "shipped.json").write_bytes(content)

    second = begin(replace(assignment, attempt=2))

    assert second.read("shipped") is None
    assert train(second).outcome == "finished"


def test_what_was_sent_beyond_the_checkpoint_is_not_sent_again(assignment):
    first = begin(assignment)
    train(first, until=5)
    sent = {"target": "t", "journal": first.journal.stat().st_size + 1, "step": 5}
    first.write("shipped", sent)

    second = begin(replace(assignment, attempt=2))

    assert second.read("shipped") == {"target": "t", "journal": 0, "step": 5, "resent_after": 5}


@pytest.mark.parametrize("name", ["run", "result"])
def test_unreadable_document_of_an_earlier_attempt_ends_nothing(assignment, name):
    first = begin(assignment)
    result = train(first)
    (first.path / f"{name}.json").write_bytes(b"")

    second = begin(replace(assignment, attempt=2))

    assert train(second).hash == result.hash


def test_result_of_an_earlier_attempt_is_adopted_without_training(assignment):
    first = begin(assignment)
    result = train(first)

    second = begin(replace(assignment, attempt=2))

    assert execute(second, checkpoint_seconds=0) == result
    assert second.journal.read_bytes() == first.journal.read_bytes()
    assert (second.artifacts / "checkpoints" / "last.pt").exists()


def test_retry_goes_on_from_the_run_it_repeats(assignment):
    train(begin(assignment), until=5)
    RunFolder.of_attempt(assignment.runs, "abcde-0", 1).write("shipped", {"mlflow_run_id": "m"})

    run = replace(assignment.run, run_id="abcde-0r1")
    retry = begin(replace(assignment, run_id="abcde-0r1", run=run, retry_of="abcde-0"))

    assert retry.checkpoint.exists()
    assert retry.read("shipped") is None


@pytest.mark.parametrize(
    ("field", "value"), [("identity", "j"), ("data", "other"), ("plugins", {"cell:rnn": "2"})]
)
def test_retry_with_anything_changed_begins_with_nothing(assignment, field, value):
    train(begin(assignment), until=5)

    run = replace(assignment.run, run_id="abcde-0r1", **{field: value})
    retry = begin(replace(assignment, run_id="abcde-0r1", run=run, retry_of="abcde-0"))

    assert not retry.checkpoint.exists()


def test_what_a_forgotten_attempt_left_is_removed(assignment):
    train(begin(assignment))

    again = begin(assignment)

    assert sorted(path.name for path in again.path.iterdir()) == ["log.txt", "run.json"]


def test_the_process_that_runs_are_forked_from_has_imported_all_but_their_plugins(assignment):
    folder = begin(assignment)
    program = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "import bptt.worker.template\n"
        "from bptt.execution.execute import execute\n"
        "from bptt.run_folder import RunFolder\n"
        "before = set(sys.modules)\n"
        "execute(RunFolder(Path(sys.argv[1])), checkpoint_seconds=0, keep=True)\n"
        "print(json.dumps(sorted(set(sys.modules) - before)), flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(folder.path)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    # importing what torch imports when it is first used takes longer than such a run
    later = {name for name in json.loads(done.stdout) if not name.startswith("bptt_plugins")}
    assert later == set()
