"""Character-level language modelling of the user's own text."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, DataFile, Extent, Ge, StreamTask, Tokens

HELD_OUT = 20
"""One in so many characters evaluates, and as many test."""
SPLIT = "text split 18:1:1"
"""Names how training, evaluation and test are told apart."""
COLUMNS, LONG = 8, 1000
"""Columns in which a model is measured on a text, at most one per so many characters: each begins
without a state, which costs bits."""


class CharacterLanguageModel(StreamTask):
    """Predict the next character of a text, which is read in columns side by side.

    The text is cut into `batch_size` columns of equal length, and each training step reads the
    next `window` characters of every column while the state is carried over; the gradient does not
    leave the window, so `window` bounds the lag that can be learnt and measured. The remainder
    of the text, less than `batch_size * window` characters, is skipped at its end in even epochs
    and at its beginning in odd ones. The vocabulary is the set of the text's characters.

    The first 90 % of the text are trained on, the next 5 % evaluate and the last 5 % test, as is
    usual for text8 and enwik8 (Mikolov et al. 2012). Both are read from left to right by a
    state that is carried over from the first character to the last, in at most 8 columns side by
    side. The evaluation set is as many characters as `training.evaluation_size` windows have,
    spread over its text, the test set all of them. So their bits per character do not depend
    on where windows begin, and compare with published ones.

    The metric is `bits_per_char`, the mean cross-entropy / ln 2. The baseline is the entropy of the
    frequencies of the characters that evaluate, which no predictor without memory can beat. A
    text has no known floor, so the task never counts as solved.

    Args:
        text: your own text file, UTF-8; a run takes its content.
        window: characters read per training step.

    Raises:
        ValueError: the file cannot be used, or is too short for `window` or the batch size.
    """

    causal = True
    reads = "every"
    metric = "bits_per_char"
    better = "lower"
    loss = "cross_entropy"

    def __init__(self, *, text: DataFile, window: Annotated[int, Ge(2)] = 64) -> None:
        self.text, self.window_size = str(text), window
        characters = read_text(text)
        self._fingerprint = f"{hashlib.sha256(characters.encode()).hexdigest()} {SPLIT}"
        codes = torch.frombuffer(bytearray(characters.encode("utf-32-le")), dtype=torch.int32)
        counts = torch.bincount(codes)
        present = counts.nonzero().squeeze(1)
        self.vocabulary = "".join(chr(code) for code in present.tolist())
        if len(present) < 2:
            raise ValueError(
                f"text must hold at least 2 different characters, got {len(present)} in "
                f"{self.text!r}."
            )
        least = HELD_OUT * (window + 1)
        if len(codes) < least:
            raise ValueError(
                f"text must hold at least {HELD_OUT} * (window + 1) = {least} characters, "
                f"got {len(codes)} in {self.text!r}. Give a longer text or a smaller window."
            )
        token_of = torch.zeros(len(counts), dtype=torch.int32)
        token_of[present] = torch.arange(len(present), dtype=torch.int32)
        tokens = token_of[codes]
        tenth, tested = len(tokens) // 10, len(tokens) // HELD_OUT
        self.training = tokens[:-tenth]
        self.evaluation, self.test = tokens[-tenth:-tested], tokens[-tested:]
        self.inputs = Tokens(len(present))
        self.output_size = len(present)
        # from the first character of a window to its last
        self.horizon = window - 1
        frequencies = torch.bincount(self.evaluation).double() / len(self.evaluation)
        self.baseline = -float(torch.xlogy(frequencies, frequencies).sum()) / math.log(2)

    def fingerprint(self) -> str:
        return self._fingerprint

    def extent(self, sequences: int) -> Extent:
        self._windows(sequences)
        return Extent(self.window_size, sequences)

    def evaluation_extents(self, size: int) -> Mapping[str, Extent]:
        return {"": Extent(*_columns(self.evaluation, size, size * self.window_size))}

    def test_extents(self, size: int) -> Mapping[str, Extent]:
        return {"": Extent(*_columns(self.test, size))}

    def window(self, index: int, batch_size: int) -> tuple[Batch, bool]:
        predictions = len(self.training) - 1
        windows = self._windows(batch_size)
        epoch, step = divmod(index, windows)
        column = windows * self.window_size
        left_over = predictions - batch_size * column
        first = (left_over if epoch % 2 else 0) + step * self.window_size
        # takes a fifth of the time of an index for each character
        read = self.training.as_strided((self.window_size + 1, batch_size), (1, column), first)
        return _batch(read), step > 0

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        last = len(self.training) - self.window_size
        starts = torch.randint(last, (batch_size,), generator=generator)
        return self._read(self.training, starts)

    def evaluation_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        """Return as many characters as `size` windows have, in columns spread over their text."""
        steps, columns = _columns(self.evaluation, size, size * self.window_size)
        return {"": _side_by_side(self.evaluation, steps, columns)}

    def test_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        """Return the whole test text in columns; less than a character per column is skipped."""
        return {"": _side_by_side(self.test, *_columns(self.test, size))}

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"bits_per_char": self.losses(outputs, batch).mean() / math.log(2)}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return False

    def _windows(self, batch_size: int) -> int:
        """Return how many windows an epoch has; raises `ValueError` if there is none."""
        windows = (len(self.training) - 1) // (batch_size * self.window_size)
        if windows == 0:
            raise ValueError(
                f"text must hold more than batch_size * window = {batch_size} * {self.window_size} "
                f"= {batch_size * self.window_size} characters to train on, got "
                f"{len(self.training)} in {self.text!r}. "
                "Give a longer text, a smaller window or a smaller batch_size."
            )
        return windows

    def _read(self, tokens: Tensor, starts: Tensor) -> Batch:
        return _read(tokens, starts, self.window_size)


def _columns(tokens: Tensor, most: int, characters: int | None = None) -> tuple[int, int]:
    """Return length and number of the columns in which a text is read.

    Args:
        tokens: of the text.
        most: columns, besides `COLUMNS`.
        characters: to be read at most; None: all.
    """
    predicted = len(tokens) - 1
    columns = min(COLUMNS, most, max(1, predicted // LONG))
    return max(1, min(predicted, characters or predicted) // columns), columns


def _side_by_side(tokens: Tensor, steps: int, columns: int) -> Batch:
    """Return columns of a text, spread over it without overlap."""
    return _read(tokens, torch.arange(columns) * ((len(tokens) - 1) // columns), steps)


def _read(tokens: Tensor, starts: Tensor, count: int) -> Batch:
    """Return `count` characters from each start, and the one after each of them as target."""
    steps = torch.arange(count + 1).unsqueeze(1)
    return _batch(tokens[starts + steps])


def _batch(read: Tensor) -> Batch:
    read = read.long()
    return Batch(inputs=read[:-1], targets=read[1:])


def read_text(path: Path) -> str:
    """Return the content of the text file at `path`, without a byte order mark.

    Raises:
        ValueError: there is no such file, it cannot be read, or it is not text in UTF-8.
    """
    # a Python caller may pass a str
    text, path = str(path), Path(path)
    try:
        if path.is_dir():
            raise ValueError(f"text must be the path of a text file, got the folder {text!r}.")
        # anything but a regular file, such as /dev/zero, might never end
        if not path.is_file():
            raise ValueError(
                f"text must be the path of a text file, found none at {str(path.absolute())!r}."
            )
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"text {text!r} cannot be read: {error.strerror}.") from error
    if not content:
        raise ValueError(f"text must not be empty, and {text!r} is.")
    if b"\0" in content:
        raise ValueError(f"text must be a text file, got {text!r} with NUL bytes (a binary file?).")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"text must be in UTF-8, got {text!r} with another encoding at byte {error.start}. "
            "Convert it, for example with iconv."
        ) from error
