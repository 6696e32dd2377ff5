"""A YAML run file, checked as a whole, becomes the request for one run.

Every fault is told at once, each with the line of the file or the `--set` that caused it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bptt.errors import InvalidSpec
from bptt.run_file.consistency import complete_model, construct_once
from bptt.run_file.document import Node, read_document
from bptt.run_file.faults import Faults
from bptt.run_file.overrides import apply_overrides
from bptt.run_file.plugins import Chosen, PluginSection, read_plugin
from bptt.run_file.sections import check_names, read_labels, read_optimizer, read_plain
from bptt.run_file.text import read_text
from bptt.spec import ModelSpec, RunSpec, StatisticsSpec, TrainingSpec

PLUGIN_SECTIONS: tuple[PluginSection, ...] = ("task", "cell", "clipper")


@dataclass(frozen=True)
class RunRequest:
    """One run somebody asks for."""

    spec: RunSpec
    """Complete: every option of every plugin with its value."""
    name: str
    """What the run is called where people read; need not be unique."""
    project: str
    """Runs of one project are compared with each other."""
    plugins: Mapping[str, str]
    """Distribution and version of each plugin: `cell:lstm` -> `bptt 0.1.0`."""
    data: str
    """The task's fingerprint of data that its options do not hold."""
    identity: str
    """Equal for two requests that give the same result."""


def read_run_file(path: str | Path, overrides: Sequence[str] = ()) -> RunRequest:
    """Return the run a file asks for, with `key=value` overrides applied.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    text = read_text(Path(path))
    faults = Faults()
    root = read_document(text, str(path), faults)
    if root is None:
        raise InvalidSpec(
            [f"{path}: is empty. Least content: `task: adding` and, in a line below, `cell: lstm`."]
        )
    if not isinstance(root.value, dict):
        what = "a list" if isinstance(root.value, list) else "a single value"
        raise InvalidSpec([f"{root.place.text}: must be a mapping of sections, got {what}."])
    apply_overrides(root, overrides, faults)
    return _read_request(root.value, str(path), faults)


def _read_request(root: dict[str, Node], source: str, faults: Faults) -> RunRequest:
    check_names(root, faults)
    labels = read_labels(root, faults)
    model = cast(ModelSpec, read_plain("model", root, faults))
    training = cast(TrainingSpec, read_plain("training", root, faults))
    statistics = cast(StatisticsSpec, read_plain("statistics", root, faults))
    optimizer = read_optimizer(root, faults)
    chosen: dict[PluginSection, Chosen] = {}
    for kind in PLUGIN_SECTIONS:
        if plugin := read_plugin(kind, root, source, faults):
            chosen[kind] = plugin
    task = construct_once(chosen, model, training, faults)
    data = ""
    if task is not None:
        data = task.fingerprint()
        task_name = chosen["task"].plugin.name
        model = complete_model(model, task, task_name, root.get("model"), faults)
    faults.raise_if_any()

    seed = labels.get("seed", 0)
    spec = RunSpec(
        task=chosen["task"].choice,
        cell=chosen["cell"].choice,
        clipper=chosen["clipper"].choice,
        model=model,
        optimizer=optimizer,
        training=training,
        statistics=statistics,
        seed=seed,
    )
    plugins = {f"{kind}:{c.plugin.name}": c.plugin.origin for kind, c in chosen.items()}
    return RunRequest(
        spec=spec,
        name=labels.get("name", f"{spec.cell.name}-{spec.task.name}-s{seed}"),
        project=labels.get("project", spec.task.name),
        plugins=plugins,
        data=data,
        identity=spec.identity(plugins, data),
    )
