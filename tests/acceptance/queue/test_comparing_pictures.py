"""`bptt compare` over runs that were really trained: the page, the pictures, the other ways out."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.trained import train_claimed

GRID = """
name: small
task: {name: latch, length: 12}
cell: [rnn, gru]
clipper: [none, {name: global_norm, max_norm: 0.05}]
model: {hidden_size: 4}
training: {steps: 30, batch_size: 8, evaluate_every: 10, evaluation_size: 16}
statistics: {interval: 10}
seeds: 2
"""


@pytest.fixture
def trained(bptt, machine):
    """Queue a grid and train all of it but the last run, which fails."""
    Path("small.yaml").write_text(GRID)
    assert bptt("submit", "small.yaml")[0] == 0
    worker = machine()
    for _ in range(7):
        run = worker.begin()
        assert run is not None
        worker.succeed(run, train_claimed(worker.settings, run))
    worker.fail(worker.begin())


def test_page_needs_nothing_else_and_shows_everything(bptt, trained, tmp_path):
    code, out, errors = bptt("compare", "small", "--html", "new/report.html")

    assert (code, len(errors)) == (0, 1)
    assert errors[0].startswith("Wrote new/report.html (")
    page = Path("new/report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert page.count("<img ") == 6
    assert page.count("<tr") == 1 + 4
    assert "failed: plugin_error" in page
    # the file that anybody can queue again
    assert "hidden_size: 4" in page
    # and the terminal names it, too
    assert "gru global_norm seed=1: failed: plugin_error" in out


def test_pictures_are_files_that_can_be_opened(bptt, trained):
    code, _, errors = bptt("compare", "small", "--by", "cell", "--pictures", "drawn")

    assert code == 0
    names = {path.name for path in Path("drawn").iterdir()}
    assert names == {
        "gradient_through_time.png",
        "gradient_heat_maps.png",
        "curve_eval_accuracy.png",
        "curve_train_loss.png",
        "clipping_norms.png",
        "clipping_share.png",
    }
    assert len(errors) == len(names)
    for name in names:
        with Image.open(Path("drawn") / name) as image:
            assert image.width > 600
            # more than paper: something is drawn in colours
            found = image.convert("RGB").getcolors(2**24)
            assert sum(n for n, rgb in found if max(rgb) - min(rgb) > 100) > 100


def test_pictures_as_svg_are_the_same_file_each_time(bptt, trained):
    bptt("compare", "small", "--pictures", "one", "--svg")
    bptt("compare", "small", "--pictures", "two", "--svg")

    names = sorted(path.name for path in Path("one").iterdir())
    assert names
    assert all(name.endswith(".svg") for name in names)
    for name in names:
        text = (Path("one") / name).read_text()
        assert text == (Path("two") / name).read_text()
        assert "<svg" in text


def test_csv_has_a_row_for_each_configuration(bptt, trained):
    code, out, errors = bptt(
        "compare", "small", "--csv", "--metric", "accuracy", "--metric", "step"
    )

    assert code == 0
    assert errors[0].startswith("2 seeds tell nothing; 5 are the least to rely on:")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["configuration"] for row in rows} == {
        f"{cell} {clipper}" for cell in ("rnn", "gru") for clipper in ("none", "global_norm")
    }
    # none solved it: twice the budget
    assert [float(row["updates estimate"]) for row in rows] == pytest.approx([60] * 4)
    assert sum(int(row["runs failed"]) for row in rows) == 1


def test_json_is_strict_and_holds_every_run_without_a_value(bptt, trained):
    code, out, _ = bptt("compare", "small", "--by", "clipper", "--json")

    assert code == 0
    (comparison,) = json.loads(out)
    assert comparison["by"] == ["clipper"]
    # the seed in which a cell failed is none of its clipper's
    assert sorted(group["value"]["n"] for group in comparison["groups"]) == [1, 2]
    assert [one["outcome"] for one in comparison["lacking"]] == ["failed"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--by", "lr"], "--by 'lr' is no axis of this grid; it has: cell, clipper."),
        (["--metric", "speed"], "--metric 'speed' is in no result of this grid; there are: "),
        (["--json", "--csv"], "--json, --csv and --format exclude each other: give one of them."),
        (["--svg"], "--svg is how --pictures FOLDER writes: give that, too."),
        (["--html", "small.yaml/x.html"], "Cannot write small.yaml/x.html: "),
        (["--html", "."], "Cannot write .: it is a folder. Name a file."),
        (["--pictures", "small.yaml"], "Cannot write small.yaml: it is a file. Name a folder."),
    ],
)
def test_what_cannot_be_done_is_one_line(bptt, trained, arguments, line):
    code, out, errors = bptt("compare", "small", *arguments)

    assert (code, out) == (2, "")
    assert len(errors) == 1
    assert errors[0].startswith(line)
