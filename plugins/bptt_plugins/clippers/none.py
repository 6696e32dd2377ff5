"""No clipping; the norms are reported anyway."""

import torch

from bptt.contracts import Clipper, ClipperState, ClipReport, Gradients, joint_norm

ONE, INFINITY = torch.tensor([1.0, torch.inf], dtype=torch.float64)
NO = torch.tensor(False)


class NoClipping(Clipper):
    """Leave every gradient as it is."""

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        return gradients, state, ClipReport(norm, norm, ONE, NO, INFINITY)

    def scale_of_norm(self, norm: float) -> float:
        return 1.0
