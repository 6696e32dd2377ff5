"""What a run says about itself in MLflow before measuring anything: params, tags, hp metrics."""

import getpass
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bptt.content import with_file_names
from bptt.measuring.logged import HYPERPARAMETER
from bptt.records.documents import RunDocument

PARAMS_AT_MOST = 60
NUMBERS_AT_MOST = 8
"""Numeric fields that are metrics as well: MLflow compares params only as text."""

SWEPT_FIRST = (
    "hidden_size",
    "layers",
    "lr",
    "max_norm",
    "clip_value",
    "forget_bias",
    "recurrent_gain",
    "spectral_radius",
    "truncation",
    "truncation_every",
    "batch_size",
    "seed",
)
"""Numbers that people vary; what the grid varies and the task's own come before them, the rest of
the spec after."""


def params(run: RunDocument) -> dict[str, str]:
    """Return the whole spec as flat text, by the shortest names that are unambiguous.

    Args:
        run: content of `run.json`.
    """
    flat = _flat(with_file_names(run.spec, run.files))
    return {name: _text(value) for name, value in list(flat.items())[:PARAMS_AT_MOST]}


def numbers(run: RunDocument) -> dict[str, float]:
    """Return the numeric fields as metrics `hp/<name>`, so that ranges can be searched for."""
    flat = _flat(run.spec)
    numeric = {
        name: float(value)
        for name, value in flat.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    varied = [name for name in _varied(run, flat) if name in numeric]
    of_task = [name for name in _flat(run.spec, only="task") if name in numeric]
    usual = [name for name in SWEPT_FIRST if name in numeric]
    order = dict.fromkeys([*varied, *of_task, *usual, *numeric])
    return {HYPERPARAMETER.named(name): numeric[name] for name in list(order)[:NUMBERS_AT_MOST]}


def tags(run: RunDocument) -> dict[str, str]:
    """Return the tags a run carries from its creation on."""
    spec = dict(run.spec)
    spec.pop("seed", None)
    content = json.dumps([spec, run.plugins], sort_keys=True)
    found = {
        "bptt.kind": "train",
        "bptt.run_id": run.run_id,
        "bptt.config": run.config or configuration(run.spec),
        "bptt.config_id": hashlib.sha256(content.encode()).hexdigest()[:12],
        "bptt.sync": "pending",
        "mlflow.user": run.user or _user(),
    }
    known = {
        "bptt.plugins": ", ".join(f"{name} {text}" for name, text in sorted(run.plugins.items())),
        "bptt.torch": run.torch,
        "bptt.processor": run.processor,
    }
    found |= {name: text for name, text in known.items() if text}
    if grid_id := run.grid_id:
        found["bptt.grid_id"] = grid_id
    if commit := run.git_commit:
        found["mlflow.source.git.commit"] = commit
    return found


def configuration(spec: Mapping[str, Any]) -> str:
    """Return the shortest text that tells runs of one experiment apart: cell, and clipper if any.

    MLflow cuts the labels of groups after about nine characters.
    """
    cell, clipper = spec["cell"]["name"], spec["clipper"]["name"]
    return str(cell) if clipper == "none" else f"{cell} {clipper}"


def milliseconds(iso: str) -> int:
    """Return a time in ISO format as milliseconds since the epoch."""
    return int(datetime.fromisoformat(iso).timestamp() * 1000)


def _flat(spec: Mapping[str, Any], only: str | None = None) -> dict[str, Any]:
    """Flatten a spec: `lr` instead of `optimizer.lr` wherever no other section has an `lr`."""
    leaves: list[tuple[str, str, Any]] = []
    for section, content in spec.items():
        if not isinstance(content, Mapping):
            leaves.append(("", section, content))
            continue
        for name, value in content.items():
            if name == "name":
                leaves.append(("", section, value))
            elif name == "options":
                leaves.extend((section, option, chosen) for option, chosen in value.items())
            else:
                leaves.append((section, name, value))
    seen = Counter(name for _, name, _ in leaves)
    return {
        f"{section}.{name}" if section and seen[name] > 1 else name: value
        for section, name, value in leaves
        if only in (None, section)
    }


def _varied(run: RunDocument, flat: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields in which the runs of its grid differ."""
    paths = [path for path in run.values or {} if "." in path or path == "seed"]
    return [path if path in flat else path.rpartition(".")[2] for path in paths]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container may run under a number without a name
        return "unknown"
