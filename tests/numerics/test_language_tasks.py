import hashlib
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from bptt.contracts import Batch
from bptt_plugins.tasks import tickets
from bptt_plugins.tasks.agreement import Agreement
from bptt_plugins.tasks.sentences import ABSENT, close_gaps
from bptt_plugins.tasks.tickets import Tickets


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sentences(batch):
    """Each sentence's inputs and final target as words."""
    words = []
    for column, length in enumerate(batch.lengths.tolist()):
        tokens = [*batch.inputs[:length, column].tolist(), int(batch.targets[length - 1, column])]
        words.append([tickets.VOCABULARY[token] for token in tokens])
    return words


def digest(batch):
    tensors = (batch.inputs, batch.targets, batch.lengths)
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in tensors)).hexdigest()[:16]


def test_every_tickets_sentence_fits_the_template():
    batch = Tickets().sample(seeded(), 500)

    for words in sentences(batch):
        noun = words[6]
        fillers = words[8:-8:2]
        clauses = [word for filler in fillers for word in ("and", filler)]
        assert noun in tickets.NOUNS
        assert len(fillers) <= 8
        assert set(fillers) <= set(tickets.FILLERS)
        assert words == [
            *["when", "she", "tried", "to", "print", "her"],
            noun,
            *clauses,
            *["after", "that", "she", "finally", "printed", "her"],
            noun,
            "<eos>",
        ]


@pytest.mark.parametrize("k", [0, 1, 2, 4, 8, 12])
def test_each_tickets_set_has_its_number_of_filler_clauses(k):
    batch = Tickets().evaluation_sets(seeded(), 50)[f"fillers_{k}"]

    clauses = {words.count("and") for words in sentences(batch)}

    assert clauses == {k}


def test_the_nouns_and_the_filler_counts_of_tickets_are_uniform():
    words = sentences(Tickets().sample(seeded(), 20_000))

    nouns = [w[-2] for w in words]
    clauses = [w.count("and") for w in words]

    assert [nouns.count(n) / 20_000 for n in tickets.NOUNS] == pytest.approx([1 / 8] * 8, abs=0.01)
    assert [clauses.count(k) / 20_000 for k in range(9)] == pytest.approx([1 / 9] * 9, abs=0.01)


def test_a_constant_noun_is_right_as_often_as_the_tickets_baseline_says():
    task = Tickets()
    batch = task.sample(seeded(), 20_000)
    outputs = torch.zeros(*batch.inputs.shape, task.output_size)

    outputs[..., 3] = 1.0

    accuracy = task.metrics(outputs, batch)["accuracy"].item()
    assert accuracy == pytest.approx(task.baseline, abs=0.01)


def test_tickets_accuracy_chooses_among_the_nouns_alone_at_the_last_of_them():
    task = Tickets()
    batch = task.sample(seeded(), 100)
    outputs = torch.zeros(*batch.inputs.shape, task.output_size)
    outputs[..., tickets.WORDS["<eos>"]] = 50.0
    at_noun = (batch.lengths - 2, torch.arange(100))
    nouns = batch.targets[at_noun]

    outputs[(*at_noun, torch.where(torch.arange(100) < 30, (nouns + 1) % 8, nouns))] = 1.0

    assert task.metrics(outputs, batch)["accuracy"].item() == pytest.approx(0.7)


def test_tickets_is_solved_only_when_every_evaluation_set_is():
    metrics = {"loss": 0.9, "accuracy": 1.0, "accuracy_fillers_0": 1.0, "accuracy_fillers_12": 0.95}

    assert Tickets().solved(metrics)
    assert not Tickets().solved(metrics | {"accuracy_fillers_12": 0.949})


@pytest.mark.parametrize("task", [Agreement(), Tickets()])
def test_targets_are_the_next_inputs_and_the_mask_is_the_valid_part(task):
    batch = task.sample(seeded(), 200)

    steps = torch.arange(len(batch.inputs)).unsqueeze(1)
    assert int(batch.lengths.max()) == len(batch.inputs)
    assert torch.equal(batch.mask, steps < batch.lengths)
    followed = steps[1:] < batch.lengths
    assert torch.equal(batch.targets[:-1][followed], batch.inputs[1:][followed])
    assert not batch.inputs[~batch.mask].any()


@pytest.mark.parametrize(
    ("task", "distance"), [(Agreement(), 16), (Tickets(), 30)], ids=["agreement", "tickets"]
)
def test_the_horizon_is_the_longest_way_from_a_noun_to_the_prediction_it_decides(task, distance):
    longest = max(
        int(batch.lengths.max()) for batch in task.evaluation_sets(seeded(), 2000).values()
    )

    # `the old author ...` puts the subject third; six words stand before the noun and one behind
    before = {16: 2, 30: 7}[distance]
    assert task.horizon == distance == longest - 1 - before


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Agreement(), "f9e593eee8eee451"),
        (Agreement(objective="number"), "be40466ee1f23384"),
        (Tickets(), "d814a13694867f40"),
    ],
    ids=["agreement", "agreement_number", "tickets"],
)
def test_a_seed_draws_the_same_sentences_on_every_platform(task, expected):
    batch = task.sample(seeded(7), 32)

    assert digest(batch) == expected


@pytest.mark.parametrize("task", [Agreement(), Tickets()])
def test_the_losses_of_a_language_model_are_torchs_cross_entropy(task):
    batch = task.sample(seeded(), 20)
    outputs = torch.randn(*batch.inputs.shape, task.output_size, generator=seeded())

    losses = task.losses(outputs, batch)

    expected = F.cross_entropy(outputs[batch.mask], batch.targets[batch.mask])
    assert losses.shape == batch.inputs.shape
    torch.testing.assert_close(losses[batch.mask].mean(), expected)


@pytest.mark.parametrize(
    ("task", "equally_long"), [(Agreement(), "attractors_0"), (Tickets(), "fillers_4")]
)
def test_metrics_need_no_lengths_where_all_sentences_are_equally_long(task, equally_long):
    batch = task.evaluation_sets(seeded(), 64)[equally_long]
    whole = (batch.lengths == len(batch.inputs)).nonzero().flatten()
    batch = Batch(batch.inputs[:, whole], batch.targets[:, whole], lengths=batch.lengths[whole])
    outputs = torch.randn(*batch.inputs.shape, task.output_size, generator=seeded())

    without = task.metrics(outputs, replace(batch, lengths=None))

    assert len(whole) > 8
    assert without == task.metrics(outputs, batch)


def test_closing_gaps_keeps_the_order_of_the_words():
    slots = torch.tensor([[5, ABSENT], [ABSENT, 1], [6, ABSENT], [0, 2], [ABSENT, ABSENT]])

    closed, lengths = close_gaps(slots)

    assert closed.tolist() == [[5, 1], [6, 2], [0, 0]]
    assert lengths.tolist() == [3, 2]
