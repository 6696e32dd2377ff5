import math

import pytest
import torch
import torch.nn.functional as F

from bptt_plugins.tasks import agreement_grammar as grammar
from bptt_plugins.tasks.agreement import Agreement

SINGULAR_NOUNS = set(grammar.NOUNS)
PLURAL_NOUNS = {f"{noun}s" for noun in grammar.NOUNS}
NOUN_FORMS = SINGULAR_NOUNS | PLURAL_NOUNS
MAIN_VERBS = {form for verb in grammar.INTRANSITIVE_VERBS for form in (verb, f"{verb}s")}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sentences(batch):
    """Each sentence's inputs and final target as words."""
    words = []
    for column, length in enumerate(batch.lengths.tolist()):
        tokens = [*batch.inputs[:length, column].tolist(), int(batch.targets[length - 1, column])]
        words.append([grammar.VOCABULARY[token] for token in tokens])
    return words


def follow_last_noun(words):
    """The number of the verb that the noun nearest to it suggests: 1 for plural."""
    return next(int(word in PLURAL_NOUNS) for word in reversed(words) if word in NOUN_FORMS)


def number_of_verb(words):
    return int(not words[-1].endswith("s"))


def logits_for(tokens, size):
    """Outputs certain of `tokens`."""
    return F.one_hot(tokens, size).float() * 10


def test_every_agreement_sentence_fits_the_grammar():
    batch = Agreement().sample(seeded(), 2000)

    for words in sentences(batch):
        rest = parse_noun_phrase(words)
        while rest[0] in (*grammar.PREPOSITIONS, "that"):
            rest = parse_modifier(rest)
        assert len(rest) == 1
        assert rest[0] in MAIN_VERBS


def parse_noun_phrase(words):
    assert words[0] == "the"
    rest = words[2:] if words[1] in grammar.ADJECTIVES else words[1:]
    assert rest[0] in NOUN_FORMS
    return rest[1:]


def parse_modifier(words):
    if words[0] in grammar.PREPOSITIONS:
        return parse_noun_phrase(words[1:])
    the, noun, verb = words[1:4]
    assert the == "the"
    assert noun in NOUN_FORMS
    assert verb.removesuffix("s") in grammar.TRANSITIVE_VERBS
    assert verb.endswith("s") == (noun in SINGULAR_NOUNS)
    return words[4:]


def test_the_main_verb_agrees_with_the_first_noun():
    batch = Agreement().sample(seeded(), 2000)

    for words in sentences(batch):
        subject = next(word for word in words if word in NOUN_FORMS)
        assert number_of_verb(words) == int(subject in PLURAL_NOUNS)


def test_the_last_noun_is_right_without_attractors():
    batch = Agreement().evaluation_sets(seeded(), 500)["attractors_0"]

    assert all(follow_last_noun(words) == number_of_verb(words) for words in sentences(batch))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_last_noun_is_always_wrong_with_attractors(k):
    batch = Agreement().evaluation_sets(seeded(), 500)[f"attractors_{k}"]

    for words in sentences(batch):
        subject, *inner = [int(word in PLURAL_NOUNS) for word in words if word in NOUN_FORMS]
        assert inner == [1 - subject] * k
        assert follow_last_noun(words) != number_of_verb(words)


def test_the_last_noun_rule_errs_as_often_as_the_agreement_baseline_says():
    task = Agreement()
    words = sentences(task.sample(seeded(), 20_000))

    error = sum(follow_last_noun(w) != number_of_verb(w) for w in words) / len(words)

    assert error == pytest.approx(task.baseline, abs=0.01)


def test_agreement_draws_modifiers_and_parts_with_the_probabilities_of_the_grammar():
    words = sentences(Agreement().sample(seeded(), 40_000))

    prepositional = [sum(word in grammar.PREPOSITIONS for word in w) for w in words]
    relative = [w.count("that") for w in words]
    phrases = [sum(word in NOUN_FORMS for word in w) - w.count("that") for w in words]
    modifiers = [p + r for p, r in zip(prepositional, relative, strict=True)]
    shares = [modifiers.count(k) / len(words) for k in range(5)]
    adjectives = sum(word in grammar.ADJECTIVES for w in words for word in w)

    assert shares == pytest.approx([0.75, 0.17, 0.06, 0.015, 0.005], abs=0.008)
    assert sum(relative) / sum(modifiers) == pytest.approx(0.3, abs=0.015)
    assert adjectives / sum(phrases) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("objective", ["language_model", "number"])
@pytest.mark.parametrize("name", ["", "attractors_0", "attractors_4"])
def test_agreement_numbers_are_balanced(objective, name):
    task = Agreement(objective=objective)
    batch = task.evaluation_sets(seeded(), 10_000)[name]

    verbs = (
        batch.targets
        if objective == "number"
        else batch.targets[batch.lengths - 1, torch.arange(10_000)]
    )

    assert float((verbs % 2).double().mean()) == pytest.approx(0.5, abs=0.02)


def test_both_forms_of_every_verb_are_in_the_vocabulary_once():
    for verb in (*grammar.INTRANSITIVE_VERBS, *grammar.TRANSITIVE_VERBS):
        assert grammar.VOCABULARY.count(verb) == 1
        assert grammar.VOCABULARY.count(f"{verb}s") == 1


def test_the_two_agreement_objectives_read_the_same_words():
    language_model = Agreement().sample(seeded(), 100)

    number = Agreement(objective="number").sample(seeded(), 100)

    last = language_model.targets[language_model.lengths - 1, torch.arange(100)]
    assert torch.equal(language_model.inputs, number.inputs)
    assert torch.equal(last % 2, number.targets)


def test_no_agreement_input_holds_a_main_verb():
    batch = Agreement().sample(seeded(), 1000)

    words = {grammar.VOCABULARY[token] for token in batch.inputs.unique().tolist()}

    assert not words & MAIN_VERBS


def test_only_the_language_model_of_agreement_is_causal_and_reads_every_step():
    language_model, number = Agreement(), Agreement(objective="number")

    assert (language_model.causal, language_model.reads) == (True, "every")
    assert (number.causal, number.reads) == (False, "last")


def test_agreement_error_compares_only_the_two_forms_of_the_verb():
    task = Agreement()
    batch = task.evaluation_sets(seeded(), 300)["attractors_3"]
    right = batch.targets[batch.lengths - 1, torch.arange(300)]
    outputs = torch.zeros(*batch.inputs.shape, task.output_size)
    outputs[..., grammar.THE] = 50.0
    at_verb = (batch.lengths - 1, torch.arange(300))

    outputs[(*at_verb, right)] = torch.where(torch.arange(300) < 75, -1.0, 1.0)

    assert task.metrics(outputs, batch)["error"].item() == pytest.approx(0.25)


def test_agreement_counts_a_tie_as_an_error():
    task = Agreement(objective="number")
    batch = task.sample(seeded(), 10)

    error = task.metrics(torch.zeros(10, 2), batch)["error"]

    assert error.shape == ()
    assert error.item() == 1


def test_agreement_counts_not_a_number_as_an_error():
    task = Agreement(objective="number")
    batch = task.sample(seeded(), 10)

    error = task.metrics(torch.full((10, 2), torch.nan), batch)["error"]

    assert error.item() == 1


def test_number_prediction_has_no_error_on_the_right_numbers():
    task = Agreement(objective="number")
    batch = task.sample(seeded(), 100)

    assert task.metrics(logits_for(batch.targets, 2), batch)["error"].item() == 0
    assert task.metrics(logits_for(1 - batch.targets, 2), batch)["error"].item() == 1


def test_agreement_is_solved_only_when_every_evaluation_set_is():
    metrics = {"loss": 2.3, "error": 0.0, **{f"error_attractors_{k}": 0.009 for k in range(5)}}

    assert Agreement().solved(metrics)
    assert not Agreement().solved(metrics | {"error_attractors_4": 0.01})
    assert not Agreement().solved(metrics | {"error": 0.01})
    assert not Agreement().solved(metrics | {"error_attractors_2": math.nan})


def test_the_losses_of_number_prediction_are_torchs_cross_entropy():
    task = Agreement(objective="number")
    batch = task.sample(seeded(), 20)
    outputs = torch.randn(20, 2, generator=seeded())

    losses = task.losses(outputs, batch)

    torch.testing.assert_close(losses.mean(), F.cross_entropy(outputs, batch.targets))


def read(batch):
    """What is read of each sentence, as words."""
    return [tuple(words[:-1]) for words in sentences(batch)]


def test_training_evaluation_and_test_of_agreement_share_no_sentence():
    task = Agreement()
    trained = {words for seed in range(30) for words in read(task.sample(seeded(seed), 2000))}
    evaluated, tested = (
        {words for batch in draw(seeded(), 2000).values() for words in read(batch)}
        for draw in (task.evaluation_sets, task.test_sets)
    )

    assert not trained & evaluated
    assert not trained & tested
    assert not evaluated & tested
    # of 100 subjects without modifiers
    assert [sum(len(words) < 4 for words in part) for part in (trained, evaluated, tested)] == [
        80,
        10,
        10,
    ]


def test_singular_and_plural_of_an_agreement_sentence_are_in_one_part():
    task = Agreement()
    held_out = {
        tuple(word.removesuffix("s") for word in words)
        for words in read(task.evaluation_sets(seeded(), 5000)["attractors_1"])
    }
    trained = {
        tuple(word.removesuffix("s") for word in words)
        for words in read(task.sample(seeded(), 20_000))
    }

    assert not held_out & trained


def test_a_trained_agreement_sentence_differs_from_the_drawn_one_in_its_subject_at_most():
    modifiers = torch.arange(5).repeat(200)

    drawn, number = grammar.draw_sentences(seeded(), modifiers, homogeneous=False)
    trained, same_number = grammar.draw_part(seeded(), modifiers, False, "training")

    differs = drawn != trained
    assert torch.equal(number, same_number)
    assert differs.any(1).nonzero().flatten().tolist() == [grammar.SUBJECT]
    assert float(differs[grammar.SUBJECT].double().mean()) == pytest.approx(0.2, abs=0.06)
