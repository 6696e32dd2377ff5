"""The spectrum of one recurrent block: what it does to a state on its own."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from bptt.measuring.probed import Probed, Taken
from bptt.measuring.table import ORTHOGONALITY_ERROR, SINGULAR_MAX, SPECTRAL_RADIUS, SPECTRUM


def spectrum(probed: Probed) -> Taken:
    """Return spectral radius, largest singular value and orthogonality error of each block, (3,).

    As scalars the largest of each among all blocks.
    """
    arrays: dict[str, Tensor] = {}
    for cell in probed.cells:
        if blocks := cell.cell.recurrent_weights:
            rows = block_spectra(list(blocks.values()))
            arrays |= {
                cell.key(SPECTRUM, name): row for name, row in zip(blocks, rows, strict=True)
            }
    if not arrays:
        return {}, {}
    largest = torch.stack(list(arrays.values())).amax(0).tolist()
    scalars = (SPECTRAL_RADIUS, SINGULAR_MAX, ORTHOGONALITY_ERROR)
    return {row.key: value for row, value in zip(scalars, largest, strict=True)}, arrays


def spectral_radius(block: Float[Tensor, "hidden hidden"]) -> float:
    """Return the largest magnitude of an eigenvalue of `block` (hidden, hidden).

    It is the growth per step of a linear network in the long run. NaN if an element is not finite.
    """
    return _of_finite(block, lambda b: torch.linalg.eigvals(b).abs().amax())


def largest_singular_value(block: Float[Tensor, "hidden hidden"]) -> float:
    """Return the 2-norm of `block`: the most that one step can stretch a state.

    NaN if an element is not finite.
    """
    return _of_finite(block, lambda b: torch.linalg.svdvals(b).amax())


def orthogonality_error(block: Float[Tensor, "hidden hidden"]) -> float:
    """Return the Frobenius norm of U^T U - 1: 0 if `block` U preserves all lengths.

    NaN if an element is not finite.
    """
    return _of_finite(block, lambda b: torch.linalg.matrix_norm(b.mT @ b - _one(b)))


def block_spectra(
    blocks: Sequence[Float[Tensor, "hidden hidden"]],
) -> Float64[Tensor, "blocks 3"]:
    """Return all three of several blocks of one size, (blocks, 3) float64, in one go.

    In this order: spectral radius, largest singular value, orthogonality error.
    """
    together = torch.stack([block.detach() for block in blocks]).double()
    if together.sum().isfinite():
        try:
            radii = torch.linalg.eigvals(together).abs().amax(1)
            # the eigenvalues of U^T U - 1 are those values squared, less 1
            stretches = torch.linalg.svdvals(together)
            errors = torch.linalg.vector_norm(stretches.square() - 1, dim=1)
            return torch.stack([radii, stretches.amax(1), errors], dim=1)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # one did not converge
            pass
    measures = (spectral_radius, largest_singular_value, orthogonality_error)
    return torch.tensor([[measure(b) for measure in measures] for b in blocks]).double()


def _one(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1], dtype=like.dtype)


def _of_finite(block: Tensor, measure: Callable[[Tensor], Tensor]) -> float:
    block = block.detach().double()
    # LAPACK raises, or writes to the terminal, when it meets NaN or infinity
    if not block.isfinite().all():
        return torch.nan
    try:
        return float(measure(block))
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # it did not converge
        return torch.nan
