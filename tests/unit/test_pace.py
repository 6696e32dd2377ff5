import pytest

from bptt.api.pace import START, Evidence, Pace, evidence
from bptt.records.work import MeasuredRun
from bptt.run_file.cost import Cost
from bptt.store.plan import REFERENCE_SPEED

LONG = Cost(updates=100.0, once=0.0, may_stop=False)


def measured(seconds, modelled, cell="lstm", cost_key="k"):
    return MeasuredRun(cell, cost_key, seconds, modelled * REFERENCE_SPEED)


def test_smoke_runs_do_not_decide_how_long_a_long_run_takes():
    # 50 updates of 40 ms that took a second, which was their start
    smoke = evidence([measured(0.1, 0.01) for _ in range(4)])

    assert Pace(smoke).seconds("lstm", "other", LONG) < 200.0


def test_long_runs_decide():
    slow = evidence([measured(300.0, 100.0) for _ in range(4)])

    assert Pace(slow).seconds("lstm", "other", LONG) == pytest.approx(300.0 + START, rel=0.02)


def test_each_cell_has_its_own_pace():
    mixed = Pace(evidence([measured(100.0, 100.0), measured(400.0, 100.0, "rnn")]))

    assert mixed.of_cell("rnn") > 3.8
    assert mixed.of_cell("lstm") < 1.1


def test_runs_of_equal_cost_tell_when_they_stop():
    solved = evidence([measured(7.0, 7.0), measured(9.0, 9.0)])

    assert Pace(solved).seconds("lstm", "k", LONG) == pytest.approx(8.0 + START)


def test_without_a_run_the_machine_tells():
    assert Pace(Evidence(), machine=2.0).seconds("lstm", "k", LONG) == pytest.approx(200.0 + START)


def test_range_narrows_with_what_was_measured():
    spreads = [
        Pace(evidence([measured(seconds, seconds)])).spread(["lstm"]) for seconds in (1, 5, 50)
    ]

    assert spreads == sorted(spreads, reverse=True)
    assert len(set(spreads)) == 3
