import hashlib

import pytest
import torch
import torch.nn.functional as F

from bptt.contracts import Features
from bptt_plugins.tasks.digits import SequentialDigits, fixed_order, load_images


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def digest(tensor):
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16]


def test_the_packaged_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = datasets.load_digits()

    images, labels = load_images()

    assert torch.equal(images, torch.tensor(theirs.data, dtype=torch.float32))
    assert torch.equal(labels, torch.tensor(theirs.target))


def test_the_split_is_1437_to_180_to_180_and_never_changes():
    task = SequentialDigits()

    parts = task.training, task.evaluation, task.test
    order = torch.cat(parts)

    assert [len(part) for part in parts] == [1437, 180, 180]
    assert torch.equal(order.sort().values, torch.arange(1797))
    assert digest(order) == "92aaf50d64893b7e"


def test_the_permutation_never_changes():
    permutation = fixed_order("permutation", 64)

    assert torch.equal(permutation.sort().values, torch.arange(64))
    assert digest(permutation) == "9b899b9ec613b9ac"


@pytest.mark.parametrize(
    ("mode", "steps", "features"), [("row", 8, 8), ("pixel", 64, 1), ("permuted", 64, 1)]
)
@pytest.mark.parametrize("padding", [0, 5])
def test_each_mode_shows_the_image_and_then_blank_steps(mode, steps, features, padding):
    task = SequentialDigits(mode=mode, padding=padding)

    batch = task.evaluation_sets(seeded(), 9)[""]

    images = load_images()[0][task.evaluation[:9]] / 16
    if mode == "permuted":
        images = images[:, fixed_order("permutation", 64)]
    assert task.inputs == Features(features)
    assert batch.inputs.shape == (steps + padding, 9, features)
    assert torch.equal(batch.inputs[:steps].transpose(0, 1).flatten(1), images)
    assert not batch.inputs[steps:].any()
    assert torch.equal(batch.targets, load_images()[1][task.evaluation[:9]])


def test_grey_values_lie_between_0_and_1():
    inputs = SequentialDigits().evaluation_sets(seeded(), 360)[""].inputs

    assert (inputs.min(), inputs.max()) == (0, 1)


def test_training_draws_every_training_image_and_no_other():
    task = SequentialDigits(mode="pixel")
    images = load_images()[0] / 16
    training = {image.numpy().tobytes() for image in images[task.training]}

    batch = task.sample(seeded(), 20_000)

    drawn = {image.numpy().tobytes() for image in batch.inputs.squeeze(2).T.contiguous()}
    assert drawn == training


@pytest.mark.parametrize("part", ["evaluation", "test"])
def test_evaluation_and_test_are_the_whole_of_their_parts_whatever_the_generator(part):
    task = SequentialDigits()
    draw = getattr(task, f"{part}_sets")

    first, second = (draw(seeded(seed), 512)[""] for seed in (0, 1))

    images = task.sequences[:, getattr(task, part)]
    assert first.inputs.shape == (8, 180, 8)
    assert torch.equal(first.inputs, images)
    assert torch.equal(first.inputs, second.inputs)


def test_a_seed_draws_the_same_digits_on_every_platform():
    batch = SequentialDigits().sample(seeded(7), 32)

    assert digest(batch.inputs) == "e627d4e2458a6e97"
    assert digest(batch.targets) == "653af0bd867946b2"


def test_no_constant_answer_beats_the_digits_baseline():
    task = SequentialDigits()
    batch = task.evaluation_sets(seeded(), 360)[""]

    accuracies = [
        task.metrics(F.one_hot(torch.tensor(digit), 10).expand(180, 10).float(), batch)["accuracy"]
        for digit in range(10)
    ]

    assert max(accuracies).item() == pytest.approx(task.baseline)


def test_the_losses_of_digits_are_torchs_cross_entropy():
    task = SequentialDigits()
    batch = task.sample(seeded(), 20)
    outputs = torch.randn(20, 10, generator=seeded())

    losses = task.losses(outputs, batch)

    assert losses.shape == (20,)
    torch.testing.assert_close(losses.mean(), F.cross_entropy(outputs, batch.targets))


def test_the_horizon_of_digits_grows_with_the_padding():
    assert SequentialDigits().horizon == 7
    assert SequentialDigits(mode="permuted", padding=100).horizon == 163


def test_digits_are_solved_from_an_accuracy_of_95_percent():
    task = SequentialDigits()

    assert task.solved({"loss": 0.2, "accuracy": 0.95})
    assert not task.solved({"loss": 0.2, "accuracy": 0.949})
