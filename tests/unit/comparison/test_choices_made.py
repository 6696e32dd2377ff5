"""Choices that were made for good hold beside whatever else is compared; others are made anew."""

from dataclasses import replace

from bptt.comparison.fresh import fresh_seeds
from bptt.comparison.table import compare
from bptt.records.choices import MadeChoice
from tests.unit.comparison.points import point
from tests.unit.comparison.test_chosen import grid
from tests.unit.comparison.test_fresh import CHOSEN, GRID, added, asked, judged, tuned_to


def test_a_choice_that_was_made_in_one_grid_holds_beside_another_that_chooses_by_halves():
    one = [replace(p, grids=("a",)) for p in grid(seeds=4) + judged(range(4, 9), grid="a")]
    rates = (1e-3, 1e-2)
    other = [
        replace(point("rnn", seed, 0.4 + rate + 0.001 * seed, **{"optimizer.lr": rate}),
                grids=("b",))
        for rate in rates
        for seed in range(8)
    ]  # fmt: skip

    alone, by_itself, both = (
        tuned_to(*compare(points, tune=["lr"])) for points in (one, other, one + other)
    )

    # each as it is without the other
    assert both == {"lstm": ("lr=0.01", 5), "gru": ("lr=0.1", 5), "rnn": ("lr=0.01", 4)}
    assert alone == {name: both[name] for name in ("lstm", "gru")}
    assert list(by_itself.values()) == [both["rnn"]]
    (found,) = compare(one + other, tune=["lr"])
    assert found.notes[0].startswith(
        "Tuned over optimizer.lr: the best mean on seeds that do not judge: of lstm and gru on 0, "
        "1, 2, 3, judged on 4, 5, 6, 7, 8, which were added for the values chosen alone; of rnn on "
        "0, 1, 2, 3, judged on 4, 5, 6, 7."
    )


def test_what_has_too_few_seeds_to_choose_and_judge_is_named_beside_a_choice_that_was_made():
    one = [replace(p, grids=("a",)) for p in grid(seeds=4) + judged(range(4, 9), grid="a")]
    other = [
        replace(point("rnn", seed, 0.4 + rate, **{"optimizer.lr": rate}), grids=("b",))
        for rate in (1e-3, 1e-2)
        for seed in range(5)
    ]

    (found,) = compare(one + other, tune=["lr"])

    assert sorted(tuned_to(found)) == ["gru", "lstm"]
    assert found.notes[1] == (
        "Tuned, and without a seed that judges: rnn:\n"
        "bptt extend a --tuned optimizer.lr --seeds 6\n"
        "bptt extend b --tuned optimizer.lr --seeds 5"
    )


def test_seeds_that_happen_to_have_one_value_are_not_fresh_and_judge_nothing():
    # the lstm's first rate was tried on two more seeds, whatever for, and no history names them
    alone = added([8, 9], {"lstm": 1e-3, "gru": 1e-1}, value=9.0)

    (found,), (without,) = (compare(points, tune=["lr"]) for points in (grid() + alone, grid()))

    assert tuned_to(found) == tuned_to(without) == {"lstm": ("lr=0.01", 4), "gru": ("lr=0.1", 4)}
    means = [[group.value.estimate for group in one.groups] for one in (found, without)]
    assert means[0] == means[1]
    assert (
        "have judge nothing that is chosen here, whatever they were added for: 8, 9."
        in (found.notes[0])
    )
    assert "added for" not in without.notes[0]


def test_a_choice_that_was_made_is_not_made_again_beside_a_grid_that_has_one_value_of_a_seed():
    one = [
        replace(p, grids=("a",)) for p in grid() + judged(range(8, 13), choosing=range(8), grid="a")
    ]
    other = [replace(p, grids=("b",)) for p in added([8, 9], {"lstm": 1e-1}, value=0.1)]

    (found,) = compare(one + other, tune=["lr"])

    assert tuned_to(found) == {"lstm": ("lr=0.01", 5), "gru": ("lr=0.1", 5)}


def test_a_choice_stays_though_all_values_have_its_seeds_by_now():
    points = [p for p in grid(seeds=9, flattering=range(9)) if p.seed < 4 or p.config != "x"]
    chosen = {(p.config, p.seed): p for p in judged(range(4, 9))}
    points = [chosen.get((p.config, p.seed), p) for p in points]

    (found,) = compare(points, tune=["lr"])

    assert tuned_to(found) == {"lstm": ("lr=0.01", 5), "gru": ("lr=0.1", 5)}
    # nothing more is wanted
    assert list(asked(points).seeds) == [4, 5, 6, 7, 8]


def test_seeds_that_had_a_say_in_another_grid_do_not_judge():
    first = judged(range(5, 10), choosing=range(5), grid="a")
    second = judged(range(10, 14), choosing=range(5, 10), grid="b")

    (found,) = compare(grid(seeds=10) + first + second, tune=["lr"])

    assert tuned_to(found) == {"lstm": ("lr=0.01", 4), "gru": ("lr=0.1", 4)}


def test_two_choices_of_one_configuration_are_replaced_by_one_that_is_made_now():
    first = judged(range(8, 13), choosing=range(8), grid="a")
    second = judged(range(13, 18), CHOSEN | {"lstm": 1e-1}, choosing=range(8), grid="b")

    (found,) = compare(grid() + first + second, tune=["lr"])

    assert tuned_to(found) == {"lstm": ("lr=0.01", 4), "gru": ("lr=0.1", 10)}
    assert "chosen anew, by seeds that have all values: lstm." in found.notes[0]


def test_of_two_choices_that_was_made_for_configurations_as_asked():
    def sized(points):
        return [
            replace(p, config=f"{p.config} {size}", values={**p.values, "model.hidden_size": size})
            for p in points
            for size in (8, 16)
        ]

    old = sized(grid(seeds=4))
    parts = [
        p
        for p in sized(judged(range(4, 9), {"lstm": 1e-2}) + judged(range(4, 9), {"lstm": 1e-1}))
        if (p.values["optimizer.lr"] == 1e-2) == (p.values["model.hidden_size"] == 8)
    ]
    whole = sized(judged(range(4, 9), {"lstm": 1e-1, "gru": 1e-1}, by=("cell",)))

    (found,) = compare(old + parts + whole, by=["cell"], tune=["lr"])
    # without it, two values were chosen for parts of one configuration
    (anew,) = compare(old + parts, by=["cell"], tune=["lr"], tune_seeds=[0])

    assert tuned_to(found) == {"lstm": ("lr=0.1", 5), "gru": ("lr=0.1", 5)}
    assert tuned_to(anew)["lstm"] == ("lr=0.01", 3)


def test_a_choice_on_other_axes_is_none_on_these():
    points = [
        replace(p, values={**p.values, "clipper": clipper}, config=f"{p.config} {clipper}")
        for p in grid(seeds=8) + judged(range(8, 13))
        for clipper in ("none", "value")
        if p.seed < 8 or clipper == "none"
    ]

    (found,) = compare(points, tune=["lr", "clipper"])

    assert {n for _, n in tuned_to(found).values()} == {4}


def test_a_choice_of_an_earlier_version_is_known_by_its_words():
    of_words = MadeChoice(GRID, (), choosing=(0, 1, 2, 3), words=frozenset({"lr=0.01", "lr=0.1"}))
    points = [replace(p, choices=(of_words,)) for p in added(range(4, 9))]

    (found,) = compare(grid(seeds=4) + points, tune=["lr"])

    assert tuned_to(found) == {"lstm": ("lr=0.01", 5), "gru": ("lr=0.1", 5)}
    assert fresh_seeds(points, ("cell",), GRID) == []
