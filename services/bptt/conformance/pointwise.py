"""What else a `PointwiseCell` must do: its declarations fit its step, and its step is pointwise."""

import inspect
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor

from bptt.conformance.effect import check_decisions, without_effects
from bptt.conformance.requirement import got, require, require_tensor, running, same
from bptt.contracts import PointwiseCell
from bptt.contracts.mapped import Source
from bptt.contracts.stand_in import stand_in

LEADING = (2, 3)
"""Axes before the hidden one: the framework calls a step on a single step or a whole sequence."""


def check_declarations(cell_class: type[PointwiseCell]) -> None:
    """Check that `step` takes exactly the arguments that the class declares, by name."""
    name = cell_class.__name__
    sources = get_args(Source)
    for preactivation, source in cell_class.preactivations.items():
        require(
            source in sources,
            f"{name}.preactivations[{preactivation!r}] must be one of "
            f"{', '.join(sources)}, got {source!r}.",
        )
    vectors: object = cell_class.vectors
    require(
        isinstance(vectors, Mapping) and all(map(_are_bounds, vectors.values())),
        f"{name}.vectors must map each name to the bounds of its uniform initialisation, as in "
        f'{{"p": (-0.1, 0.1)}}, got {vectors!r}.',
    )
    declared = [*cell_class.preactivations, *cell_class.states, *cell_class.vectors]
    twice = sorted({argument for argument in declared if declared.count(argument) > 1})
    require(
        not twice,
        f"{name} declares {', '.join(twice)} more than once among preactivations, states "
        "and vectors.",
    )
    _, *parameters = inspect.signature(cell_class.step).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    taken = [parameter.name for parameter in parameters]
    require(
        set(taken) == set(declared),
        f"{name}.step must take exactly what is declared, {', '.join(declared)}; "
        f"it takes {', '.join(taken)}.",
    )


def _are_bounds(bounds: object) -> bool:
    return (
        isinstance(bounds, tuple | list)
        and len(bounds) == 2
        and all(isinstance(bound, int | float) and math.isfinite(bound) for bound in bounds)
        and bounds[0] <= bounds[1]
    )


def check_step(cell: PointwiseCell, hidden_size: int) -> None:
    """Check that element i of every result of `step` depends on element i of its arguments.

    Products, means and sums, which mix the units, are replaced by a factor each.
    """
    name, shape = type(cell).__name__, (*LEADING, hidden_size)
    generator = torch.Generator().manual_seed(5)

    def draw(*axes: int) -> Tensor:
        return torch.randn(*axes, generator=generator, dtype=torch.float64)

    wide = {argument: draw(*shape) for argument in (*cell.preactivations, *cell.states)}
    vectors = {vector: draw(hidden_size) for vector in cell.vectors}
    arguments = wide | vectors
    used: set[str] = set()
    unmixed = _unmixed(cell, used)
    for dtype in (torch.float32, torch.float64):
        typed = {argument: value.to(dtype, copy=True) for argument, value in arguments.items()}
        results = _step(unmixed, typed)
        for state, value in zip(cell.states, results, strict=True):
            require_tensor(value, f"{state!r} of {name}.step", shape, dtype)
    unused = [product for product in cell.products if product not in used]
    require(
        not unused,
        f"{name}.step never uses the product {', '.join(map(repr, unused))}, which is declared: "
        "call self.product, or leave it out of `products`.",
    )
    for training in (True, False):
        cell.train(training)
        for graph in (False, True):
            with torch.set_grad_enabled(graph):
                # not leaves, because autograd itself forbids writing into those
                given = {a: v.clone().requires_grad_(graph) * 1.0 for a, v in arguments.items()}
                cell.draws.begin(given[cell.states[0]])
                step = partial(cell.step, **given)
                without_effects(f"{name}.step", step, given, cell)
                check_decisions(f"{name}.step", step, given)
    cell.train()
    for i in range(hidden_size):
        element = torch.zeros(shape, dtype=torch.bool)
        element[0, 1, i] = True
        column = torch.arange(hidden_size) == i
        changed = {a: torch.where(element, draw(*shape), value) for a, value in wide.items()}
        others = _elsewhere(_step(unmixed, changed | vectors), element)
        require(same(others, _elsewhere(results, element)), _not_pointwise(name))
        changed = {v: torch.where(column, draw(hidden_size), value) for v, value in vectors.items()}
        others = _elsewhere(_step(unmixed, wide | changed), column.expand(shape))
        require(same(others, _elsewhere(results, column.expand(shape))), _not_pointwise(name))


def check_products(cell: PointwiseCell) -> None:
    """Check that every recurrent block has a name of its own."""
    name = type(cell).__name__
    products: object = cell.products
    require(
        isinstance(products, tuple)
        and len(set(products)) == len(products)
        and all(isinstance(product, str) and product.isidentifier() for product in products),
        f"{name}.products must be a tuple of different names such as ('n',), got {products!r}.",
    )
    twice = [product for product in cell.products if product in cell.state_fed]
    require(
        not twice,
        f"{name} has two recurrent blocks named {', '.join(map(repr, twice))}: the state feeds a "
        "preactivation of this name; call the product something else.",
    )


def _unmixed(cell: PointwiseCell, used: set[str]) -> PointwiseCell:
    """Return the cell with a factor for what mixes units, and note which products are used."""

    def product(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
        if name not in cell.products:
            # says so
            PointwiseCell.product(cell, name, value)
        used.add(name)
        return value * (1.25 + cell.products.index(name))

    def over_units(cell: PointwiseCell, value: Tensor) -> Tensor:
        return value * 0.75

    return stand_in(cell, product=product, mean=over_units, sum=over_units)


def _step(cell: PointwiseCell, arguments: dict[str, Tensor]) -> tuple[Tensor, ...]:
    cell.draws.begin(arguments[cell.states[0]])
    with running(f"{type(cell).__name__}.step"), torch.no_grad():
        results: Any = cell.step(**arguments)
    states = cell.states
    if len(states) == 1 and isinstance(results, Tensor):
        return (results,)
    require(
        isinstance(results, tuple | list) and len(results) == len(states),
        f"{type(cell).__name__}.step must return "
        + ("one tensor" if len(states) == 1 else f"one tensor for each of {states}")
        + f", got {got(results)}.",
    )
    return tuple(results)


def _elsewhere(results: tuple[Tensor, ...], place: Tensor) -> list[Tensor]:
    return [result[~place] for result in results]


def _not_pointwise(name: str) -> str:
    return (
        f"{name}.step must be pointwise: an element of its result changes with another element "
        "of an argument. Multiply with a matrix by self.product, take means over units by "
        "self.mean, or derive from Cell."
    )
