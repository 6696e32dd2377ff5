"""The distributions the tasks over symbols draw from, and the predictors behind their baselines."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from bptt_plugins.tasks.copy_memory import CopyMemory
from bptt_plugins.tasks.latch import Latch
from bptt_plugins.tasks.right_context import RightContext, f1
from bptt_plugins.tasks.temporal_order import TemporalOrder

torch.set_num_threads(1)


def draw(task, size, seed=0):
    return task.sample(torch.Generator().manual_seed(seed), size)


def frequencies(values, size):
    return torch.bincount(values.flatten(), minlength=size) / values.numel()


def test_copy_memory_shows_a_string_then_blanks_a_delimiter_and_blanks():
    inputs = draw(CopyMemory(delay=5, symbols=4, length=3), 200).inputs

    assert inputs.shape == (11, 200)
    assert set(inputs[:3].unique().tolist()) == {1, 2, 3, 4}
    assert (inputs[3:7] == 0).all()
    assert (inputs[7] == 5).all()
    assert (inputs[8:] == 0).all()


def test_copy_memory_asks_for_the_string_at_the_end_and_blanks_before():
    batch = draw(CopyMemory(delay=5), 100)

    assert torch.equal(batch.targets[-10:], batch.inputs[:10])
    assert not batch.targets[:-10].any()


def test_copy_memory_symbols_are_uniform():
    string = draw(CopyMemory(delay=1), 10_000).inputs[:10]

    assert frequencies(string - 1, 8) == pytest.approx(1 / 8, abs=0.005)


@pytest.mark.parametrize(
    ("delay", "published"), [(10, 0.6931), (30, 0.4159), (100, 0.1733), (500, 0.0400)]
)
def test_copy_memory_baseline_is_the_cost_of_blanks_then_guesses(delay, published):
    task = CopyMemory(delay=delay)
    batch = draw(task, 50)
    memoryless = torch.zeros(delay + 20, 50, 9)
    memoryless[:-10, :, 0] = 40.0
    memoryless[-10:, :, 0] = -40.0

    metrics = task.metrics(memoryless, batch)

    assert task.baseline == pytest.approx(published, abs=5e-5)
    assert metrics["cross_entropy"].item() == pytest.approx(task.baseline, rel=1e-5)


def test_copy_memory_accuracy_counts_the_recalled_string_only():
    task = CopyMemory(delay=7, length=4)
    batch = draw(task, 10)
    outputs = torch.zeros(15, 10, 9)
    outputs[-4:] = F.one_hot(batch.targets[-4:], 9)
    outputs[-1] = 0.0

    metrics = task.metrics(outputs, batch)

    assert metrics["accuracy"].item() == 0.75


@pytest.mark.parametrize(("bits", "starts"), [(2, (5, 25)), (3, (5, 15, 30))])
def test_temporal_order_class_is_read_off_the_places_of_a_and_b(bits, starts):
    batch = draw(TemporalOrder(bits=bits, length=50), 20_000)

    symbols = batch.inputs.argmax(-1)
    sequence, place = (symbols.T < 2).nonzero(as_tuple=True)

    assert torch.equal(batch.inputs.sum(-1), torch.ones(50, 20_000))
    assert torch.equal(sequence, torch.arange(20_000).repeat_interleave(bits))
    places = place.view(-1, bits)
    values = symbols.T.gather(1, places)
    assert torch.equal(batch.targets, (values * 2 ** torch.arange(bits)).sum(1))
    for column, start in zip(places.T, starts, strict=True):
        assert frequencies(column - start, 5) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("bits", [2, 3])
def test_temporal_order_classes_are_equally_frequent(bits):
    targets = draw(TemporalOrder(bits=bits), 20_000).targets

    assert frequencies(targets, 2**bits) == pytest.approx(2.0**-bits, abs=0.01)


def test_temporal_order_noise_is_uniform_over_the_other_symbols():
    symbols = draw(TemporalOrder(length=20), 10_000).inputs.argmax(-1)

    assert frequencies(symbols[symbols >= 2] - 2, 4) == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize(("bits", "guessing", "last_bit"), [(2, 0.75, 0.5), (3, 0.875, 0.75)])
def test_temporal_order_shortcuts_err_as_documented(bits, guessing, last_bit):
    task = TemporalOrder(bits=bits)
    batch = draw(task, 20_000)
    constant = F.one_hot(torch.zeros_like(batch.targets), 2**bits).float()
    knows_last = (batch.targets >> (bits - 1)) << (bits - 1)

    constant_error = task.metrics(constant, batch)["error"].item()
    last_bit_error = task.metrics(F.one_hot(knows_last, 2**bits).float(), batch)["error"].item()

    assert task.baseline == guessing
    assert constant_error == pytest.approx(guessing, abs=0.01)
    assert last_bit_error == pytest.approx(last_bit, abs=0.01)


def test_latch_class_is_the_first_symbol_and_noise_is_uniform():
    batch = draw(Latch(length=10), 20_000)

    assert torch.equal(batch.targets, batch.inputs[0] - 1)
    assert frequencies(batch.targets, 2) == pytest.approx(0.5, abs=0.01)
    assert frequencies(batch.inputs[1:] - 3, 5) == pytest.approx(0.2, abs=0.005)


def test_latch_class_cannot_be_told_from_any_later_symbol():
    batch = draw(Latch(length=10), 20_000)

    for later in batch.inputs[1:]:
        joint = frequencies(2 * later + batch.targets, 16).view(8, 2)
        best_accuracy = joint.max(1).values.sum().item()
        assert best_accuracy < 0.52


def test_latch_blank_noise_is_one_symbol():
    inputs = draw(Latch(length=10, noise="blank"), 100).inputs

    assert (inputs[1:] == 3).all()
    assert set(inputs[0].tolist()) == {1, 2}


def test_latch_baseline_is_the_accuracy_of_a_constant():
    task = Latch(length=2)
    batch = draw(task, 20_000)

    metrics = task.metrics(torch.tensor([[1.0, 0.0]]).expand(20_000, 2), batch)

    assert metrics["accuracy"].item() == pytest.approx(task.baseline, abs=0.01)


@pytest.mark.parametrize("offset", [1, 2, 5])
def test_right_context_labels_follow_the_definition(offset):
    batch = draw(RightContext(length=12, offset=offset), 200)

    for symbols, labels in zip(batch.inputs.T.tolist(), batch.targets.T.tolist(), strict=True):
        later = symbols[offset:] + [0] * offset
        assert labels == [int({a, b} == {1, 2}) for a, b in zip(symbols, later, strict=True)]


def test_right_context_symbols_are_uniform_and_labels_rare():
    batch = draw(RightContext(), 20_000)

    assert frequencies(batch.inputs - 1, 5) == pytest.approx(0.2, abs=0.005)
    assert batch.targets.float().mean().item() == pytest.approx(2 / 25 * 18 / 20, abs=0.002)


def test_right_context_label_changes_with_the_symbol_offset_steps_later_alone():
    task = RightContext(length=6, offset=2)
    inputs = torch.tensor([[1], [3], [2], [3], [3], [3]])

    changed = {}
    for t in range(1, 6):
        other = inputs.clone()
        other[t] = 4
        changed[t] = bool(task.labels(other)[0] != task.labels(inputs)[0])

    assert changed == {1: False, 2: True, 3: False, 4: False, 5: False}


def test_right_context_no_causal_rule_beats_the_baseline():
    # given the past, the deciding symbol is uniform, so a causal rule is a set of symbols to mark
    task = RightContext()
    batch = draw(task, 20_000)
    in_reach = torch.arange(20).unsqueeze(1) < 18

    scores = {}
    for size in range(1, 6):
        for rule in itertools.combinations(range(1, 6), size):
            marked = torch.isin(batch.inputs, torch.tensor(rule)) & in_reach
            outputs = F.one_hot(marked.long(), 2).float()
            scores[rule] = task.metrics(outputs, batch)["f1"].item()

    assert max(scores, key=scores.get) == (1, 2)
    assert scores[1, 2] == pytest.approx(task.baseline, abs=0.005)


def test_f1_counts_one_hit_one_false_alarm_and_two_misses_as_two_fifths():
    labels = torch.tensor([1, 1, 1, 0, 0])
    marked = torch.tensor([1, 0, 0, 1, 0])

    assert f1(marked, labels).item() == pytest.approx(0.4)


def test_f1_without_any_positive_is_0():
    assert f1(torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)).item() == 0
