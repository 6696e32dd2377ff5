"""Fixtures for every ring of tests."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

# what is imported and collected stays: to search it for garbage takes a tenth of the time
gc.disable()

import torch  # noqa: E402

import tests.checked_types  # noqa: E402

tests.checked_types.install()

from bptt.spec import Choice, RunSpec  # noqa: E402
from tests.complete_options import complete_options  # noqa: E402

# they start hundreds of processes that import the program: not each has to compile it
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# a shell that starts the tests in the background has them, and all they start, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Give all processes of this session one folder for caches, compiled kernels among them.

    As the standard names it, not as BPTT_KERNEL_CACHE: many tests leave out every BPTT_* variable,
    and what they start would build in the folder of whoever runs the tests.
    """
    if hasattr(config, "workerinput"):
        # one of several processes: the first has set it for all
        return
    folder = tempfile.mkdtemp(prefix="bptt-tests-")
    os.environ["XDG_CACHE_HOME"] = folder
    os.environ.pop("BPTT_KERNEL_CACHE", None)
    os.environ["TESTS_CONTROLLER"] = str(os.getpid())
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


FIRST = (
    "tests/faults/queue",
    "tests/integration/tracking",
    "tests/integration/worker",
    "tests/integration/embedded",
    "tests/acceptance",
    "tests/faults",
    "tests/integration",
)
"""Where a file may take a minute, most of it waiting for processes: these begin before the others,
so that all processes of `make test` end at about the same time."""


SLOW = (
    "tests/architecture/test_light_start.py",
    "tests/contracts/test_registered_plugins.py::test_rules_hold_without_asserts",
    "tests/numerics/test_agc_of_models.py",
    "tests/numerics/test_character_language_model.py",
    "tests/numerics/test_choice_of_backend.py",
    "tests/numerics/test_compiled_cells.py",
    "tests/numerics/test_compiled_operations.py",
    "tests/numerics/test_digits.py",
    "tests/numerics/test_extreme_gradients.py",
    "tests/numerics/test_overlapping_windows.py",
    "tests/numerics/test_probe",
    "tests/numerics/test_read_out_kernel.py",
    "tests/numerics/test_resume_state.py",
    "tests/numerics/test_synthetic_task_generators.py",
    "tests/numerics/test_threads.py",
    "tests/numerics/test_training.py",
    "tests/numerics/test_truncation.py",
    "tests/numerics/test_update_kernel.py",
    "tests/unit/grid_file/test_estimate.py",
    "tests/unit/grid_file/test_points.py::test_hundred_thousand_points",
    "tests/unit/test_check_of_broken_plugins.py",
    "tests/unit/test_damage.py",
    "tests/unit/test_execution.py",
    "tests/unit/test_figures.py",
    "tests/unit/test_kernel_building.py",
    "tests/unit/test_machine.py",
    "tests/unit/test_plugins_command.py",
    "tests/unit/test_recording.py",
    "tests/unit/test_worker_attempt.py",
    "tests/unit/test_worker_job_queue.py",
)
"""What builds kernels, trains for seconds or starts processes: `make quick` leaves it out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow; put the files that take longest first, the order within them stays."""

    def rank(item: pytest.Item) -> int:
        places = (n for n, place in enumerate(FIRST) if item.nodeid.startswith(f"{place}/"))
        return next(places, len(FIRST))

    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from what is imported by now, which takes a tenth of all."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _plain_thread() -> None:
    """One thread, as two test processes share the machine, and denormals as Python has them."""
    torch.set_num_threads(1)
    # a test that trained in this thread left them flushed
    torch.set_flush_denormal(False)


def choose(kind: Any, choice: str | dict[str, Any]) -> Choice:
    """Return a plugin by name with every option it takes, as a run file resolves it."""
    given = {"name": choice} if isinstance(choice, str) else dict(choice)
    name = given.pop("name")
    return Choice(name=name, options=complete_options(kind, name, given))


@pytest.fixture
def make_spec() -> Callable[..., RunSpec]:
    """Return a factory of small valid specs; a section replaces only the fields it names."""

    def make(
        task: str | dict[str, Any] = "latch",
        cell: str | dict[str, Any] = "rnn",
        clipper: str | dict[str, Any] = "none",
        **sections: Any,
    ) -> RunSpec:
        small: dict[str, dict[str, Any]] = {
            "model": {"hidden_size": 8},
            "training": {
                "steps": 6,
                "batch_size": 4,
                "evaluate_every": 3,
                "evaluation_size": 16,
            },
            "statistics": {"interval": 0, "jacobian_interval": 0},
        }
        merged = {
            name: small.get(name, {}) | given for name, given in sections.items() if name != "seed"
        }
        return RunSpec.model_validate(
            small
            | merged
            | {
                "task": choose("task", task),
                "cell": choose("cell", cell),
                "clipper": choose("clipper", clipper),
                "seed": sections.get("seed", 0),
            }
        )

    return make
