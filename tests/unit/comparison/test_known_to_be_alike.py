"""What is known to be the same is no rival, and what is exactly alike has no best."""

from dataclasses import replace

from bptt.comparison.table import compare
from tests.unit.comparison.points import row
from tests.unit.comparison.timed import runs


def with_budget(cell, solved, steps):
    held = []
    for one in runs(cell, solved):
        values = {**one.values, "training.steps": steps}
        held.append(replace(one, config=f"{cell} steps={steps}", values=values, budget=steps))
    return held


def test_no_lead_has_an_interval_where_budgets_alone_differ():
    solved = [100, 150, 200, 100, 300]
    held = [
        *with_budget("gru", solved, 500),
        *with_budget("gru", solved, 1000),
        *with_budget("lstm", [400, 350, 450, 400, 300], 1000),
    ]

    (comparison,) = compare(held)

    first, second, other = comparison.groups
    assert {first.config, second.config} == {"gru steps=500", "gru steps=1000"}
    assert (second.lead.estimate, second.lead.low, second.lead.high) == (1.0, None, None)
    assert other.lead.low is not None
    assert (
        "The same training within the smallest budget, in which times are ranked: "
        "gru steps=500 and gru steps=1000." in comparison.notes
    )


def test_of_configurations_that_are_exactly_alike_none_is_the_best():
    (comparison,) = compare(runs("a", [50] * 5) + runs("b", [50] * 5))

    assert {group.standing for group in comparison.groups} == {"may be best"}
    assert "5 seeds cannot tell the configurations apart: a and b." in comparison.verdict
    assert any(
        note.endswith("Evaluate more often to tell them apart.") for note in comparison.notes
    )


def test_the_best_of_two_that_differ_in_one_seed_is_so_far():
    (comparison,) = compare(row("a", [0.9, 0.9, 0.9]) + row("b", [0.9, 0.8, 0.9]))

    assert [group.standing for group in comparison.groups] == ["best so far", "may be best"]
