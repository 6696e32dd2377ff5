"""`bptt run` of a task that fails: a line, and never the exit code of success."""

import pytest

from bptt.cli import main
from bptt_plugins.tasks.latch import Latch

FILE = "task: {name: latch, length: 12}\ncell: rnn\nmodel: {hidden_size: 4}\ntraining: {steps: 2}\n"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / "home"))
    (tmp_path / "run.yaml").write_text(FILE)

    def run():
        with pytest.raises(SystemExit) as ended:
            main(["run", "--quiet", str(tmp_path / "run.yaml")])
        told = capsys.readouterr()
        assert told.out == ""
        return ended.value.code, told.err.splitlines()

    return run


def ends(*arguments, **options):
    raise SystemExit(0)


def test_losses_of_a_wrong_shape_are_told_with_task_batch_and_shapes(run, monkeypatch):
    monkeypatch.setattr(Latch, "losses", lambda self, outputs, batch: outputs.mean())

    code, (line,) = run()

    assert code == 2
    assert line.startswith("Latch.losses must return a loss for each prediction, a tensor of the ")
    assert "(evaluation set: outputs (" in line


@pytest.mark.parametrize("method", ["sample", "evaluation_sets", "metrics", "extent", "__init__"])
def test_a_task_that_ends_the_process_is_told_to_have_failed(run, monkeypatch, method):
    monkeypatch.setattr(Latch, method, ends)

    code, (line,) = run()

    assert code != 0
    assert "SystemExit: 0" in line
