"""`Task`: a learning problem that draws its own data."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Generator, Tensor

from bptt.contracts.losses import (
    KnownLoss,
    class_loss_gradients,
    class_losses,
    squared_error_gradients,
    squared_errors,
)


@dataclass(frozen=True)
class Tokens:
    """Inputs are integers 0 .. size - 1, looked up in an embedding."""

    size: int


@dataclass(frozen=True)
class Features:
    """Inputs are real vectors of `size` features."""

    size: int


@dataclass(frozen=True)
class Batch:
    """Sequences drawn together; the axes are always time, batch, features."""

    inputs: Tensor
    """(time, batch) int64 tokens or (time, batch, features) floats; padded at the end."""
    targets: Tensor
    """(time, batch, ...) for a task that reads every step, (batch, ...) for the last. With a
    known `loss`, values where the mask is False do not matter."""
    mask: Tensor | None = None
    """(time, batch) bool: positions that count in the loss; None: all of them."""
    lengths: Tensor | None = None
    """(batch,) int64: valid steps of each sequence; None: all of equal length."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """What else the metrics need, (batch, ...) each."""


@dataclass(frozen=True)
class Extent:
    """How large a batch is, by arithmetic: nothing is drawn."""

    steps: int
    """Time steps at most."""
    sequences: int
    """As many as are in the batch."""
    extra_bytes: int = 0
    """Size of `Batch.extra`; that of inputs, targets, mask and lengths follows from the rest."""


class Task(ABC):
    """A learning problem: seeded data, loss, metrics, a closed-form baseline and a solved rule.

    The keyword-only arguments of the constructor are the options; it must set `inputs`,
    `output_size`, `horizon` and `baseline`.
    """

    causal: bool
    """Whether a prediction may use only what came before it; excludes bidirectional models."""
    reads: Literal["last", "every"]
    """Whether the model is read out after the last valid step or at every step."""
    metric: ClassVar[str]
    """The metric that decides, among those `metrics` returns."""
    better: ClassVar[Literal["lower", "higher"]]
    """Which way `metric` improves."""
    directions: ClassVar[Mapping[str, Literal["lower", "higher"]]] = {}
    """Which way each other one of `metrics` improves; on a named evaluation set it is the same."""
    training_only: ClassVar[frozenset[str]] = frozenset()
    """Options that change how the task is learned and not what is evaluated. Every other option
    makes another problem: runs that differ in it are not ranked against each other."""
    loss: ClassVar[KnownLoss | None] = None
    """The loss, if it is one that the framework knows and trains fastest on: `cross_entropy` over
    classes, `squared_error` of one output. None: `losses` computes it."""
    class_weights: ClassVar[Sequence[float] | None] = None
    """Factor on the cross-entropy of each class; None: 1."""

    inputs: Tokens | Features
    output_size: int
    """Features of the read-out: classes, or regression targets."""
    horizon: int
    """Longest dependency in steps."""
    baseline: float
    """`metric` of the best predictor that ignores the long dependency, in closed form."""

    def fingerprint(self) -> str:
        """Return what determines the data besides the options, for example the hash of a file.

        Two runs are the same only if this is; a run does not continue with different data.
        """
        return ""

    def extent(self, sequences: int) -> Extent | None:
        """Return how large a batch of this many training sequences is at most.

        This gives a run's memory and time before anything is drawn, however large its
        options are. None: one sequence is drawn to find out.

        Raises:
            ValueError: there can be no such batch; a text may be too short for it.
        """
        return None

    def evaluation_extents(self, size: int) -> Mapping[str, Extent]:
        """Return how large each of the `evaluation_sets` is at most; override both together."""
        extent = self.extent(size)
        return {} if extent is None else {"": extent}

    def test_extents(self, size: int) -> Mapping[str, Extent]:
        """Return how large each of the `test_sets` is at most; override both together."""
        return self.evaluation_extents(size)

    @abstractmethod
    def sample(self, generator: Generator, batch_size: int) -> Batch:
        """Draw training sequences on the CPU using only `generator`: same state, same batch."""

    def evaluation_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        """Return named evaluation batches of `size` sequences; metrics get the name as suffix.

        The set named '' is the main one. They choose: when a run counts as solved, when it stops,
        which of its weights are the best.
        """
        return {"": self.sample(generator, size)}

    def test_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        """Return what a run is measured on once, at its end, as `evaluation_sets` does.

        These choose nothing. As here, they are drawn like the evaluation sets, from random numbers
        that nothing else is drawn from. A task whose data are finite overrides `sample`,
        `evaluation_sets` and this, so that no two of them share a sequence.
        """
        return self.evaluation_sets(generator, size)

    def losses(
        self, outputs: Float[Tensor, "*axes outputs"], batch: Batch
    ) -> Float[Tensor, "*axes"]:
        """Return the loss of each prediction: (time, batch) if `reads` is `every`, else (batch,).

        `outputs` is (time, batch, output_size) or (batch, output_size). The framework averages
        over the mask. Must be implemented if `loss` is None.
        """
        match self.loss:
            case "cross_entropy":
                return class_losses(outputs, self._counted(batch), self.class_weights)
            case "squared_error":
                return squared_errors(outputs, self._counted(batch))
            case None:
                raise ValueError(f"{type(self).__name__} has neither `loss` nor `losses`")
        raise ValueError(
            f"{type(self).__name__}.loss must be cross_entropy, squared_error or None, "
            f"got {self.loss!r}"
        )

    def loss_gradients(
        self, outputs: Float[Tensor, "*axes outputs"], batch: Batch
    ) -> tuple[Float[Tensor, "*axes"], Float[Tensor, "*axes outputs"]] | None:
        """Return what `losses` does, and the derivative of each loss by its own prediction.

        May be implemented if `loss` is None, because autograd takes as long for such a small graph
        as the kernel of a small network; None leaves it to autograd.

        Args:
            outputs: as `losses` gets them, without a graph.
            batch: as `losses` gets it.

        Returns:
            The losses, and in the shape of `outputs` d losses[...] / d outputs[..., :].
        """
        if self._has_own("losses"):
            return None
        match self.loss:
            case "cross_entropy":
                return class_loss_gradients(outputs, self._counted(batch), self.class_weights)
            case "squared_error":
                return squared_error_gradients(outputs, self._counted(batch))
        return None

    @property
    def known_loss(self) -> KnownLoss | None:
        """`loss`, unless the task's methods override it."""
        own = self._has_own("losses") or self._has_own("loss_gradients")
        return None if own else self.loss

    def _has_own(self, method: str) -> bool:
        return method in vars(self) or getattr(type(self), method) is not getattr(Task, method)

    def _counted(self, batch: Batch) -> Tensor:
        """Return the targets, with zeros where they do not matter."""
        if batch.mask is None or self.reads == "last":
            return batch.targets
        return batch.targets.masked_fill(~batch.mask, 0)

    @abstractmethod
    def metrics(
        self, outputs: Float[Tensor, "*axes outputs"], batch: Batch
    ) -> dict[str, Float[Tensor, ""]]:
        """Return metrics averaged over the batch, each a tensor without axes."""

    @abstractmethod
    def solved(self, metrics: Mapping[str, float]) -> bool:
        """Say whether the evaluation metrics (with `loss` among them) mean the task is solved."""


class StreamTask(Task):
    """A task over one long text, read window by window while the state is carried over.

    Its evaluation and test sets may be as long as their texts: they are read piece by piece, from
    left to right, while the state is carried over. So `metrics` must be means over positions.
    """

    @abstractmethod
    def window(self, index: int, batch_size: int) -> tuple[Batch, bool]:
        """Return the window of training step `index`, and whether it continues the last one.

        The gradient never crosses into the previous window.
        """
