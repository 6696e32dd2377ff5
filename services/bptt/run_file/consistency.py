"""What no section can know alone: whether plugins, sizes and model go together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bptt import registry
from bptt.errors import BpttError
from bptt.run_file.document import Node
from bptt.run_file.faults import Faults
from bptt.run_file.plugins import Chosen, PluginSection
from bptt.spec import EMBEDDING_SIZE, HIGHWAY_BIAS, ModelSpec, TrainingSpec

if TYPE_CHECKING:
    from bptt.contracts import Task

LARGEST_TRIAL = 64
"""Hidden size a cell is tried at, at most: enough to see whether its options go together."""


def construct_once(
    chosen: Mapping[PluginSection, Chosen],
    model: ModelSpec,
    training: TrainingSpec,
    faults: Faults,
) -> "Task | None":
    """Construct each plugin, note what their constructors refuse, and return the task."""
    task: Task | None = None
    for kind, plugin in chosen.items():
        name, options = plugin.plugin.name, plugin.options
        try:
            match kind:
                case "task":
                    task = registry.construct("task", name, options)
                    _read_first_window(task, training.batch_size)
                case "cell":
                    size = min(model.hidden_size, LARGEST_TRIAL)
                    registry.construct_cell(name, options, size, size)
                case "clipper":
                    registry.construct("clipper", name, options)
        except (BpttError, ValueError) as error:
            plugin.add_fault(error, faults)
    return task


def _read_first_window(task: "Task", batch_size: int) -> None:
    from bptt.contracts import StreamTask

    # how long a text must be depends on the batch size, which its constructor does not know
    if isinstance(task, StreamTask):
        task.window(0, batch_size)


def complete_model(
    model: ModelSpec, task: "Task", task_name: str, section: Node | None, faults: Faults
) -> ModelSpec:
    """Return the model with the defaults that depend on the task or on other options.

    Notes a fault for each option that the others, or the task, leave without a meaning.
    """
    from bptt.contracts import Tokens

    given = section.value if section and isinstance(section.value, dict) else {}

    def add(option: str, message: str) -> None:
        faults.add(f"model.{option}", given[option].place, f"model.{option} {message}")

    tokens = isinstance(task.inputs, Tokens)
    highway = model.skip == "highway"
    if model.highway_bias is not None and not highway:
        add("highway_bias", f"needs model.skip: highway, got skip: {model.skip}.")
    if model.embedding_size is not None and not tokens:
        add("embedding_size", f"needs a task with tokens; the inputs of {task_name!r} are real.")
    if model.bidirectional and task.causal:
        add(
            "bidirectional",
            f"does not go with the causal task {task_name!r}: the backward cell would read "
            "the very inputs the model has to predict.",
        )
    embedding_size = (model.embedding_size or EMBEDDING_SIZE) if tokens else None
    read = embedding_size or task.inputs.size
    width = model.hidden_size * (2 if model.bidirectional else 1)
    if model.skip != "none" and model.layers == 1 and (model.skip == "dense" or read != width):
        equal = "" if model.skip == "dense" else f", or an input as wide as the layer ({width})"
        add(
            "skip",
            f"{model.skip} needs at least 2 layers{equal}; got 1 layer and an input of {read}.",
        )
    bias = model.highway_bias
    return model.model_copy(
        update={
            "embedding_size": embedding_size,
            "highway_bias": (HIGHWAY_BIAS if bias is None else bias) if highway else None,
        }
    )
