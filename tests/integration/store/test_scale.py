from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from benchmarks.queue_scale import LIMITS, measure, postgresql, sqlite

from bptt import store
from bptt.store import Database

BUSY = 4.0
"""How much slower a machine may be that does other things too."""


@pytest.mark.soak
@pytest.mark.parametrize("open_queue", [sqlite, postgresql])
def test_nobody_waits_long_for_a_grid_of_100_000_runs(
    open_queue: Callable[[], AbstractContextManager[Database]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_queue() as database:
        seconds = measure(database)
        grid = store.list_grids(database, user="ada")[0]
        left = store.queue_status(database).counts

    with capsys.disabled():
        for name, took in seconds.items():
            print(f"{open_queue.__name__}: {name}: {took:.3f} s")
    assert grid.counts == {"cancelled": 100_000}
    assert left == {"queued": 1_000, "cancelled": 100_000}
    slow = {name: took for name, took in seconds.items() if took > BUSY * LIMITS[name]}
    assert not slow


def test_a_grid_of_some_thousand_runs_is_written_in_several_pieces(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.bulk, "CHUNK", 700)
    text = "task: latch\ncell: [rnn, lstm]\nseeds: 1500\n"

    seconds = measure(database, text, others=2)

    assert set(seconds) <= set(LIMITS)
    (grid,) = store.list_grids(database, user="ada")
    assert grid.counts == {"cancelled": 3_000}
    runs = store.list_runs(database, grid_id=grid.grid_id, limit=10_000)
    assert [run.run_id for run in runs] == [f"{grid.grid_id}-{number}" for number in range(3_000)]
    assert [run.seed for run in runs] == [*range(1500)] * 2
    assert [run.values["cell"] for run in runs] == ["rnn"] * 1500 + ["lstm"] * 1500
