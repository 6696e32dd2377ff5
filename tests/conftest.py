"""Fixtures for every ring of tests."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from bptt.spec import Choice, RunSpec


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small networks on one core, as in training; two test processes share the machine."""
    torch.set_num_threads(1)


@pytest.fixture
def make_spec() -> Callable[..., RunSpec]:
    """Return a factory of small valid specs; sections are given as mappings."""

    def make(task: Any = "latch", cell: Any = "rnn", clipper: Any = "none", **sections: Any) -> Any:
        chosen = {"task": task, "cell": cell, "clipper": clipper}
        content: dict[str, Any] = {
            kind: (Choice(name=value) if isinstance(value, str) else value)
            for kind, value in chosen.items()
        }
        content["model"] = {"hidden_size": 8, "embedding_size": None} | sections.pop("model", {})
        content["training"] = {
            "steps": 6,
            "batch_size": 4,
            "evaluate_every": 3,
            "evaluation_size": 16,
        } | sections.pop("training", {})
        content["statistics"] = {"interval": 0} | sections.pop("statistics", {})
        return RunSpec.model_validate(content | sections)

    return make
