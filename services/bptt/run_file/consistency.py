"""What no section can know by itself: whether plugins, sizes and model go together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bptt import registry
from bptt.errors import BpttError
from bptt.run_file.contents import PART, Contents, Row, SectionContent
from bptt.run_file.dimensions import CellShape
from bptt.run_file.evaluation_trial import try_others
from bptt.run_file.extents import Extents
from bptt.run_file.faults import Faults
from bptt.spec import (
    EMBEDDING_SIZE,
    HIGHWAY_BIAS,
    Choice,
    ModelSpec,
    TrainingSpec,
    section_text,
)

if TYPE_CHECKING:
    from bptt.contracts import Cell, Clipper, Task

LARGEST_TRIAL = 64
"""Largest hidden size at which a cell is tried: enough to see whether its options go together."""


@dataclass
class Trial:
    """The result of constructing every plugin once per distinct set of options."""

    tasks: dict[int, "Task"] = field(default_factory=dict)
    """By the number of the task's content."""
    extents: dict[int, Extents] = field(default_factory=dict)
    """Of the same tasks."""
    others: dict[tuple[int, int], Sequence[Extents]] = field(default_factory=dict)
    """By the numbers of task and evaluation: of the task with other options."""
    cells: dict[tuple[int, int], CellShape] = field(default_factory=dict)
    """By the numbers of cell and model."""
    whole_clips: dict[int, bool] = field(default_factory=dict)
    """By the number of a clipper's content: whether it multiplies all gradients by one factor."""
    models: list[ModelSpec] = field(default_factory=list)
    """Complete, with the defaults that depend on the task."""
    completed: dict[tuple[int, int], int] = field(default_factory=dict)
    """By the numbers of task and model: which of `models` results."""


def try_out(
    contents: Contents, rows: Iterable[Row], readable: Mapping[str, bool], faults: Faults
) -> Trial:
    """Construct each plugin and complete each model that some row needs; note what is rejected.

    Args:
        contents: of every section.
        rows: the points; a combination of options that no point has is not tried.
        readable: which sections have no fault so far; the others are left out.
        faults: receives one line for each rejection, however many points share it.
    """
    trial = Trial()
    # dictionaries, because a set has no order and only the first fault of a key is reported
    needed: dict[tuple[str, str], dict[tuple[int, int], None]] = {}
    wanted = [("task", "training"), ("cell", "model"), ("clipper", "clipper"), ("task", "model")]
    wanted += [("training", "model"), ("task", "evaluation")]
    rows = list(rows)
    for first, second in wanted:
        if readable[first] and readable[second]:
            a, b = PART[first], PART[second]
            needed[first, second] = dict.fromkeys((row[a], row[b]) for row in rows)
    if readable["task"]:
        for number in dict.fromkeys(row[PART["task"]] for row in rows):
            _try_task(number, contents.tables["task"][number], trial, faults)
    for task, training in needed.get(("task", "training"), {}):
        if task in trial.tasks:
            sizes = cast(TrainingSpec, contents.tables["training"][training].value)
            content = contents.tables["task"][task]
            _try_batch(trial.extents[task], sizes.batch_size, content, faults)
    for task, evaluation in needed.get(("task", "evaluation"), {}):
        if task in trial.tasks:
            own, other = contents.tables["task"][task], contents.tables["evaluation"][evaluation]
            trial.others[task, evaluation] = try_others(own, trial.tasks[task], other, faults)
    for training, model in needed.get(("training", "model"), {}):
        whole = cast(ModelSpec, contents.tables["model"][model].value)
        _check_windows(contents.tables["training"][training], whole, faults)
    sizes_seen: dict[tuple[int, int], CellShape | None] = {}
    for cell, model in needed.get(("cell", "model"), {}):
        whole = cast(ModelSpec, contents.tables["model"][model].value)
        size = min(whole.hidden_size, LARGEST_TRIAL)
        if (cell, size) not in sizes_seen:
            sizes_seen[cell, size] = _try_cell(contents.tables["cell"][cell], size, faults)
        shape = sizes_seen[cell, size]
        if shape is not None:
            trial.cells[cell, model] = shape
    for clipper, _ in needed.get(("clipper", "clipper"), {}):
        constructed = _construct(contents.tables["clipper"][clipper], faults)
        trial.whole_clips[clipper] = _clips_whole(constructed)
    known: dict[str, int] = {}
    for task, model in needed.get(("task", "model"), {}):
        if task in trial.tasks:
            name = contents.tables["task"][task].branch.name
            complete = _complete(contents.tables["model"][model], trial.tasks[task], name, faults)
            number = known.setdefault(section_text(complete), len(trial.models))
            if number == len(trial.models):
                trial.models.append(complete)
            trial.completed[task, model] = number
    return trial


def _construct(content: SectionContent, faults: Faults) -> "Task | Clipper | None":
    choice = cast(Choice, content.value)
    kind = "task" if content.branch.section == "task" else "clipper"
    try:
        if kind == "task":
            return registry.construct("task", choice.name, choice.options)
        return registry.construct("clipper", choice.name, choice.options)
    except (BpttError, ValueError) as error:
        content.add_fault(error, faults)
        return None


def _try_task(number: int, content: SectionContent, trial: Trial, faults: Faults) -> None:
    task = _construct(content, faults)
    if task is not None:
        trial.tasks[number] = cast("Task", task)
        trial.extents[number] = Extents(trial.tasks[number])


def _try_batch(extents: Extents, batch_size: int, content: SectionContent, faults: Faults) -> None:
    # how long a text must be depends on the batch size, which its constructor does not know
    try:
        extents.training(batch_size)
    except (BpttError, ValueError) as error:
        content.add_fault(error, faults)


def _check_windows(content: SectionContent, model: ModelSpec, faults: Faults) -> None:
    training = cast(TrainingSpec, content.value)
    if fault := training.fault_of_windows(model.bidirectional):
        message = f"training.truncation_every {fault}"
        place = content.places["truncation_every"]
        faults.add(f"{content.branch.key}: {message}", place, message)


def _clips_whole(clipper: object) -> bool:
    from bptt.contracts import Clipper

    return getattr(type(clipper), "scale_of_norm", None) is not Clipper.scale_of_norm


def _try_cell(content: SectionContent, size: int, faults: Faults) -> CellShape | None:
    """Return the make-up of the cell with `size` units, if it can be constructed."""
    from bptt.contracts import PointwiseCell

    choice = cast(Choice, content.value)
    counts = []
    try:
        # an extra feature shows what belongs to the input: minGRU has nothing else
        for features in (size, size + 1):
            cell: Cell = registry.construct_cell(choice.name, choice.options, features, size)
            counts.append(sum(parameter.numel() for parameter in cell.parameters()))
        blocks = len(cell.recurrent_weights)
    except (BpttError, ValueError) as error:
        content.add_fault(error, faults)
        return None
    of_feature = counts[1] - counts[0]
    by_input = of_feature / size
    pointwise = isinstance(cell, PointwiseCell)
    lanes = max(blocks, round(by_input))
    if isinstance(cell, PointwiseCell):
        # a product often stands beside the preactivation of its name, in one argument of a gate
        lanes = len({*cell.preactivations, *cell.products})
    return CellShape(
        by_input,
        by_unit=(counts[0] - size * of_feature) / size**2,
        states=len(cell.states),
        lanes=lanes,
        is_pointwise=pointwise,
        recurrent_blocks=blocks,
    )


def _complete(content: SectionContent, task: "Task", task_name: str, faults: Faults) -> ModelSpec:
    """Return the model with the defaults that depend on the task or on other options.

    Notes a fault for each option that the others, or the task, make meaningless.
    """
    from bptt.contracts import Tokens

    model = cast(ModelSpec, content.value)

    def add(option: str, message: str) -> None:
        fault = f"model.{option} {message}"
        faults.add(f"{content.branch.key}: {fault}", content.places[option], fault)

    tokens = isinstance(task.inputs, Tokens)
    highway = model.skip == "highway"
    if model.highway_bias is not None and not highway:
        add("highway_bias", f"needs model.skip: highway, got skip: {model.skip}.")
    if model.embedding_size is not None and not tokens:
        add("embedding_size", f"needs a task with tokens; the inputs of {task_name!r} are real.")
    if model.bidirectional and task.causal:
        add(
            "bidirectional",
            f"does not work with the causal task {task_name!r}: the backward cell would read "
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
