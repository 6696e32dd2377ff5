"""Which runs cost the same: the time some of them took predicts that of the others.

Equal keys promise equal shapes, equal numbers of updates and equal times of evaluation and
probes. Unequal keys promise nothing: everything not known to leave all shapes unchanged is part of
the key. Known to do so, and left out, are:

- the seed;
- the clipper and its options, a pure function of one run's gradients;
- the optimiser's numbers (lr, decays, momentum, eps), not its name and not its switches;
- the initial bias of highway gates;
- the options by which `PointwiseCell` fills weights it has already created: `recurrent_init`,
  `recurrent_gain`, `spectral_radius`, `input_std`, `forget_bias`, unless the cell's own class
  declares an option of that name. Of a `Cell` that is not pointwise, every option counts.

The task counts with every option and the fingerprint of its data, since any may set a length; so
do the distributions and versions of task and cell.
"""

import hashlib
import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bptt import registry
from bptt.errors import PluginError
from bptt.section import Section
from bptt.spec import Choice, join_sections, section_text

FILLING = ("recurrent_init", "recurrent_gain", "spectral_radius", "input_std", "forget_bias")
COUNTING = ("task", "cell", "model", "optimizer", "training", "statistics", "evaluation")


def join_shapes(
    parts: Mapping[str, str], task: str, cell: str, plugins: Mapping[str, str], data: str
) -> str:
    """Return the key, 16 hex digits.

    Args:
        parts: the `shape_text` of every counting section.
        task: its name.
        cell: its name.
        plugins: distribution and version of each plugin, `cell:lstm` -> `bptt 0.1.0`.
        data: the task's fingerprint.
    """
    versions = {name: plugins.get(name, "") for name in (f"task:{task}", f"cell:{cell}")}
    content = join_sections({**parts, "plugins": section_text(versions), "data": repr(data)})
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def shape_text(section: str, content: Section) -> str:
    """Return the part of a section that concerns shapes, as JSON."""
    match section:
        case "cell" if isinstance(content, Choice):
            free = free_options(content.name)
            left = {name: value for name, value in content.options.items() if name not in free}
            return section_text({"name": content.name, "options": left})
        case "model":
            return section_text(content.model_dump(mode="json", exclude={"highway_bias"}))
        case "optimizer":
            return section_text({n: v for n, v in content if isinstance(v, (str, bool))})
    return section_text(content)


def free_options(cell: str) -> frozenset[str]:
    """Return the options of a cell that change values of weights but no shape."""
    try:
        return _free_options(registry.load("cell", cell))  # type: ignore[arg-type] # hashable
    except PluginError:
        return frozenset()


@lru_cache(maxsize=1024)
def _free_options(cell_class: type[Any]) -> frozenset[str]:
    from bptt.contracts import PointwiseCell

    if not issubclass(cell_class, PointwiseCell):
        return frozenset()
    own = cell_class.__mro__[: cell_class.__mro__.index(PointwiseCell)]
    declared = {
        name
        for owner in own
        if inspect.isfunction(constructor := vars(owner).get("__init__"))
        for name in inspect.signature(constructor).parameters
    }
    return frozenset(FILLING) - declared
