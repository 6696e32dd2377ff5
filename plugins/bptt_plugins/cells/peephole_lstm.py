"""Long short-term memory whose gates see the memory."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class PeepholeLSTM(PointwiseCell):
    """An LSTM with i and f reading c of the last step, o the new one, each through a vector p.

    Gers, Schraudolph & Schmidhuber 2002 (JMLR 3, pages 115-143), section 3, in the form of Graves
    2013 (arXiv 1308.0850), equations 7-11: g and the output are squashed by tanh. The vectors are
    drawn from U(+-0.1), so that the cell begins close to `lstm`. Gates are measured with what they
    read of the memory.
    """

    states = ("h", "c")
    preactivations = {"i": "x+h", "f": "x+h", "o": "x+h", "g": "x+h"}
    vectors = {"p_i": (-0.1, 0.1), "p_f": (-0.1, 0.1), "p_o": (-0.1, 0.1)}
    gates = {"f": "keep", "i": "write", "o": "read"}

    def step(
        self,
        i: Tensor,
        f: Tensor,
        o: Tensor,
        g: Tensor,
        h: Tensor,
        c: Tensor,
        p_i: Tensor,
        p_f: Tensor,
        p_o: Tensor,
    ) -> tuple[Tensor, Tensor]:
        i = self.gate("i", sigmoid(i + p_i * c))
        f = self.gate("f", sigmoid(f + p_f * c))
        c = f * c + i * tanh(g)
        return self.gate("o", sigmoid(o + p_o * c)) * tanh(c), c
