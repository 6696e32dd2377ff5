"""What a grid's runs give when nothing disturbs them."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bptt.run_file import read_grid_file
from bptt.training import TrainingRun, train
from tests.faults.queue.weights import weights_hash


@dataclass(frozen=True)
class Calm:
    """The weights of one undisturbed run."""

    names: tuple[str, ...]
    digest: str

    def saved(self, folder: Path) -> dict[str, Any]:
        """Return the same weights as an attempt saved them."""
        checkpoints = folder / "artifacts" / "checkpoints"
        return {
            name: torch.load(checkpoints / f"{name}.pt", weights_only=True) for name in self.names
        }


def undisturbed_weights(file: Path, site: Path) -> list[Calm]:
    """Train every run of a grid file in this process, with the plugins in `site`."""
    sys.path.insert(0, str(site))
    try:
        found = []
        for request in read_grid_file(file):
            training = TrainingRun(request.spec)
            for _ in train(training):
                pass
            weights = training.weights()
            found.append(Calm(tuple(weights), weights_hash(weights)))
        return found
    finally:
        sys.path.remove(str(site))
