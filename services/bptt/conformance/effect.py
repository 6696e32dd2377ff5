"""A plugin's method does nothing but return its result."""

import random
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from bptt.conformance.memory import attributes_of, changed, tensors_of
from bptt.conformance.requirement import require, running, same
from bptt.conformance.watch import Watch
from bptt.errors import ContractViolation

R = TypeVar("R")

PLACES = 8
"""The most lines that read a value; each is run once more with a different one."""


def without_effects(
    subject: str,
    call: Callable[[], R],
    arguments: Mapping[str, Tensor],
    module: nn.Module | None = None,
) -> R:
    """Return the result of a call that must draw nothing and change neither arguments nor module.

    Args:
        subject: what is called, in words.
        call: calls it with the arguments.
        arguments: tensors by their names in messages.
        module: whose parameters, buffers and other attributes it must not change.

    Raises:
        ContractViolation: it does something else, or raises.
    """
    owned = {} if module is None else tensors_of(module)
    before = _copies(arguments), _copies(owned)
    watch, drawn = Watch(arguments, owned), _other_generators()
    with running(subject), watch:
        result = call()
    _check_arguments(subject, watch, changed(before[0], dict(arguments)))
    if watch.drawn is not None:
        raise ContractViolation(_draws(subject, "random numbers", watch.drawn))
    for generator, state in _other_generators().items():
        require(state == drawn[generator], _draws(subject, f"from {generator}"))
    if module is not None:
        _check_module(subject, call, module, watch, changed(before[1], tensors_of(module)))
    return result


def check_decisions(subject: str, call: Callable[[], Any], arguments: Mapping[str, Tensor]) -> None:
    """Check that no `if` on the value of a tensor decides the result.

    Each line that reads a value is given a different one: if the result changes, it depends on it.
    An assertion, which then raises, is not a decision.

    Args:
        subject: what is called, in words.
        call: calls it with the arguments; free of effects.
        arguments: tensors by name on whose values nothing may be decided.
    """
    watch = Watch(arguments)
    with running(subject), watch:
        result = call()
    for place in list(dict.fromkeys(watch.read))[:PLACES]:
        try:
            with Watch(arguments, instead=place):
                other = call()
        except Exception:
            continue
        require(
            same(_tensors(result), _tensors(other)),
            f"{subject} decides by the value of a tensor{place}: one sequence or element would "
            "decide for all others. Use torch.where instead of `if`, and no `.item()`.",
        )


def _check_arguments(subject: str, watch: Watch, names: list[str]) -> None:
    place = next((watch.written[name] for name in names if name in watch.written), "")
    require(
        not names,
        f"{subject} must not change its arguments: it writes into {', '.join(names)}{place}.",
    )


def _check_module(
    subject: str, call: Callable[[], Any], module: nn.Module, watch: Watch, names: list[str]
) -> None:
    kind = type(module).__name__
    mode = "training" if module.training else "evaluation"
    place = next((watch.written[name] for name in names if name in watch.written), "")
    require(
        not names,
        f"{subject} changes {', '.join(names)} of {kind} in {mode} mode{place}: evaluations call "
        "it too, and no checkpoint holds that, so a resumed run would differ. Make it a state of "
        "the cell, or use a layer that keeps nothing, such as nn.LayerNorm for BatchNorm.",
    )
    # the first call may fill a cache for later ones, or record its latest values
    first = attributes_of(module)
    with running(subject):
        call()
    names = changed(first, attributes_of(module))
    require(
        not names,
        f"{subject} keeps something in {', '.join(names)} of {kind} from call to call, which no "
        "checkpoint holds, so a resumed run would differ. Make it a state of the cell.",
    )


def _draws(subject: str, what: str, place: str = "") -> str:
    return (
        f"{subject} draws {what}{place}: no checkpoint holds the generator, so a run could be "
        "neither repeated nor resumed exactly. In the step of a PointwiseCell draw by self.uniform "
        "or self.normal, whose numbers hang on where they are used alone."
    )


def _other_generators() -> dict[str, str]:
    """Return the states of generators that are not torch's, as text."""
    states = {"Python's random": repr(random.getstate())}
    if numpy := sys.modules.get("numpy"):
        _, words, *rest = numpy.random.get_state()
        states["numpy.random"] = repr((words.tobytes(), rest))
    return states


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _tensors(result: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
