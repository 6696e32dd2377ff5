"""The recurrent cell that a search found."""

from torch import Tensor, relu, sigmoid, tanh

from bptt.contracts import PointwiseCell


class NAS(PointwiseCell):
    """A tree of eight combinations of x and h, into which the memory c is added and taken out.

    Zoph & Le 2017 (arXiv 1611.01578), figure 8, as the NASCell of TensorFlow reads it: seven
    leaves are phi(W x + U h + b), the fourth is relu((W x + b) (U h + b')), whose b TensorFlow
    leaves out. The paper has a picture in place of equations; weights are drawn as torch draws
    them.
    """

    states = ("h", "c")
    preactivations = {
        "a": "x+h",
        "b": "x+h",
        "d": "x+h",
        "ex": "x",
        "eh": "h",
        "p": "x+h",
        "q": "x+h",
        "r": "x+h",
        "s": "x+h",
    }

    def step(
        self,
        a: Tensor,
        b: Tensor,
        d: Tensor,
        ex: Tensor,
        eh: Tensor,
        p: Tensor,
        q: Tensor,
        r: Tensor,
        s: Tensor,
        h: Tensor,
        c: Tensor,
    ) -> tuple[Tensor, Tensor]:
        with_memory = tanh(tanh(sigmoid(a) * relu(b)) + c)
        c = with_memory * tanh(sigmoid(d) + relu(ex * eh))
        beside = tanh(tanh(tanh(p) * sigmoid(q)) + sigmoid(tanh(r) + sigmoid(s)))
        return tanh(c * beside), c
