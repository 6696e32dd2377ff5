"""The gradient through time as it is read from a run's statistics arrays."""

from dataclasses import replace

import numpy as np
import pytest

from bptt.measuring.flow_history import FLOOR, TOGETHER, read_flow
from bptt.measuring.stored import load_arrays
from tests.histories import history


@pytest.fixture
def write_probe(tmp_path):
    def write(step, anchors, **curves):
        path = tmp_path / f"{step:08d}.npz"
        named = {f"lag/{key.replace('_', '/')}": np.array(rows) for key, rows in curves.items()}
        np.savez_compressed(path, anchors=np.array(anchors, dtype=float), **named)
        return path

    return write


def read(files):
    return read_flow((int(file.stem), load_arrays(file)) for file in files)


def even(anchors=(9,), lags=10):
    return history([0], {"h": np.ones((1, lags))}, anchors)


def test_each_probe_is_a_row_by_lag(write_probe):
    files = [
        write_probe(0, [2], **{"0_forward_h": [[1.0, 0.1, 0.01]]}),
        write_probe(100, [2], **{"0_forward_h": [[2.0, 0.2, 0.02]]}),
    ]

    flow = read(files)

    assert flow.steps.tolist() == [0, 100]
    expected = np.log10([[1.0, 0.1, 0.01], [2.0, 0.2, 0.02]])
    assert flow.curves["h"].tolist() == flow.curves[TOGETHER].tolist() == expected.tolist()


def test_forward_cells_of_all_layers_are_taken_together(write_probe):
    file = write_probe(
        0,
        [1],
        **{"0_forward_h": [[2.0, 4.0]], "10_forward_h": [[2.0, 4.0]], "2_forward_h": [[1.0, 2.0]]},
        **{"10_backward_h": [[7.0, 7.0]], "10_forward_c": [[4.0, 8.0]]},
    )

    flow = read([file])

    assert (flow.states, flow.layers) == (["h", "c"], 3)
    assert 10 ** flow.curves["h"] == pytest.approx(np.array([[3.0, 6.0]]))
    assert 10 ** flow.curves["c"] == pytest.approx(np.array([[4.0, 8.0]]))
    assert 10 ** flow.log10() == pytest.approx(np.array([[5.0, 10.0]]))


def test_curve_of_several_anchors_is_chained(write_probe):
    nan = float("nan")
    file = write_probe(0, [0, 1], **{"0_forward_h": [[4.0, nan, nan], [2.0, 1.0, nan]]})

    flow = read([file])

    start = np.log10(8.0) / 2
    assert flow.curves["h"] == pytest.approx(np.array([[start, start - np.log10(2.0)]]))
    assert flow.singles["h"][0].tolist()[0] == np.log10(4.0)
    assert flow.alone_from == 1


def test_gradient_that_is_not_a_number_stays_so(write_probe):
    nan = float("nan")
    file = write_probe(0, [1, 1], **{"0_forward_h": [[1.0, nan], [1.0, nan]]})

    flow = read([file])

    assert flow.curves["h"][0, 0] == 0.0
    assert np.isnan(flow.curves["h"][0, 1])


def test_zero_and_underflow_rest_on_the_floor():
    flow = history([0], {"h": np.array([[1.0, 0.0, 1e-200]])}, [2])

    assert flow.log10().tolist() == [[0.0, FLOOR, FLOOR]]


def test_missing_damaged_and_unlike_files_are_passed_over(write_probe, tmp_path):
    good = write_probe(0, [1], **{"0_forward_h": [[1.0, 2.0]]})
    torn = tmp_path / "00000001.npz"
    torn.write_bytes(good.read_bytes()[:50])
    shorter = write_probe(2, [0], **{"0_forward_h": [[1.0]]})
    empty = write_probe(3, [1])

    flow = read([good, torn, shorter, empty, tmp_path / "00000004.npz"])

    assert flow.steps.tolist() == [0]


def test_nothing_measured_is_no_history(write_probe):
    assert read([]) is None
    assert read([write_probe(0, [1])]) is None


@pytest.mark.parametrize(
    ("anchors", "truncation", "edge"),
    [
        # the loss at 9, the last of 10 positions, lies in the window that begins at 6
        ((9,), 4, 3.5),
        ((9,), 5, 4.5),
        # that at 3 in one that begins at 2, and one at 1 in one of the two steps that remain
        ((3, 9), 4, 3.5),
        ((9,), 9, 8.5),
        # a window as long as the sequence cuts nothing
        ((9,), 10, None),
        ((9,), None, None),
    ],
)
def test_window_ends_where_that_of_its_loss_began(anchors, truncation, edge):
    assert even(anchors).window_edge(truncation) == edge


@pytest.mark.parametrize(
    ("anchors", "every", "edge"),
    [
        # of 10 positions: 9 from 5, 8 from 4
        ((8,), 1, 4.5),
        # windows 5 to 9, 3 to 7, 1 to 5
        ((8,), 2, 3.5),
        ((6,), 2, 3.5),
        ((7,), 2, 4.5),
        ((4,), 2, 3.5),
        ((4,), 1, 4.5),
        ((8,), 5, 3.5),
    ],
)
def test_windows_that_overlap_end_where_the_one_of_the_loss_does(anchors, every, edge):
    flow = replace(even(anchors), time=10, every=every)

    assert flow.window_edge(5) == edge


def test_window_edge_is_where_truncated_training_stops(make_spec, tmp_path):
    from bptt.training import TrainingRun, train

    task = {"name": "adding", "length": 20}
    spec = make_spec(task, "rnn", training={"truncation": 6}, statistics={"interval": 6})
    report = next(report for report in train(TrainingRun(spec)) if report.probe)
    path = tmp_path / "00000000.npz"
    np.savez(path, **{name: array.numpy() for name, array in report.probe.items()})

    flow = read([path])

    edge = flow.window_edge(6)
    reached = np.arange(flow.lags) < edge
    assert np.isfinite(flow.curves["h"][0][reached]).all()
    assert np.isneginf(flow.curves["h"][0][~reached]).all()
