"""`bptt show RUN --pictures FOLDER` draws a run when somebody wants to see it."""

import pytest
from PIL import Image

from bptt.cli import main
from bptt.execution.execute import begin, execute
from bptt.run_file import read_run_file
from bptt.settings import Settings

RUN = """
task: {name: adding, length: 12}
cell: rnn
model: {hidden_size: 4, layers: 2}
training: {steps: 4, batch_size: 4, evaluation_size: 8}
statistics: {interval: 2, jacobian_interval: 0}
evaluation: {length: [16, 24]}
"""


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Return a function: a run's file -> the folder of the run that it makes, at its end."""
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / "home"))

    def train(text):
        file = tmp_path / "run.yaml"
        file.write_text(text)
        folder = begin(Settings(home=tmp_path / "home"), read_run_file(file))
        execute(folder, checkpoint_seconds=10)
        return folder

    return train


@pytest.fixture
def show(capsys):
    """Return a function: arguments -> exit code and what was said beside the output."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["show", *arguments])
        return ended.value.code, capsys.readouterr().err

    return call


def test_every_picture_of_a_run_is_drawn_and_nothing_is_left_in_its_folder(trained, show, tmp_path):
    folder = trained(RUN)
    before = sorted(folder.path.rglob("*"))

    code, said = show(folder.run_id, "--pictures", str(tmp_path / "drawn"))

    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert code == 0
    assert drawn == [
        "gradient_by_layer.png",
        "gradient_curves.png",
        "gradient_heat_map.png",
        "gradient_over_time.png",
        "test_by_option.png",
    ]
    assert all(f"{name} (" in said for name in drawn)
    for name in drawn:
        with Image.open(tmp_path / "drawn" / name) as image:
            assert min(image.size) > 300
    assert sorted(folder.path.rglob("*")) == before


def test_a_run_without_statistics_says_that_there_is_nothing_to_draw(trained, show, tmp_path):
    off = RUN.replace("interval: 2", "interval: 0").replace("[16, 24]", "[16]")
    folder = trained(off.replace("evaluation: {length: [16]}\n", ""))

    code, said = show(folder.run_id, "--pictures", str(tmp_path / "drawn"))

    assert code == 0
    assert f"Run {folder.run_id} has no gradient statistics to draw yet." in said
    assert list((tmp_path / "drawn").iterdir()) == []


def test_what_cannot_be_drawn_is_told_in_one_line(trained, show, tmp_path):
    folder = trained(RUN)
    (tmp_path / "file").touch()

    for arguments, told in (
        (["--pictures", "x"], "draws one run: give the id of one."),
        ([folder.run_id, folder.run_id, "--pictures", "x"], "draws one run: give the id of one."),
        ([folder.run_id, "--pictures", str(tmp_path / "file")], "it is a file. Name a folder."),
        (["none", "--pictures", "x"], "No run 'none'"),
    ):
        code, said = show(*arguments)
        assert code == 2
        assert told in said
        assert said.count("\n") <= 2
