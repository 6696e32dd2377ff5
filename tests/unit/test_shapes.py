"""Axes are written in annotations, and every test checks them at each call."""

import ast
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

import bptt
from bptt.contracts.losses import class_losses
from bptt.measuring.gates import gate_statistics
from bptt.measuring.lyapunov import lyapunov_sum
from bptt.measuring.product import product_spectrum
from bptt.measuring.spectrum import block_spectra
from bptt.norms import update_ratio

SOURCES = Path(bptt.__file__).parent
FILES = sorted(
    file
    for place in ("measuring", "kernels", "contracts", "norms.py")
    for file in ([SOURCES / place] if place.endswith(".py") else (SOURCES / place).rglob("*.py"))
)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: gate_statistics([0.5, 0.5]),
        lambda: lyapunov_sum(torch.ones(5, 2, 3)),
        lambda: product_spectrum(torch.ones(4, 2, 2), None, torch.ones(4, 3, 3).double()),
        lambda: block_spectra([torch.ones(2, 3)]),
        lambda: update_ratio(torch.ones(3), torch.ones(4)),
        lambda: class_losses(torch.ones(3, 2, dtype=torch.int64), torch.zeros(3)),
    ],
)
def test_wrong_axes_or_numbers_are_refused_while_tests_run(wrong):
    with pytest.raises(TypeCheckError):
        wrong()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_public_function_says_the_axes_of_its_tensors(file):
    bare = [
        f"{function.name}, line {function.lineno}"
        for function in _public_functions(ast.parse(file.read_text()))
        if any(_has_bare_tensor(types) for types in _annotations(function))
    ]
    assert not bare, bare


def _public_functions(tree):
    """Yield functions and methods without an underscore; autograd calls those of its nodes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if "torch.autograd.Function" not in map(ast.unparse, node.bases):
                yield from _public_functions(node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def _annotations(function):
    places = function.args
    arguments = [*places.posonlyargs, *places.args, *places.kwonlyargs]
    given = [one for one in (*arguments, places.vararg, places.kwarg) if one is not None]
    return [types for types in (*(one.annotation for one in given), function.returns) if types]


def _has_bare_tensor(types):
    """Say whether `Tensor` occurs without axes, which stand beside it as in Float[Tensor, "a"]."""
    with_axes = {
        id(node.slice.elts[0])
        for node in ast.walk(types)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Tuple)
        and len(node.slice.elts) == 2
        and isinstance(node.slice.elts[1], ast.Constant)
    }
    return any(
        isinstance(node, ast.Name) and node.id == "Tensor" and id(node) not in with_axes
        for node in ast.walk(types)
    )
