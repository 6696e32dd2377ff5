"""Batches by step number: any batch can be redrawn without the ones before it."""

from torch import Tensor

from bptt.batches.drawn import Drawn
from bptt.batches.seen import Seen
from bptt.contracts import Batch, StreamTask, Task
from bptt.seeding import stream

BLOCK = 16
"""Batches drawn in one call: drawing costs as much as a training step of a small network."""

POOL = 128
"""Sequences of unequal length drawn for each one the probe keeps."""


class TrainingData:
    """The training batches of one run.

    Args:
        task: that draws them.
        seed: of the run.
        batch_size: sequences of each.
        seen: takes note of what is drawn, if anybody asks for it.
    """

    def __init__(self, task: Task, seed: int, batch_size: int, seen: Seen | None = None) -> None:
        self._task = task
        self._seed = seed
        self._batch_size = batch_size
        self._seen = seen
        self._block_index = -1
        self._block: Batch | None = None
        self._batches: list[Batch] = []
        self._drawn = Drawn(task, "window" if isinstance(task, StreamTask) else "sample")

    def batch(self, index: int) -> tuple[Batch, bool]:
        """Return batch number `index`, and whether it continues the previous one."""
        if isinstance(self._task, StreamTask):
            window, continues = self._task.window(index, self._batch_size)
            self._drawn.check(window, self._batch_size, f"training batch {index}")
            return window, continues
        block, within = divmod(index, BLOCK)
        if self._block is None or block != self._block_index:
            generator = stream(self._seed, "data", block)
            self._block = self._task.sample(generator, BLOCK * self._batch_size)
            first = block * BLOCK
            numbers = f"training batches {first} to {first + BLOCK - 1}, drawn together"
            self._drawn.check(self._block, BLOCK * self._batch_size, numbers)
            if self._seen:
                self._seen.add(self._block, first, self._batch_size)
            self._block_index = block
            self._batches = divide(self._block, self._batch_size, self._task.reads)
        if self._batches:
            return self._batches[within], False
        start = within * self._batch_size
        return select(self._block, slice(start, start + self._batch_size), self._task.reads), False


def divide(batch: Batch, size: int, reads: str) -> list[Batch]:
    """Return what `select` does for every `size` sequences; nothing if their lengths may differ."""
    if batch.lengths is not None or batch.extra:
        return []
    masks = None if batch.mask is None else batch.mask.split(size, dim=1)
    inputs = batch.inputs.split(size, dim=1)
    targets = batch.targets.split(size, dim=1 if reads == "every" else 0)
    return [
        Batch(inputs=x, targets=y, mask=None if masks is None else masks[n])
        for n, (x, y) in enumerate(zip(inputs, targets, strict=True))
    ]


def select(batch: Batch, rows: slice | Tensor, reads: str) -> Batch:
    """Return the sequences `rows` of a batch, without time steps that are padding for all."""
    lengths = None if batch.lengths is None else batch.lengths[rows]
    time = batch.inputs.shape[0] if lengths is None else int(lengths.max())
    if lengths is not None and bool((lengths == time).all()):
        lengths = None
    targets = batch.targets[:time, rows] if reads == "every" else batch.targets[rows]
    return Batch(
        inputs=batch.inputs[:time, rows],
        targets=targets,
        mask=None if batch.mask is None else batch.mask[:time, rows],
        lengths=lengths,
        extra={name: value[rows] for name, value in batch.extra.items()},
    )


def probe_batch(task: Task, seed: int, sequences: int) -> Batch:
    """Return the fixed batch that statistics are measured on: sequences of equal length.

    Equal lengths, so that a position t and a lag k mean the same in every sequence. From a pool
    drawn from the run's own stream, the greatest length with enough sequences is taken.
    """
    drawn = task.sample(stream(seed, "probe"), sequences)
    checks = Drawn(task, "sample")
    checks.check(drawn, sequences, "batch of the statistics")
    if drawn.lengths is None:
        return drawn
    pool = task.sample(stream(seed, "probe"), POOL * sequences)
    checks.check(pool, POOL * sequences, "batches of the statistics")
    if pool.lengths is None:
        return select(pool, slice(0, sequences), task.reads)
    values, counts = pool.lengths.unique(return_counts=True)
    enough = values[counts >= sequences]
    length = enough.max() if len(enough) else values[counts.argmax()]
    rows = (pool.lengths == length).nonzero().flatten()[:sequences]
    return select(pool, rows, task.reads)
