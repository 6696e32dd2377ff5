"""Statistics of gradients through time: pure functions, tensors in, tensors or numbers out.

Everything accumulates in float64, and NaN or infinity comes out where it goes in, never an
exception. What a float32 network lost before (below 1.2e-38, or 1e-7 of a sum) stays lost: where
the far past matters, compute the graph on a float64 copy of the weights.
"""

from bptt.measuring.decay import Decay, fit_decay
from bptt.measuring.gates import gate_statistics, keep_timescale, keep_value
from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.lag import mean_lag_curve
from bptt.measuring.lyapunov import backward_exponents, backward_sum, lyapunov_sum
from bptt.measuring.product import backward_triangles, product_spectrum
from bptt.measuring.spectrum import (
    block_spectra,
    largest_singular_value,
    orthogonality_error,
    spectral_radius,
)
from bptt.norms import (
    ElementCounts,
    count_elements,
    effective_learning_rate,
    frobenius_norm,
    group_norms,
    update_ratio,
)

__all__ = [
    "Decay",
    "ElementCounts",
    "backward_exponents",
    "backward_sum",
    "backward_triangles",
    "block_spectra",
    "count_elements",
    "effective_learning_rate",
    "fit_decay",
    "frobenius_norm",
    "gate_statistics",
    "group_norms",
    "keep_timescale",
    "keep_value",
    "largest_singular_value",
    "lyapunov_sum",
    "mean_lag_curve",
    "orthogonality_error",
    "product_spectrum",
    "spectral_radius",
    "step_jacobians",
    "update_ratio",
]
