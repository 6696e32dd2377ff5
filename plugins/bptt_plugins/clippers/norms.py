"""The joint norm every clipper reports."""

import torch
from torch import Tensor

from bptt.contracts import Gradients


def joint_norm(gradients: Gradients) -> Tensor:
    """Return the 2-norm of all gradients taken as one vector, in float64.

    float32 would return 0 for gradients below 1e-19, whose squares underflow.
    """
    norms = [torch.linalg.vector_norm(g, dtype=torch.float64) for g in gradients.values()]
    return torch.linalg.vector_norm(torch.stack(norms))
