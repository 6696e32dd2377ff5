"""The grammar whose sentences the agreement task draws.

S -> NP Mod^k V(intransitive), NP -> the (Adj 0.3) N, Mod -> P NP (0.7) | that the N V(transitive)
(0.3); each choice of a word is uniform. The subject's number decides the form of the last verb.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Generator, Tensor

from bptt_plugins.tasks.sentences import ABSENT

NOUNS = (
    *("author", "chef", "doctor", "farmer", "guard"),
    *("lawyer", "pilot", "senator", "teacher", "writer"),
)
INTRANSITIVE_VERBS = ("laugh", "sleep", "smile", "work")
TRANSITIVE_VERBS = ("admire", "know", "like")
PREPOSITIONS = ("behind", "beside", "near", "under", "with")
ADJECTIVES = ("kind", "old", "tall", "young")

# singular, plural, singular, plural, ...: a word's number is the lowest bit of its token
VOCABULARY = (
    *(form for noun in NOUNS for form in (noun, f"{noun}s")),
    *(form for verb in INTRANSITIVE_VERBS + TRANSITIVE_VERBS for form in (f"{verb}s", verb)),
    *PREPOSITIONS,
    *ADJECTIVES,
    "the",
    "that",
)
NOUN = VOCABULARY.index("author")
INTRANSITIVE = VOCABULARY.index("laughs")
TRANSITIVE = VOCABULARY.index("admires")
PREPOSITION = VOCABULARY.index("behind")
ADJECTIVE = VOCABULARY.index("kind")
THE = VOCABULARY.index("the")
THAT = VOCABULARY.index("that")

MOST_MODIFIERS = 4
SUBJECT_LENGTH = 3
"""Most words in the subject: `the old author`."""
MODIFIER_LENGTH = 4
"""Most words in a modifier: `near the old author`, `that the author likes`."""
LEMMA = torch.tensor([0, *(1 + (w & ~1 if w < PREPOSITION else w) for w in range(len(VOCABULARY)))])
"""Of each token, after `ABSENT`: the same number for singular and plural, which are neighbours."""
READ = SUBJECT_LENGTH + MOST_MODIFIERS * MODIFIER_LENGTH
"""Slots before the verb."""

ODD = 6364136223846793005
"""Factor of a generator of random numbers (Knuth's MMIX)."""
FACTORS = torch.tensor([pow(ODD, exponent, 2**63) for exponent in range(1, READ + 1)]).unsqueeze(1)
"""One for each slot, without a pattern."""


Part = Literal["training", "evaluation", "test"]
HELD_OUT: Mapping[Part, int] = {"evaluation": 0, "test": 1}
"""Of ten parts of the grammar; the others are trained on."""
SUBJECT = 2
"""The slot of the subject's noun."""


def draw_part(
    generator: Generator, modifiers: Tensor, homogeneous: bool, part: Part
) -> tuple[Tensor, Tensor]:
    """Draw sentences of one part of the grammar; see `draw_sentences`.

    For whatever else is read before the verb, one subject in ten is evaluated and another one
    tested, whatever the numbers of nouns and verbs. So each part has all words, and everything but
    the subject's noun with the probabilities of the whole. In training a sentence keeps
    what `draw_sentences` draws, unless it is held out: then it gets another subject.
    """
    slots, number = draw_sentences(generator, modifiers, homogeneous)
    other = torch.randint(len(HELD_OUT), len(NOUNS), number.shape, generator=generator)
    offset = _offset(slots)
    noun = (slots[SUBJECT] - NOUN) // 2
    if part == "training":
        held_out = (noun + offset) % len(NOUNS) < len(HELD_OUT)
        noun = torch.where(held_out, (other - offset) % len(NOUNS), noun)
    else:
        noun = (HELD_OUT[part] - offset) % len(NOUNS)
    slots[SUBJECT] = NOUN + 2 * noun + number
    return slots, number


def _offset(slots: Tensor) -> Tensor:
    """Return a number of 0 .. 9 for each sentence, a hash of what is read besides the subject."""
    words = LEMMA.take(slots[:-1] - ABSENT)
    words[SUBJECT] = 0
    keys = words.mul_(FACTORS).sum(0)
    keys = (keys ^ (keys >> 29)) * ODD
    return (keys >> 33) % len(NOUNS)


def draw_sentences(
    generator: Generator, modifiers: Tensor, homogeneous: bool
) -> tuple[Tensor, Tensor]:
    """Draw one sentence per entry of `modifiers`.

    Args:
        generator: the only source of randomness; every call draws equally many numbers.
        modifiers: (batch,) how many modifiers stand between subject and verb.
        homogeneous: give every noun of the modifiers the opposite number to the subject;
            otherwise each has its own, by a fair coin.

    Returns:
        Sentences as slots (20, batch), `ABSENT` where there is no word, and the subjects' numbers
        (batch,), 0 for singular, 1 for plural.
    """

    def choose(among: int, rows: int) -> Tensor:
        return torch.randint(among, (rows, len(modifiers)), generator=generator)

    number, inner_number = choose(2, 1), choose(2, MOST_MODIFIERS)
    if homogeneous:
        inner_number = (1 - number).expand_as(inner_number)

    noun_phrases = 1 + MOST_MODIFIERS
    nouns = NOUN + 2 * choose(len(NOUNS), noun_phrases) + torch.cat((number, inner_number))
    adjectives = ADJECTIVE + choose(len(ADJECTIVES), noun_phrases)
    adjectives.masked_fill_(choose(10, noun_phrases) >= 3, ABSENT)
    the = torch.full_like(nouns, THE)
    verb = INTRANSITIVE + 2 * choose(len(INTRANSITIVE_VERBS), 1) + number

    prepositions = PREPOSITION + choose(len(PREPOSITIONS), MOST_MODIFIERS)
    prepositional = torch.stack((prepositions, the[1:], adjectives[1:], nouns[1:]), 1)
    verbs = TRANSITIVE + 2 * choose(len(TRANSITIVE_VERBS), MOST_MODIFIERS) + inner_number
    relative = torch.stack((torch.full_like(verbs, THAT), the[1:], nouns[1:], verbs), 1)
    is_relative = (choose(10, MOST_MODIFIERS) >= 7).unsqueeze(1)
    inner = torch.where(is_relative, relative, prepositional)
    missing = torch.arange(MOST_MODIFIERS).unsqueeze(1) >= modifiers
    inner.masked_fill_(missing.unsqueeze(1), ABSENT)

    subject = (the[:1], adjectives[:1], nouns[:1])
    return torch.cat((*subject, inner.flatten(0, 1), verb)), number[0]
