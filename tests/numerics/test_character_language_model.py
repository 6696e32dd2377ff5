import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from bptt_plugins.tasks.char_lm import CharacterLanguageModel


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def book(tmp_path):
    """A path of a text of `size` characters, all the different ones of `alphabet` among them."""

    def write(size, alphabet="abcdefghij"):
        path = tmp_path / "book.txt"
        drawn = torch.randint(len(alphabet), (size,), generator=seeded()).tolist()
        drawn[: len(alphabet)] = range(len(alphabet))
        path.write_text("".join(alphabet[i] for i in drawn[:size]), encoding="utf-8", newline="")
        return str(path)

    return write


def text_of(task, tokens):
    return "".join(task.vocabulary[token] for token in tokens.tolist())


def epoch(task, batch_size, start=0):
    """The windows from step `start` to the one before the state is next reset."""
    windows = [task.window(start, batch_size)]
    for step in range(start + 1, start + 100):
        following = task.window(step, batch_size)
        if not following[1]:
            return windows
        windows.append(following)
    raise AssertionError("the state is never reset")


def test_the_windows_of_an_epoch_are_contiguous_columns_of_the_text(book):
    path = book(1000)
    task = CharacterLanguageModel(text=path, window=20)

    windows = epoch(task, batch_size=4)

    columns = torch.cat([batch.inputs for batch, _ in windows])
    content = Path(path).read_text()
    assert columns.shape == (899 // 80 * 20, 4)
    read = "".join(text_of(task, columns[:, column]) for column in range(4))
    assert content.startswith(read)


def test_two_epochs_cover_the_training_text(book):
    path = book(1003)
    task = CharacterLanguageModel(text=path, window=25)
    even = epoch(task, batch_size=3)

    odd = epoch(task, batch_size=3, start=len(even))

    training = Path(path).read_text()[:903]
    first, second = (
        "".join(
            text_of(task, torch.cat([getattr(batch, part) for batch, _ in windows])[:, column])
            for column in range(3)
        )
        for part, windows in (("inputs", even), ("targets", odd))
    )
    assert len(first) == len(second) == 900
    assert training.startswith(first)
    assert training.endswith(second)
    assert len(training) - len(first) < 75


def test_a_window_continues_the_last_one_except_at_the_beginning_of_an_epoch(book):
    task = CharacterLanguageModel(text=book(1000), window=20)

    continues = [task.window(step, 4)[1] for step in range(23)]

    assert continues == [False, *[True] * 10, False, *[True] * 10, False]


def test_a_windows_targets_are_the_next_characters(book):
    task = CharacterLanguageModel(text=book(1000), window=20)

    (first, _), (second, continues) = task.window(3, 4), task.window(4, 4)

    assert continues
    assert torch.equal(first.targets[:-1], first.inputs[1:])
    assert torch.equal(first.targets[-1], second.inputs[0])
    assert first.inputs.dtype == first.targets.dtype == torch.int64
    assert first.mask is first.lengths is None


def test_the_last_tenth_is_in_no_training_window(tmp_path):
    # digits stand only in the last tenth
    path = tmp_path / "book.txt"
    path.write_text("abcdefghi" * 200 + "0123456789" * 20)
    task = CharacterLanguageModel(text=str(path), window=30)
    held_out = {task.vocabulary.index(digit) for digit in "0123456789"}

    drawn = [task.sample(seeded(seed), 200) for seed in range(5)]
    read = [batch for batch, _ in (task.window(step, 5) for step in range(40))]

    for batch in drawn + read:
        assert not held_out & set(batch.inputs.unique().tolist())
        assert not held_out & set(batch.targets.unique().tolist())


def test_the_last_twentieth_tests_and_the_one_before_it_evaluates(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("abcdefghi" * 200 + "01234" * 20 + "56789" * 20)
    task = CharacterLanguageModel(text=str(path), window=20)

    evaluated, tested = task.evaluation_sets(seeded(), 512)[""], task.test_sets(seeded(), 512)[""]

    for batch, digits in ((evaluated, "01234"), (tested, "56789")):
        assert batch.inputs.shape == (99, 1)
        assert text_of(task, batch.inputs[:, 0]) == (digits * 20)[:-1]
        assert text_of(task, batch.targets[:, 0]) == (digits * 20)[1:]


def test_a_long_text_is_read_in_columns_each_of_them_contiguous(book):
    path = book(60_000)
    task = CharacterLanguageModel(text=path, window=10)
    content = Path(path).read_text()

    few = task.evaluation_sets(seeded(), 12)[""].inputs
    all_of_it = task.test_sets(seeded(), 12)[""].inputs

    evaluated, tested = content[54_000:57_000], content[57_000:]
    # 120 characters in two columns, that begin where a half does
    assert [text_of(task, column) for column in few.T] == [
        evaluated[start : start + 60] for start in (0, 1499)
    ]
    assert [text_of(task, column) for column in all_of_it.T] == [tested[:1499], tested[1499:2998]]


def test_the_vocabulary_is_the_sorted_set_of_the_texts_characters(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes("\ufeff".encode() + "naïve 日本 🙂\r\n".encode() * 50)

    task = CharacterLanguageModel(text=str(path), window=2)

    assert task.vocabulary == "\n\r aenvï日本🙂"
    assert task.inputs.size == task.output_size == 11


def test_bits_per_char_is_the_cross_entropy_over_ln_2(book):
    task = CharacterLanguageModel(text=book(1000), window=20)
    batch = task.sample(seeded(), 7)
    outputs = torch.randn(20, 7, task.output_size, generator=seeded())

    metrics = task.metrics(outputs, batch)

    expected = F.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten()) / math.log(2)
    assert metrics["bits_per_char"].shape == ()
    torch.testing.assert_close(metrics["bits_per_char"], expected)
    torch.testing.assert_close(task.losses(outputs, batch).mean() / math.log(2), expected)


def test_the_baseline_of_a_text_is_the_entropy_of_the_characters_that_evaluate(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("x" * 1800 + "abcd" * 25 + "x" * 100)

    task = CharacterLanguageModel(text=str(path), window=10)

    assert task.baseline == pytest.approx(2.0)


def test_the_horizon_of_a_text_ends_with_the_window(book):
    assert CharacterLanguageModel(text=book(1000), window=20).horizon == 19


def test_a_text_is_never_solved(book):
    task = CharacterLanguageModel(text=book(1000), window=20)

    assert not task.solved({"loss": 0.0, "bits_per_char": 0.0})


def test_a_seed_draws_the_same_windows(book):
    path = book(2000)

    first, second = (CharacterLanguageModel(text=path).sample(seeded(3), 8) for _ in range(2))

    assert torch.equal(first.inputs, second.inputs)
    assert torch.equal(first.targets, second.targets)


def test_a_texts_fingerprint_depends_on_its_content_alone(tmp_path):
    contents = {"first": "abcd" * 400, "copy": "abcd" * 400, "edited": "abcd" * 399 + "abdc"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)

    first, copy, edited = (
        CharacterLanguageModel(text=str(tmp_path / name)).fingerprint() for name in contents
    )

    assert first == copy
    assert first != edited


def one_line(error):
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_missing_text_is_refused_with_the_path_that_was_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match="found none at") as error:
        CharacterLanguageModel(text="books/none.txt")

    assert str(tmp_path / "books" / "none.txt") in one_line(error)


@pytest.mark.parametrize("text", ["", "."])
def test_a_folder_is_refused_as_a_text(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match="got the folder") as error:
        CharacterLanguageModel(text=text)

    one_line(error)


def test_a_device_that_never_ends_is_refused_as_a_text():
    with pytest.raises(ValueError, match="found none at '/dev/zero'") as error:
        CharacterLanguageModel(text="/dev/zero")

    one_line(error)


def test_a_name_too_long_for_a_file_is_refused_as_a_text():
    with pytest.raises(ValueError, match="text") as error:
        CharacterLanguageModel(text="a" * 5000)

    assert len(one_line(error)) > 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "must not be empty"),
        (b"PK\x03\x04\x00\x00" * 500, "NUL bytes"),
        ("für".encode("latin-1") * 500, "UTF-8, got .* at byte 1"),
        (b"aaaa" * 500, "at least 2 different characters, got 1"),
        (b"a short text", r"at least 20 \* \(window \+ 1\) = 1300 characters, got 12"),
    ],
    ids=["empty", "binary", "latin-1", "one_character", "short"],
)
def test_an_unusable_text_is_refused_in_one_line(tmp_path, content, complaint):
    path = tmp_path / "book.txt"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=complaint) as error:
        CharacterLanguageModel(text=str(path))

    assert "book.txt" in one_line(error)


def test_a_text_too_short_for_the_batch_is_refused_with_what_it_would_need(book):
    task = CharacterLanguageModel(text=book(1000), window=20)

    with pytest.raises(
        ValueError, match=r"45 \* 20 = 900 characters to train on, got 900"
    ) as error:
        task.window(0, 45)

    assert "smaller batch_size" in one_line(error)


def test_a_text_with_exactly_one_window_starts_anew_every_step(book):
    task = CharacterLanguageModel(text=book(890), window=20)

    flags = [task.window(step, 40)[1] for step in range(3)]

    assert flags == [False, False, False]
