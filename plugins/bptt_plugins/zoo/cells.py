"""The cells of other libraries, a row each; an entry point names one as `zoo.cells:<name>`."""

from functools import cache
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from bptt.contracts import State
from bptt_plugins.zoo.foreign import CellOfLibrary, Foreign

ONE, TWO = ("h",), ("h", "c")


def _torchrecurrent(name: str, states: tuple[str, ...], *about: Any) -> CellOfLibrary:
    return CellOfLibrary("torchrecurrent.cells", f"{name}Cell", states, *about)


def _after_a_second(cell: Any, x_t: Tensor, state: State) -> State:
    """Advance a cell of continuous time by 1, its unit of time; what it returns second recurs."""
    output, new = cell(x_t, state[-1], 1.0)
    return (output, new)[-len(state) :]


def _fully_wired(cell_class: Any, input_size: int, hidden_size: int) -> nn.Module:
    """Construct an LTC cell in which every unit reads every input and every unit."""
    wiring = import_module("ncps.wirings").FullyConnected(hidden_size)
    made: Any = cell_class(wiring, input_size)
    for name, mask in list(made.named_parameters()):
        if not mask.requires_grad:
            # an update asks for the gradient of every parameter
            delattr(made, name)
            made._params[name] = mask.detach()
    module: nn.Module = made
    return module


CELLS: dict[str, CellOfLibrary] = {
    "antisymmetric": _torchrecurrent("AntisymmetricRNN", ONE, "verified", "Chang et al. 2019"),
    "antisymmetric_gated": _torchrecurrent(
        "GatedAntisymmetricRNN", ONE, "verified", "Chang et al. 2019"
    ),
    "atr": _torchrecurrent("ATR", ONE, "verified", "Zhang et al. 2018"),
    "br": _torchrecurrent("BR", ONE, "verified", "Vecoven, Ernst & Drion 2021"),
    "cfc": CellOfLibrary(
        "ncps.torch", "CfCCell", ONE, "unverified", "Hasani et al. 2022", "", _after_a_second
    ),
    "cfn": _torchrecurrent("CFN", ONE, "verified", "Laurent & von Brecht 2017"),
    "cornn": _torchrecurrent("coRNN", TWO, "verified", "Rusch & Mishra 2021"),
    "dsgu": _torchrecurrent("DSGU", ONE, "unverified", "Gao & Glowacka 2016"),
    "fastgrnn": _torchrecurrent(
        "FastGRNN",
        ONE,
        "deviates",
        "Kusupati et al. 2018",
        "its gate is a tanh, in (-1, 1), where the paper's is a logistic",
    ),
    "fastrnn": _torchrecurrent("FastRNN", ONE, "verified", "Kusupati et al. 2018"),
    "indrnn": _torchrecurrent("IndRNN", ONE, "verified", "Li et al. 2018, with tanh"),
    "janet": _torchrecurrent(
        "JANET",
        TWO,
        "deviates",
        "van der Westhuizen & Lasenby 2018",
        "beta is learnt; as it begins, the two are the same",
    ),
    "lem": _torchrecurrent(
        "LEM",
        TWO,
        "deviates",
        "Rusch et al. 2022",
        "the y of a step reads the z of the step before, not the new one",
    ),
    "lightru": _torchrecurrent("LightRU", ONE, "unverified", "Ye et al. 2024"),
    "ligru": _torchrecurrent(
        "LiGRU",
        ONE,
        "deviates",
        "Ravanelli et al. 2018",
        "no batch normalisation of what the input feeds",
    ),
    "ltc": CellOfLibrary(
        "ncps.torch",
        "LTCCell",
        ("y", "v"),
        "unverified",
        "Hasani et al. 2021, fully connected",
        "",
        _after_a_second,
        _fully_wired,
    ),
    "mgu": _torchrecurrent("MGU", ONE, "verified", "Zhou et al. 2016"),
    "minimalrnn": _torchrecurrent("MinimalRNN", ONE, "verified", "Chen 2017"),
    "miru1": _torchrecurrent("MiRU1", ONE, "unverified", "MiRU, first variant"),
    "miru2": _torchrecurrent("MiRU2", ONE, "unverified", "MiRU, second variant"),
    "multiplicative_lstm": _torchrecurrent(
        "MultiplicativeLSTM", TWO, "verified", "Krause et al. 2016"
    ),
    "mut1": _torchrecurrent(
        "MUT1",
        ONE,
        "deviates",
        "Jozefowicz et al. 2015",
        "the candidate reads a linear map of the input, the paper's the input itself",
    ),
    "mut2": _torchrecurrent(
        "MUT2",
        ONE,
        "deviates",
        "Jozefowicz et al. 2015",
        "the reset gate reads a linear map of the input, the paper's the input itself",
    ),
    "mut3": _torchrecurrent("MUT3", ONE, "verified", "Jozefowicz et al. 2015"),
    "nas": _torchrecurrent(
        "NAS",
        TWO,
        "deviates",
        "Zoph & Le 2017",
        "the fourth leaf adds what input and state feed, where the paper multiplies them",
    ),
    "nbr": _torchrecurrent("NBR", ONE, "verified", "Vecoven, Ernst & Drion 2021"),
    "original_lstm": _torchrecurrent(
        "OriginalLSTM",
        TWO,
        "deviates",
        "Hochreiter & Schmidhuber 1997",
        "tanh twice, where the paper squashes to [-2, 2] and, half as steeply, to [-1, 1]",
    ),
    "peephole_lstm": _torchrecurrent("PeepholeLSTM", TWO, "verified", "Gers et al. 2002"),
    "ran": _torchrecurrent("RAN", TWO, "verified", "Lee, Levy & Zettlemoyer 2017"),
    "reslstm": _torchrecurrent("ResLSTM", TWO, "verified", "Kim, El-Khamy & Lee 2017"),
    "scrn": _torchrecurrent(
        "SCRN",
        TWO,
        "deviates",
        "Mikolov et al. 2015",
        "what recurs is the output, not the hidden layer, and the share of the context is learnt",
    ),
    "sgrn": _torchrecurrent("SGRN", ONE, "unverified", "SGRN"),
    "sgu": _torchrecurrent("SGU", ONE, "unverified", "Gao & Glowacka 2016"),
    "star": _torchrecurrent("STAR", ONE, "verified", "Turkoglu et al. 2021"),
    "trnn": _torchrecurrent("TRNN", ONE, "verified", "Balduzzi & Ghifary 2016"),
    "ugrnn": _torchrecurrent("UGRNN", ONE, "verified", "Collins et al. 2017"),
    "unicornn": _torchrecurrent("UnICORNN", TWO, "verified", "Rusch & Mishra 2021"),
    "wmclstm": _torchrecurrent("WMCLSTM", TWO, "verified", "Landi et al. 2021"),
}


@cache
def __getattr__(name: str) -> type[Foreign]:
    if name not in CELLS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    row = CELLS[name]
    verdict = {
        "verified": "Verified: tested against the paper's equations, to 1e-12 in float64.",
        "unverified": "Unverified: taken as it is, its equations were not tested.",
        "deviates": f"Deviates from the paper, which is tested: {row.difference}.",
    }[row.verdict]
    about = (
        f"{row.name} of {row.library}, with its defaults and initial values. {row.source}.\n\n"
        f"{verdict} It is run by autograd, and no gates are measured."
    )
    return type(row.name, (Foreign,), {"row": row, "states": row.states, "__doc__": about})
