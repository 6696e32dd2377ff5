"""Pictures of a tuned comparison show what it judges, or say that they show more."""

from dataclasses import replace

from bptt.comparison.judged import judged
from bptt.comparison.pictures import draw_pictures
from bptt.comparison.table import compare
from tests.unit.comparison.test_chosen import grid
from tests.unit.comparison.test_pictures import trained

CHOSEN = {("lstm", 1e-2), ("gru", 1e-1)}


def choices(points):
    return {(point.values["cell"], point.values["optimizer.lr"]) for point in points}


def test_drawn_are_the_values_chosen_on_the_seeds_that_judge():
    points = grid()

    shown = judged(points, tune=["lr"])

    assert choices(shown.points) == CHOSEN
    assert {point.seed for point in shown.points} == {4, 5, 6, 7}
    assert len(shown.points) == compare(points, tune=["lr"])[0].points
    # as chosen by other figures than those that are drawn
    swapped = [
        replace(p, result=q.result) for p, q in zip(points, points[24:] + points, strict=False)
    ]
    assert choices(judged(points, tune=["lr"], measured=swapped).points) == {
        ("gru", 1e-2),
        ("lstm", 1e-1),
    }


def test_where_nothing_is_judged_all_is_drawn_and_labelled():
    points = grid(seeds=4)

    shown = judged(points, tune=["lr"])

    assert list(shown.points) == points
    assert shown.told == "Nothing is judged yet: all values of lr, all seeds."
    plain = judged(points)
    assert (list(plain.points), plain.title, plain.told) == (points, "", "")


def test_pictures_of_a_tuned_comparison_say_so_and_average_over_nothing(tmp_path):
    values = [
        {"cell": cell, "optimizer.lr": lr, "seed": seed}
        for cell in ("gru", "rnn")
        for lr in (0.1, 0.2)
        for seed in range(6)
    ]
    points = [
        replace(
            trained(tmp_path, n, one, solved_at=5 if one["seed"] % 2 else None), seed=one["seed"]
        )
        for n, one in enumerate(values)
    ]

    drawn = draw_pictures(judged(points, tune=["lr"]), tmp_path, title="g")

    assert drawn
    for picture in drawn:
        assert picture.caption.endswith(
            "Each configuration with the lr that was chosen for it, on the seeds that judge: 3, 4 "
            "and 5."
        )
        assert "Averaged" not in picture.caption
        assert "lr=" not in picture.alt
