"""What of a journal and a spec goes to MLflow, and under which names."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest

from bptt.records.documents import RunDocument
from bptt.run_folder import RunFolder
from bptt.tracking.run import description
from bptt.tracking.run.rows import batches, rounded


@pytest.fixture
def write_journal(tmp_path):
    def write(*records):
        folder = RunFolder(tmp_path)
        journal = folder.open_journal()
        for record in records:
            journal.append({"step": 0, "time": 1, **record})
        journal.close()
        return folder, journal.length

    return write


@pytest.fixture
def run():
    return RunDocument(
        run_id="251123-080000-abcd",
        name="a",
        project="p",
        spec={
            "task": {"name": "copy_memory", "options": {"length": 50, "size": 8}},
            "cell": {"name": "lstm", "options": {"gain": 2.0, "bias": True, "size": 3}},
            "clipper": {"name": "global_norm", "options": {"max_norm": 1.0}},
            "optimizer": {"name": "adam", "lr": 0.001},
            "training": {"steps": 10, "truncation": None},
            "seed": 7,
        },
    )


def test_batches_end_where_records_end(write_journal):
    folder, end = write_journal(*({"metrics": {f"m/{n}": 0.0 for n in range(300)}},) * 7)

    found = list(batches(folder, 0, end))

    assert [len(batch.values) for batch in found] == [900, 900, 300]
    assert found[-1].end == end
    assert [offset for offset, _ in folder.records(found[0].end)][-1] == end


def test_tags_count_in_a_batch_and_the_last_value_stays(write_journal):
    many = {"metrics": {f"m/{n}": 0.0 for n in range(999)}, "tags": {"a": 1}}
    folder, end = write_journal(many, {"tags": {"a": 2, "b": None}})

    first, second = batches(folder, 0, end)

    assert (len(first.values), first.tags) == (999, {"a": "1"})
    assert (second.values, second.tags) == ([], {"a": "2", "b": "None"})


def test_batches_go_on_behind_what_is_acknowledged(write_journal):
    folder, end = write_journal({"metrics": {"a": 1.0}}, {"metrics": {"a": 2.0}})
    middle = next(iter(folder.records()))[0]

    (batch,) = batches(folder, middle, end)

    assert [value.value for value in batch.values] == [2.0]


def test_nothing_new_makes_no_batch(write_journal):
    folder, end = write_journal({"metrics": {"a": 1.0}})

    assert list(batches(folder, end, end)) == []


@pytest.mark.parametrize("value", [None, math.inf, -math.inf, math.nan])
def test_no_infinity_is_ever_sent(value):
    assert math.isnan(rounded(value))


def test_values_keep_six_digits():
    assert rounded(0.12345678) == 0.123457
    assert rounded(1.0e-30) == 1.0e-30


def test_params_are_short_unless_two_sections_share_a_name(run):
    found = description.params(run)

    assert found == {
        "task": "copy_memory",
        "length": "50",
        "task.size": "8",
        "cell": "lstm",
        "gain": "2.0",
        "bias": "true",
        "cell.size": "3",
        "clipper": "global_norm",
        "max_norm": "1.0",
        "optimizer": "adam",
        "lr": "0.001",
        "steps": "10",
        "truncation": "none",
        "seed": "7",
    }


def test_numbers_begin_with_what_people_sweep(run):
    found = description.numbers(run)

    assert list(found) == [
        "hp/length",
        "hp/task.size",
        "hp/lr",
        "hp/max_norm",
        "hp/seed",
        "hp/gain",
        "hp/cell.size",
        "hp/steps",
    ]
    assert found["hp/lr"] == 0.001


def test_config_id_forgets_the_seed_and_nothing_else(run):
    other_seed = replace(run, spec=run.spec | {"seed": 8})
    other_steps = replace(run, spec=run.spec | {"training": {"steps": 11}})

    ids = [description.tags(r)["bptt.config_id"] for r in (run, other_seed, other_steps)]

    assert ids[0] == ids[1] != ids[2]


def test_config_names_cell_and_clipper(run):
    assert description.tags(run)["bptt.config"] == "lstm global_norm"


def test_user_without_a_name_is_unknown(run, monkeypatch):
    def nameless():
        raise OSError("no user of this number")

    monkeypatch.setattr("getpass.getuser", nameless)

    assert description.tags(run)["mlflow.user"] == "unknown"


def test_tracking_loads_nothing_heavy_before_it_ships():
    program = "import sys, bptt.tracking; print(*{m.split('.')[0] for m in sys.modules})"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    loaded = set(done.stdout.split())
    assert "bptt" in loaded
    assert loaded & {"mlflow", "matplotlib", "numpy", "torch", "sqlalchemy", "click"} == set()
