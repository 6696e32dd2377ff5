"""No clipping; the norms are reported all the same."""

import torch

from bptt.contracts import Clipper, ClipperState, ClipReport, Gradients, joint_norm


class NoClipping(Clipper):
    """Leave every gradient as it is."""

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        one = torch.ones_like(norm)
        report = ClipReport(norm, norm, one, norm < 0, one * torch.inf)
        return gradients, state, report
