"""The three adding problems: where marks lie, what the target is, what ignoring it costs."""

import pytest
import torch

from bptt_plugins.tasks.adding import Adding

torch.set_num_threads(1)


def draw(task, size, seed=0):
    return task.sample(torch.Generator().manual_seed(seed), size)


def frequencies(values, size):
    return torch.bincount(values.flatten(), minlength=size) / values.numel()


def marked_places(batch):
    """Return the places of marker 1 of every sequence, (batch, 2), in ascending order."""
    sequence, place = (batch.inputs[..., 1].T == 1).nonzero(as_tuple=True)
    assert torch.equal(sequence, torch.arange(batch.inputs.shape[1]).repeat_interleave(2))
    return place.view(-1, 2)


@pytest.mark.parametrize("length", [20, 21])
def test_adding_arjovsky_marks_one_pair_in_each_half_uniformly(length):
    batch = draw(Adding(length=length), 50_000)

    first, second = marked_places(batch).T

    half = length // 2
    assert (first < half).all()
    assert (second >= half).all()
    assert frequencies(first, half) == pytest.approx(1 / half, abs=0.006)
    rest = length - half
    assert frequencies(second - half, rest) == pytest.approx(1 / rest, abs=0.006)


def test_adding_arjovsky_target_has_mean_1_and_variance_one_sixth():
    targets = draw(Adding(length=20), 100_000).targets

    assert targets.mean().item() == pytest.approx(1, abs=0.005)
    assert targets.var().item() == pytest.approx(1 / 6, rel=0.01)


@pytest.mark.parametrize(("variant", "low"), [("arjovsky", 0), ("pascanu", 0), ("hs97", -1)])
def test_adding_values_are_uniform(variant, low):
    batch = draw(Adding(variant=variant, length=20), 20_000)

    values = batch.inputs[:20, :, 0]

    width = 1 - low
    assert low <= values.min()
    assert values.max() < 1
    assert values.mean().item() == pytest.approx((1 + low) / 2, abs=0.005)
    assert values.var().item() == pytest.approx(width**2 / 12, rel=0.01)


@pytest.mark.parametrize(
    ("variant", "offset", "scale"), [("arjovsky", 0, 1), ("pascanu", 0, 2), ("hs97", 0.5, 4)]
)
def test_adding_target_is_made_of_the_values_with_marker_1(variant, offset, scale):
    batch = draw(Adding(variant=variant, length=30), 2_000)

    values, markers = batch.inputs.double().unbind(-1)
    total = (values * (markers == 1)).sum(0)

    torch.testing.assert_close(batch.targets.double(), offset + total / scale, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("variant", "lengths"), [("pascanu", 4), ("hs97", 5)])
def test_adding_lengths_are_uniform_within_one_draw_and_padding_is_zero(variant, lengths):
    batch = draw(Adding(variant=variant, length=40), 20_000)

    assert batch.inputs.shape[0] == 40 + lengths - 1
    assert frequencies(batch.lengths - 40, lengths) == pytest.approx(1 / lengths, abs=0.012)
    beyond = torch.arange(batch.inputs.shape[0]).unsqueeze(1) >= batch.lengths
    assert not batch.inputs[beyond].any()


def test_adding_pascanu_marks_the_first_tenth_and_the_rest_of_the_first_half():
    batch = draw(Adding(variant="pascanu", length=100), 20_000)

    first, second = marked_places(batch).T

    tenth = batch.lengths // 10
    assert (first < tenth).all()
    assert (second >= tenth).all()
    assert (second < batch.lengths / 2).all()
    assert frequencies(first, 10)[:10] == pytest.approx(0.1, abs=0.01)
    assert second.max() >= 52


def test_adding_hs97_puts_minus_1_on_the_first_and_the_last_pair_only():
    batch = draw(Adding(variant="hs97", length=40), 1_000)

    markers = batch.inputs[..., 1]

    sequence = torch.arange(1_000)
    assert (markers[0] == -1).all()
    assert (markers[batch.lengths - 1, sequence] == -1).all()
    assert ((markers == -1).sum(0) == 2).all()


def test_adding_hs97_marks_among_the_first_ten_and_the_first_half():
    batch = draw(Adding(variant="hs97", length=40), 50_000)

    marked = batch.inputs[..., 1] == 1

    # place p: the first mark with 1/10 below ten; the second with 1/19 in the half, where
    # it is not the first; place 0 shows -1 instead
    second_in_ten, second_later = 0.9 / 19, 1 / 19
    shown = marked.float().mean(1)
    assert shown[0] == 0
    assert shown[1:10] == pytest.approx(0.1 + second_in_ten, abs=0.006)
    assert shown[10:20] == pytest.approx(second_later, abs=0.006)
    assert not marked[20:].any()
    assert marked[:10].any(0).float().mean().item() == pytest.approx(0.9 + 0.1 * 9 / 19, abs=0.01)


@pytest.mark.parametrize(
    ("variant", "mean", "variance"),
    [
        ("arjovsky", 1.0, 1 / 6),
        ("pascanu", 0.5, 1 / 24),
        ("hs97", 0.5, (0.9 + 1 - 0.9 / 9) / 48),
    ],
)
def test_adding_baseline_is_the_error_of_predicting_the_mean(variant, mean, variance):
    task = Adding(variant=variant, length=20)
    batch = draw(task, 100_000)

    metrics = task.metrics(torch.full((100_000, 1), mean), batch)

    assert task.baseline == pytest.approx(variance)
    assert metrics["mse"].item() == pytest.approx(task.baseline, rel=0.01)


@pytest.mark.parametrize(("variant", "tolerance"), [("pascanu", 0.2), ("hs97", 0.04)])
def test_adding_error_counts_sequences_off_by_the_tolerance(variant, tolerance):
    task = Adding(variant=variant, length=20)
    batch = draw(task, 4)
    off = torch.tensor([0.0, -0.99, 1.01, -1.01]) * tolerance

    metrics = task.metrics((batch.targets + off).unsqueeze(1), batch)

    assert metrics["error"].item() == 0.5
