"""Which lines a grid's pictures tell apart, and what they say of the rest."""

import json

from bptt.comparison.pictures import draw_pictures
from bptt.comparison.point import ComparedPoint
from bptt.run_folder import RunFolder

CELLS = ("rnn", "lstm", "gru", "mgu")
CLIPPERS = ("none", "global_norm", "value")


def trained(runs, number, cell, clipper, clips=0.5):
    """Return a point whose run has left a journal."""
    folder = RunFolder.of_attempt(runs, f"g-{number}", 1)
    folder.path.mkdir(parents=True)
    metrics = {
        "eval/accuracy": 0.5,
        "grad/norm": 2.0,
        "grad/clipped_norm": 1.0,
        "grad/clip_fraction": clips,
    }
    lines = [json.dumps({"step": step, "metrics": metrics}) for step in (0, 10)]
    folder.journal.write_text("\n".join(lines) + "\n")
    result = {
        "outcome": "finished",
        "step": 10,
        "metric": "accuracy",
        "better": "higher",
        "baseline": 0.5,
        "metrics": metrics,
    }
    folder.write("result", result)
    return ComparedPoint(
        f"{cell} {clipper}",
        0,
        "succeeded",
        result,
        task="latch",
        run_id=f"g-{number}",
        values={"cell": cell, "clipper": clipper},
    )


def test_more_configurations_than_lines_are_averaged_and_that_is_said(tmp_path):
    pairs = [(cell, clipper) for cell in CELLS for clipper in CLIPPERS]
    points = [trained(tmp_path, number, *pair) for number, pair in enumerate(pairs)]

    told = {one.name: one.caption for one in draw_pictures(points, tmp_path, title="g")}

    assert "Averaged over clipper within each seed" in told["curve_eval_accuracy"]
    # a picture of clipping without the clippers says nothing
    assert "Averaged over cell within each seed" in told["clipping"]


def test_clipping_is_drawn_only_where_something_is_clipped(tmp_path):
    points = [trained(tmp_path, number, cell, "none", 0.0) for number, cell in enumerate(CELLS)]

    assert "clipping" not in {one.name for one in draw_pictures(points, tmp_path, title="g")}


def test_few_configurations_are_all_told_apart(tmp_path):
    pairs = [(cell, clipper) for cell in CELLS for clipper in CLIPPERS[:2]]
    points = [trained(tmp_path, number, *pair) for number, pair in enumerate(pairs)]

    for picture in draw_pictures(points, tmp_path, title="g"):
        assert "Averaged" not in picture.caption


def test_the_best_of_many_are_drawn_where_they_were_asked_for(tmp_path):
    pairs = [(cell, clipper) for cell in CELLS for clipper in CLIPPERS]
    points = [trained(tmp_path, number, *pair) for number, pair in enumerate(pairs)]

    for picture in draw_pictures(points, tmp_path, title="g", by=("cell", "clipper")):
        assert "The 8 best of 12 configurations" in picture.caption
