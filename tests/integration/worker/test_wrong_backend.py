"""A worker whose BPTT_BACKEND cannot run what is queued says so, and burns one run, not a grid."""

import pytest

from bptt import store
from tests.integration.worker.conftest import GRID

CHO = GRID.replace("cell: rnn", "cell: gru_cho")


@pytest.mark.parametrize(
    ("text", "backend", "why"),
    [
        (
            CHO,
            "compiled",
            "cannot run GRUCho: GRUCho is no PointwiseCell, so its step is not known",
        ),
        (
            CHO,
            "sequence",
            "cannot run GRUCho: GRUCho is no PointwiseCell, so its step is not known",
        ),
        (GRID, "compiled", "cannot run RNN: no C compiler: none of cc, gcc, clang is installed"),
    ],
    ids=["not compiled", "not a sequence", "no compiler"],
)
def test_a_backend_that_cannot_run_the_cell_fails_the_first_run_and_holds_the_rest(
    queue, start_worker, monkeypatch, text, backend, why
):
    first, *rest = queue.submit(text=text, seeds=4)
    grid_id = queue.run(first).grid_id
    with monkeypatch.context() as without:
        if "compiler" in why:
            without.setenv("PATH", "")
            without.delenv("CC", raising=False)
        wrong = start_worker(backend=backend)
    queue.wait([first], "failed")

    failure = queue.run(first).failure
    line = f"BPTT_BACKEND is {backend}, which {why}. Set BPTT_BACKEND=auto to train with what can."
    assert (failure["cause"], failure["message"]) == ("invalid_setting", line)
    assert queue.run(first).attempt == 1
    assert queue.statuses(rest) == ["queued"] * 3
    held = store.get_grid(queue.database, grid_id).held_reason
    assert held == f"its first run failed at once: invalid_setting: {line}"
    wrong.drain()

    # the setting is put right, and nothing else has to be
    start_worker()
    (again,) = store.retry(queue.database, user="ada", grid_id=grid_id)
    queue.wait([again, *rest])


def test_a_worker_with_a_backend_that_does_not_exist_begins_nothing(queue, start_worker):
    (run_id,) = queue.submit()

    worker = start_worker(ready=False, backend="fast")

    assert worker.process.wait(400) == 2
    assert worker.log.read_text().splitlines() == [
        "BPTT_BACKEND must be auto or compiled or sequence or autograd, got 'fast'; "
        "did you mean 'auto'?"
    ]
    assert queue.statuses([run_id]) == ["queued"]
