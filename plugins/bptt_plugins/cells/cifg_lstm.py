"""Long short-term memory with coupled gates, and the other variants of the same study."""

from typing import Any, Literal

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell

GATES = {"f": "keep", "i": "write", "o": "read"}
ABSENT = {"cifg": "i", "nig": "i", "nfg": "f", "nog": "o"}
"""The gate that has no weights, by variant."""


class CIFGLSTM(PointwiseCell):
    """`peephole_lstm` but for one thing; in `cifg` i = 1 - f: what is not kept is written.

    The eight variants of Greff, Srivastava, Koutnik, Steunebrink & Schmidhuber 2017 (arXiv
    1503.04069), of its section "Vanilla LSTM". Coupled gates have the weights of f, which may as
    well be those of i with the signs turned, as in TensorFlow's CoupledInputForgetGateLSTMCell. The
    paper draws all weights from N(0, 0.1^2); here vectors are drawn from U(+-0.1), all else as
    torch draws it. The gates that `fgr` reads at the first step are 0.

    Args:
        variant: `cifg` couples the input gate and the forget gate; `nig`, `nfg`, `nog`: no input,
            forget or output gate, which is 1; `niaf`, `noaf`: no tanh of the input, of the output;
            `np`: no peepholes; `fgr`: each gate reads all three gates of the last step, too.
    """

    states = ("h", "c")
    preactivations = {"f": "x+h", "o": "x+h", "g": "x+h"}
    gates = {"f": "keep", "i": "write", "o": "read"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        variant: Literal["cifg", "nig", "nfg", "nog", "niaf", "noaf", "np", "fgr"] = "cifg",
        **framework: Any,
    ) -> None:
        self.variant = variant
        self.own_gates = tuple(gate for gate in GATES if gate != ABSENT.get(variant))
        acting = GATES if variant == "cifg" else self.own_gates
        self.declare(
            preactivations=dict.fromkeys((*self.own_gates, "g"), "x+h"),
            gates={gate: GATES[gate] for gate in acting},
        )
        if variant != "np":
            self.declare(vectors={f"p_{gate}": (-0.1, 0.1) for gate in self.own_gates})
        if variant == "fgr":
            blocks = tuple(f"{read}_to_{gate}" for gate in GATES for read in GATES)
            last = tuple(f"last_{gate}" for gate in GATES)
            self.declare(states=("h", "c", *last), products=blocks)
        super().__init__(input_size, hidden_size, **framework)

    def step(self, g: Tensor, h: Tensor, c: Tensor, **named: Tensor) -> tuple[Tensor, ...]:
        f = self._opened("f", c, named)
        i = self.gate("i", 1 - f) if self.variant == "cifg" else self._opened("i", c, named)
        c = f * c + i * (g if self.variant == "niaf" else tanh(g))
        o = self._opened("o", c, named)
        h = o * (c if self.variant == "noaf" else tanh(c))
        return (h, c, f, i, o) if self.variant == "fgr" else (h, c)

    def _opened(self, gate: str, memory: Tensor, named: dict[str, Tensor]) -> Any:
        """Return how far a gate is open, (..., hidden), or 1 for one that this variant lacks."""
        if gate not in self.own_gates:
            return 1.0
        opened = named[gate]
        if self.variant != "np":
            opened = opened + named[f"p_{gate}"] * memory
        if self.variant == "fgr":
            for read in GATES:
                opened = opened + self.product(f"{read}_to_{gate}", named[f"last_{read}"])
        return self.gate(gate, sigmoid(opened))
