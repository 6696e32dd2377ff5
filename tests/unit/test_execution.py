"""Executing the run in a folder, and what keeps it from being executed."""

import multiprocessing

import pytest

from bptt.cli.summary import summarize
from bptt.damage import find_damage
from bptt.errors import (
    CheckpointDamaged,
    DataChanged,
    OutOfMemory,
    PluginChanged,
    RunBusy,
    RunNotFound,
)
from bptt.execution.execute import begin, execute
from bptt.measuring.stored import load_probes
from bptt.measuring.table import SCALARS
from bptt.run_file import read_run_file
from bptt.run_folder import RunFolder
from bptt.settings import Settings

RUN_FILE = """
task: {name: char_lm, text: TEXT, window: 8}
cell: rnn
model: {hidden_size: 4}
training: {steps: 4, batch_size: 2, evaluate_every: 2}
statistics: {interval: 2}
"""


@pytest.fixture
def folder(tmp_path):
    return begun(tmp_path, RUN_FILE)


def begun(tmp_path, content):
    text = tmp_path / "text.txt"
    text.write_text("the keys to the cabinet are on the table. " * 20)
    file = tmp_path / "run.yaml"
    file.write_text(content.replace("TEXT", str(text)))
    request = read_run_file(file)
    return begin(Settings(home=tmp_path / "home"), request)


def hold(path, held, release):
    with RunFolder(path).locked():
        held.set()
        release.wait(60)


def test_run_another_process_trains_is_left_alone(folder):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(folder.path, held, release))
    process.start()
    assert held.wait(60)

    with pytest.raises(RunBusy, match=f"{folder.run_id} is being trained by another process"):
        execute(folder, checkpoint_seconds=10)
    release.set()
    process.join(60)

    assert not folder.journal.exists()
    assert execute(folder, checkpoint_seconds=10).outcome == "finished"


@pytest.mark.parametrize("what", ["edited", "removed"])
def test_run_goes_on_with_the_content_its_file_had_when_it_began(folder, tmp_path, what):
    file = tmp_path / "text.txt"
    file.write_text("another text altogether! " * 20) if what == "edited" else file.unlink()

    assert execute(folder, checkpoint_seconds=10).outcome == "finished"


@pytest.mark.parametrize("damage", ["gone", "other", "empty"])
def test_run_whose_kept_content_is_gone_or_damaged_says_what_to_do(folder, damage):
    (kept,) = folder.data.glob("??/*")
    assert kept.stat().st_mode & 0o777 == 0o444
    kept.unlink()
    if damage != "gone":
        kept.write_text("x" if damage == "other" else "")

    with pytest.raises(DataChanged, match=r"text\.txt \(sha256:.*Submit a grid with that"):
        execute(folder, checkpoint_seconds=10)

    assert not folder.journal.exists()


def test_run_of_an_earlier_version_names_a_path_and_goes_on_while_its_content_is_the_same(
    folder, tmp_path
):
    run = folder.read("run")
    run["spec"]["task"]["options"]["text"] = str(tmp_path / "text.txt")
    del run["files"]
    folder.write("run", run)
    before = (tmp_path / "text.txt").read_text()

    (tmp_path / "text.txt").write_text("another text altogether, with other characters! " * 20)
    with pytest.raises(DataChanged, match="is not what it began with"):
        execute(folder, checkpoint_seconds=10, keep=True)
    (tmp_path / "text.txt").write_text(before)

    assert execute(folder, checkpoint_seconds=10).outcome == "finished"


def test_run_does_not_go_on_with_another_version_of_a_plugin(folder):
    run = folder.read("run")
    folder.write("run", run | {"plugins": run["plugins"] | {"cell:rnn": "bptt 9.9"}})

    with pytest.raises(
        PluginChanged, match=r"cell rnn of bptt 9\.9, and what is installed is bptt 0"
    ):
        execute(folder, checkpoint_seconds=10)


def test_run_that_needs_too_much_memory_leaves_nothing_behind(folder):
    run = folder.read("run")
    run["spec"]["model"] |= {"hidden_size": 16384, "layers": 1000}
    folder.write("run", run)

    with pytest.raises(OutOfMemory, match=r"Make model\.hidden_size"):
        execute(folder, checkpoint_seconds=10)

    assert not folder.path.exists()


def test_checkpoint_whose_journal_is_gone_is_passed_over_and_told(folder, capfd):
    execute(folder, checkpoint_seconds=0, should_stop=lambda: True)
    assert folder.journal.stat().st_size > 0
    folder.journal.write_bytes(b"")
    begun = []

    execute(folder, checkpoint_seconds=10, on_begin=begun.append)

    # the checkpoint before it needs no journal
    assert begun == [0]
    assert (
        "checkpoint.pt cannot be used: The journal is whole for 0 bytes" in capfd.readouterr().err
    )


def test_run_without_any_checkpoint_that_fits_its_journal_is_left_as_it_is(folder):
    execute(folder, checkpoint_seconds=0, should_stop=lambda: True)
    folder.journal.write_bytes(b"")
    folder.previous_checkpoint.unlink()

    with pytest.raises(CheckpointDamaged, match=r"whole for 0 bytes.*delete .*checkpoint\.pt"):
        execute(folder, checkpoint_seconds=10)


def test_a_run_that_has_ended_keeps_no_previous_checkpoint(folder):
    execute(folder, checkpoint_seconds=0, should_stop=lambda: True)
    assert folder.previous_checkpoint.exists()

    execute(folder, checkpoint_seconds=10)

    assert folder.is_finished
    assert not folder.previous_checkpoint.exists()
    assert find_damage(folder, True) == []


def test_run_asked_to_stop_is_saved_where_it_stands_and_goes_on(folder):
    steps = []

    stopped = execute(
        folder,
        checkpoint_seconds=10,
        on_progress=lambda progress: steps.append(progress.step),
        should_stop=lambda: len(steps) == 2,
    )
    result = execute(
        folder, checkpoint_seconds=10, on_progress=lambda progress: steps.append(progress.step)
    )

    assert stopped is None
    assert steps == [0, 1, 2, 3, 4]
    assert result.outcome == "finished"


def test_identity_of_a_run_changes_with_the_content_of_its_text(folder, tmp_path):
    before = folder.read("run")["identity"]

    same = read_run_file(tmp_path / "run.yaml").identity
    (tmp_path / "text.txt").write_text("another text altogether, with other characters! " * 20)
    other = read_run_file(tmp_path / "run.yaml").identity

    assert same == before
    assert other != before


def test_finished_run_is_not_trained_again(folder):
    first = execute(folder, checkpoint_seconds=10)
    journal = folder.journal.read_bytes()

    assert execute(folder, checkpoint_seconds=10) == first
    assert folder.journal.read_bytes() == journal


def test_damaged_checkpoint_is_told_with_the_way_out(folder):
    with pytest.raises(KeyboardInterrupt):
        execute(folder, checkpoint_seconds=0, on_progress=interrupt_at(2))
    for path in (folder.checkpoint, folder.previous_checkpoint):
        path.write_bytes(path.read_bytes()[:-7])

    with pytest.raises(CheckpointDamaged, match=r"from the start, delete .*checkpoint\.pt"):
        execute(folder, checkpoint_seconds=10)
    folder.checkpoint.unlink()

    assert execute(folder, checkpoint_seconds=10).step == 4


def interrupt_at(step):
    def on_progress(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    return on_progress


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunNotFound, match=r"run\.json is missing"):
        execute(RunFolder(tmp_path), checkpoint_seconds=10)


def test_result_says_how_the_run_ended_and_what_the_statistics_cost(folder):
    result = execute(folder, checkpoint_seconds=10)

    assert (result.outcome, result.step, result.backend) == ("finished", 4, "compiled")
    assert result.metric == "bits_per_char"
    assert 0 < result.metrics["eval/bits_per_char"] < 10
    assert 0 < result.statistics_share < 1
    known = {row.key.partition("/")[2] for row in SCALARS if row.key.startswith("flow/")}
    assert {"slope", "half_life", "horizon", "ratio", "train_ratio"} <= set(result.flow) <= known
    assert [probe.step for probe in load_probes(folder)] == [0, 2, 4]


def test_a_run_without_updates_measures_the_network_as_it_was_initialised(tmp_path, folder):
    untrained = begun(tmp_path, RUN_FILE.replace("steps: 4", "steps: 0"))

    result = execute(untrained, checkpoint_seconds=10)
    trained = execute(folder, checkpoint_seconds=10)

    assert (result.outcome, result.step) == ("finished", 0)
    assert result.best["step"] == 0
    assert [probe.step for probe in load_probes(untrained)] == [0]
    first = next(r["metrics"] for _, r in folder.records() if "metrics" in r)
    assert result.metrics == first
    assert {"flow/slope", "lyapunov/le1", "eval/loss"} <= set(first)
    assert trained.metrics["flow/slope"] != first["flow/slope"]
    summary = summarize(untrained)
    assert summary.told_outcome == "measured as it was initialised, not trained"
    assert list(summary.gradients) == [0]


def test_ids_sort_by_the_time_of_creation():
    from bptt.execution.execute import _new_id

    moments = [1.0e9 + 0.004 * k for k in range(500)]

    ids = [_new_id(moment) for moment in moments]

    assert sorted(ids) == ids
