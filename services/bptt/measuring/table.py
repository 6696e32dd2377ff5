"""Every statistic once: what it is called, what it holds, and who takes it.

A new one is a function in a file of this package and an entry of `STATISTICS`. The probe takes it,
`bptt show` prints it and the documentation describes it from here.
"""

from bptt.measuring.logged import HYPERPARAMETER, OF_THE_RUN, OF_UPDATES
from bptt.measuring.rows import END, JACOBIAN_PROBES, PROBES, START, Array, Scalar, Statistic

THROUGH_TIME, RECURRENCE, GATES = "through time", "recurrence", "gates"
"""Lines of `bptt show`."""

FLOW = Array(
    "flow/<layer>/<direction>/<state>",
    "(time,)",
    "‖∂L/∂s_t‖ at position t: the total gradient, through everything computed from the state, "
    "over batch and features",
)
SUBNORMAL = Scalar(
    "grad/subnormal",
    "states s_t whose ∂L/∂s_t on the probe batch is too small for float32, so that training "
    "flushes it to zero",
    PROBES,
    "states",
)
LAYER_GRAD_NORM = Scalar(
    "layer/<layer>_grad_norm",
    "norm of the gradient with respect to one layer's parameters, on the probe batch",
    PROBES,
)
LAYER_WEIGHT_NORM = Scalar("layer/<layer>_weight_norm", "norm of one layer's parameters", PROBES)

ANCHORS = Array("anchors", "(anchors,)", "the positions t whose loss L_t is traced back")
LAG = Array(
    "lag/<layer>/<direction>/<state>",
    "(anchors, time)",
    "‖∂L_t/∂s_{t-k}‖ at lag k; NaN where there is no such position. The past of a "
    "`backward` cell lies at later positions, so there it is s_{t+k}",
)
SLOPE = Scalar(
    "flow/slope",
    "log10 of ‖∂L_t/∂s_{t-k}‖ (s: all states of the forward cells of all layers together) per step "
    "of lag k, least squares from lag 1 on, one slope for all anchors t and a level of its own for "
    "each; negative where the gradient vanishes",
    PROBES,
    "log10 per step",
    line=THROUGH_TIME,
    words="slope",
)
SLOPE_LOWEST = Scalar(
    "flow/slope_lowest",
    "the lowest slope of a single anchor; only where there are several",
    PROBES,
    "log10 per step",
)
SLOPE_HIGHEST = Scalar(
    "flow/slope_highest",
    "the highest slope of a single anchor; only where there are several",
    PROBES,
    "log10 per step",
)
SLOPE_BACKWARD = Scalar(
    "flow/slope_backward",
    "the slope of the backward cells of all layers together (`model.bidirectional`), whose past "
    "lies at later positions",
    PROBES,
    "log10 per step",
    line=THROUGH_TIME,
    words="slope backward",
)
LAYER_SLOPE = Scalar(
    "layer/<layer>_slope",
    "the slope of one layer's cell alone, `<n>` forward and `<n>_backward`; only where the model "
    "has several cells",
    PROBES,
    "log10 per step",
)
HALF_LIFE = Scalar(
    "flow/half_life",
    "steps of lag over which it halves, from the slope",
    PROBES,
    "steps",
    line=THROUGH_TIME,
    words="half-life",
)
HORIZON = Scalar(
    "flow/horizon",
    "first lag at which less than a tenth of what arrives at lag 0 is left, on the chained curve",
    PROBES,
    "steps",
    line=THROUGH_TIME,
    words="horizon",
)
RATIO = Scalar(
    "flow/ratio",
    "log10 of what arrives at the largest lag over lag 0, on the chained curve",
    PROBES,
    "log10",
    line=THROUGH_TIME,
    words="log10 oldest/newest",
)
REACH = Scalar(
    "flow/reach",
    "log10 of what arrives at the bottom layer at the largest lag over the top layer at lag 0: "
    "from the loss to the far end of the network; `flow/ratio` where there is one layer",
    PROBES,
    "log10",
)

INPUT_FLOW = Array(
    "input_flow",
    "(time,)",
    "‖∂L/∂x_t‖ at position t: the total gradient with respect to what the first layer reads, the "
    "input or its embedding, over batch and features",
)
INPUT_RATIO = Scalar(
    "flow/input_ratio",
    "log10 of ‖∂L/∂x_t‖ at the first position over the last",
    PROBES,
    "log10",
    line=THROUGH_TIME,
    words="log10 first/last input",
)

SPECTRUM = Array(
    "spectrum/<layer>/<direction>/<block>",
    "(3,)",
    "spectral radius, largest singular value and orthogonality error ‖UᵀU - 1‖ of a recurrent "
    "block",
)
SPECTRAL_RADIUS = Scalar(
    "recurrent/spectral_radius",
    "largest spectral radius among the recurrent blocks of all cells; no `recurrent/...` "
    "if no cell has such blocks (`mingru`, `minlstm`, `lru`)",
    PROBES,
    "per step",
    line=RECURRENCE,
    words="spectral radius",
)
SINGULAR_MAX = Scalar(
    "recurrent/singular_max",
    "largest singular value among them: the most one step can stretch",
    PROBES,
    "per step",
    line=RECURRENCE,
    words="largest singular value",
)
ORTHOGONALITY_ERROR = Scalar(
    "recurrent/orthogonality_error",
    "largest ‖UᵀU - 1‖ among them: 0 if every step preserves lengths",
    PROBES,
)

LYAPUNOV = Array(
    "lyapunov/<layer>/<direction>",
    "(exponents,)",
    "leading Lyapunov exponents, natural log per step, of one sequence, from its end "
    "backwards; the last tenth of the steps is left out while the frame aligns. The frame"
    " starts the same at each probe; in a sequence of some 40 steps a different start "
    "changes them by a few hundredths. -infinity for a direction that a step wipes out up"
    " to rounding, as a dead relu does",
)
LYAPUNOV_SUM = Array("lyapunov_sum/<layer>/<direction>", "(1,)", "sum of all Lyapunov exponents")
JACOBIAN_LAGS = Array("jacobian_lags/<layer>/<direction>", "(lags,)", "the lags k of the next row")
JACOBIAN = Array(
    "jacobian/<layer>/<direction>",
    "(lags, 3)",
    "log10 of the largest, median and smallest singular value of J_T J_{T-1} … J_{T-k+1} of one "
    "sequence",
)
LARGEST_EXPONENT = Scalar(
    "lyapunov/le1",
    "largest Lyapunov exponent, natural log per step; below 0 gradients vanish, above 0 they "
    "explode",
    JACOBIAN_PROBES,
    "nats per step",
    line=RECURRENCE,
    words="largest Lyapunov exponent",
)
SUM_OF_EXPONENTS = Scalar(
    "lyapunov/sum",
    "sum of all of them: the mean log-determinant of the step Jacobians; -infinity, hence"
    " no point, if a state is never read again (`lru`)",
    JACOBIAN_PROBES,
    "nats per step",
    line=RECURRENCE,
    words="sum of all exponents",
)

GATE = Array("gate/<layer>/<direction>/<gate>", "(3,)", "mean, share below 0.1, share above 0.9")
GATE_MEAN = Scalar(
    "gate/<gate>_mean",
    "mean value of a gate on the probe batch",
    PROBES,
    line=GATES,
    words="<gate> mean",
)
GATE_SATURATED = Scalar(
    "gate/<gate>_saturated",
    "share of its values below 0.1 or above 0.9",
    PROBES,
    line=GATES,
    words="saturated",
)
KEEP_MEAN = Scalar(
    GATE_MEAN.named("keep"),
    "mean share of the old state that is kept: of the gate with role `keep`, else 1 minus the one "
    "that writes",
    PROBES,
)
KEEP_TIMESCALE = Scalar(
    "gate/keep_timescale",
    "-1 / ln of that: steps over which a gradient along the kept state falls to 1/e",
    PROBES,
    "steps",
)

STATISTICS = (
    Statistic("bptt.measuring.flow:flow", (FLOW,), (SUBNORMAL,)),
    Statistic("bptt.measuring.layers:layer_norms", (), (LAYER_GRAD_NORM, LAYER_WEIGHT_NORM)),
    Statistic(
        "bptt.measuring.lag:lag",
        (ANCHORS, LAG),
        (
            *(SLOPE, SLOPE_LOWEST, SLOPE_HIGHEST, SLOPE_BACKWARD, HALF_LIFE, HORIZON, RATIO),
            *(REACH, LAYER_SLOPE),
        ),
    ),
    Statistic("bptt.measuring.input_flow:input_flow", (INPUT_FLOW,), (INPUT_RATIO,)),
    Statistic(
        "bptt.measuring.spectrum:spectrum",
        (SPECTRUM,),
        (SPECTRAL_RADIUS, SINGULAR_MAX, ORTHOGONALITY_ERROR),
    ),
    Statistic(
        "bptt.measuring.growth:growth",
        (LYAPUNOV, LYAPUNOV_SUM, JACOBIAN_LAGS, JACOBIAN),
        (LARGEST_EXPONENT, SUM_OF_EXPONENTS),
        JACOBIAN_PROBES,
    ),
    Statistic(
        "bptt.measuring.gates:gates",
        (GATE,),
        (GATE_MEAN, GATE_SATURATED, KEEP_MEAN, KEEP_TIMESCALE),
    ),
)
"""Taken at a probe, in this order."""

TRAIN_FLOW = Array(
    "train_flow/<layer>/<direction>/<state>",
    "(2, time)",
    "mean and largest ‖∂L/∂s_t‖ over all updates since the last probe, on the training "
    "batches, in the order in which the cell reads (of one window, where windows "
    "overlap); none before the first update",
)
TRAIN_RATIO = Scalar(
    "flow/train_ratio",
    "log10 of ‖∂L/∂s_t‖ at the first step over the last, both averaged over every update "
    "since the last probe, on the training batches",
    PROBES,
    "log10",
)
MOMENTS = ("init", "mid", "final")
LAG_CURVE = Scalar(
    "flow_lag/<moment>",
    "the chained curve, log10 ‖∂L_t/∂s_{t-k}‖ of all layers, before the first update (`init`), in "
    "the middle of the run (`mid`) and at its end (`final`), one point per lag, at most 80 (MLflow "
    "only)",
    f"{START}, {END}",
    "log10",
)

MLFLOW_ONLY = (LAG_CURVE, HYPERPARAMETER)
"""In no journal."""

ARRAYS = (*(array for taken in STATISTICS for array in taken.arrays), TRAIN_FLOW)
SCALARS = (
    *OF_UPDATES,
    *(scalar for taken in STATISTICS for scalar in taken.scalars),
    *(TRAIN_RATIO, LAG_CURVE),
    *OF_THE_RUN,
)
"""Everything that has a key in the journal or in MLflow."""


def scalar_of(key: str) -> Scalar | None:
    """Return what a key of the journal is; None for what no run measures."""
    whole = (scalar for scalar in SCALARS if scalar.key == key)
    return next(whole, next((scalar for scalar in SCALARS if scalar.fits(key)), None))
