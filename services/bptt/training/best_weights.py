"""The weights at the best evaluation so far."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from bptt.network.model import Model
from bptt.network.parameters import FlatParameters


class BestWeights:
    """Keeps the weights of the best evaluation, and puts them into the model for a while.

    Args:
        model: whose they are.
        parameters: all of it.
    """

    def __init__(self, model: Model, parameters: FlatParameters) -> None:
        self._model = model
        self._parameters = parameters
        self.flat: Tensor | None = None
        """As the run's own parameters; None before the first finite evaluation."""

    def keep(self) -> None:
        """Keep the weights as they are now."""
        self.flat = self._parameters.flat.detach().clone()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model these weights, if there are any, and its own again afterwards."""
        with torch.no_grad():
            own = self._parameters.flat.detach().clone()
            self._parameters.flat.copy_(own if self.flat is None else self.flat)
            try:
                yield
            finally:
                self._parameters.flat.copy_(own)

    def states(self) -> dict[str, dict[str, Tensor]]:
        """Return the model's `state_dict` as it is (`last`) and at its best evaluation (`best`)."""
        last = self._state_of_model()
        with self.applied():
            return {"last": last, "best": self._state_of_model()}

    def _state_of_model(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self._model.state_dict().items()}
