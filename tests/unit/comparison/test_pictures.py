"""Pictures of a grid: every configuration is on them, or they say which are."""

import json

from bptt.comparison.judged import judged
from bptt.comparison.pictures import draw_pictures
from bptt.comparison.point import ComparedPoint
from bptt.run_folder import RunFolder

CELLS = ("rnn", "lstm", "gru", "mgu")
CLIPPERS = ("none", "global_norm", "value")
PAIRS = [{"cell": cell, "clipper": clipper} for cell in CELLS for clipper in CLIPPERS]


def trained(runs, number, values, clips=0.5, solved_at=None):
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
        "outcome": "finished" if solved_at is None else "solved",
        "step": 10,
        "solved_at": solved_at,
        "metric": "accuracy",
        "better": "higher",
        "baseline": 0.5,
        "metrics": metrics,
    }
    folder.write("result", result)
    return ComparedPoint(
        " ".join(str(value) for path, value in values.items() if not path.startswith("task.")),
        0,
        "succeeded",
        result,
        task="latch",
        run_id=f"g-{number}",
        values=values,
    )


def drawn(points, runs, **options):
    return {one.name: one for one in draw_pictures(judged(points, **options), runs, title="g")}


def test_nothing_is_averaged_over_unless_it_is_asked_for(tmp_path):
    rates = [pair | {"optimizer.lr": lr} for pair in PAIRS for lr in (0.1, 0.01, 0.001)]
    points = [trained(tmp_path, number, values) for number, values in enumerate(rates)]

    for picture in drawn(points, tmp_path).values():
        assert "Averaged" not in picture.caption

    picture = drawn(points, tmp_path, by=["cell"])["curve_eval_accuracy"]
    assert "Averaged over clipper and optimizer.lr within each seed" in picture.caption
    assert picture.alt == "eval/accuracy over training. Lines: rnn, lstm, gru, mgu."


def test_a_caption_says_what_lines_and_panels_are(tmp_path):
    points = [trained(tmp_path, number, values) for number, values in enumerate(PAIRS)]

    found = drawn(points, tmp_path)

    told = found["curve_eval_accuracy"]
    assert "Lines by cell, panels by clipper." in told.caption
    assert told.alt.endswith("Panels: clipper none; clipper global_norm; clipper value.")
    # what is to be compared in a picture of clipping are the clippers
    told = found["clipping_norms"]
    assert "Lines by clipper, panels by cell." in told.caption


def test_clipping_is_drawn_only_where_something_is_clipped(tmp_path):
    points = [trained(tmp_path, n, {"cell": cell}, clips=0.0) for n, cell in enumerate(CELLS)]

    assert not {one for one in drawn(points, tmp_path) if one.startswith("clipping")}


def test_the_best_of_a_hundred_are_drawn_and_that_is_said(tmp_path):
    points = [
        trained(tmp_path, n * 10 + m, {"a.x": float(n), "b.y": float(m)}, solved_at=10 - m)
        for n in range(10)
        for m in range(10)
    ]

    picture = drawn(points, tmp_path)["curve_eval_accuracy"]

    assert "The 12 panels of 100 with the best configurations" in picture.caption
    assert "12 panels, by x and y" in picture.alt


def test_pictures_of_several_problems_name_theirs(tmp_path):
    values = [{"task.length": length, "cell": cell} for length in (10, 20) for cell in CELLS]
    points = [trained(tmp_path, n, one, solved_at=5) for n, one in enumerate(values)]

    *found, over = draw_pictures(judged(points), tmp_path, title="g")

    assert over.alt == "over 2 problems: solved, by length. Lines: rnn, lstm, gru, mgu."
    assert {one.problem for one in found} == {"length=10", "length=20"}
    for one in found:
        assert one.alt.startswith(f"latch {one.problem}: ")
        assert one.caption.startswith(f"latch {one.problem}: ")
        assert one.name.startswith(f"latch_{one.problem.replace('=', '_')}_")
    for words in ("name", "alt", "caption"):
        assert len({getattr(one, words) for one in found}) == len(found)


def test_the_best_are_found_over_problems_too(tmp_path):
    axes = [(a, b, length) for a in range(9) for b in range(28) for length in (10, 20)]
    points = [
        trained(tmp_path, n, {"task.length": length, "a.x": str(a), "b.y": str(b)}, solved_at=5 + b)
        for n, (a, b, length) in enumerate(axes)
    ]

    *_, over = draw_pictures(judged(points), tmp_path, title="g")

    assert "The 12 panels of 252 with the best configurations" in over.caption


def test_the_share_solved_is_along_a_quantity_with_lines_and_panels_for_the_rest(tmp_path):
    rates = [pair | {"optimizer.lr": lr} for pair in PAIRS for lr in (0.1, 0.01, 0.001, 0.0001)]
    points = [trained(tmp_path, n, values, solved_at=5) for n, values in enumerate(rates)]

    picture = drawn(points, tmp_path)["solved"]

    assert picture.alt == (
        "Solved, by lr. Lines: rnn, lstm, gru, mgu. Panels: clipper none; clipper global_norm; "
        "clipper value."
    )
