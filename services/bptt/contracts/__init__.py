"""What a plugin must be: the whole extension surface of bptt, and all that a plugin may import."""

from annotated_types import Ge, Gt, Interval, Le, Lt

from bptt.contracts.cell import Cell, GateRole, State
from bptt.contracts.claim import Claim, Verdict
from bptt.contracts.clipper import (
    Clipper,
    ClipperState,
    ClipReport,
    FlatGradients,
    Gradients,
    elementwise,
    joint_norm,
    lie_within,
    rescaled,
    side_by_side,
)
from bptt.contracts.data_file import DataFile
from bptt.contracts.initialisation import gate_bias
from bptt.contracts.losses import KnownLoss
from bptt.contracts.pointwise import PointwiseCell
from bptt.contracts.task import Batch, Extent, Features, StreamTask, Task, Tokens

__all__ = [
    "Batch",
    "Cell",
    "Claim",
    "ClipReport",
    "Clipper",
    "ClipperState",
    "DataFile",
    "Extent",
    "Features",
    "FlatGradients",
    "GateRole",
    "Ge",
    "Gradients",
    "Gt",
    "Interval",
    "KnownLoss",
    "Le",
    "Lt",
    "PointwiseCell",
    "State",
    "StreamTask",
    "Task",
    "Tokens",
    "Verdict",
    "elementwise",
    "gate_bias",
    "joint_norm",
    "lie_within",
    "rescaled",
    "side_by_side",
]
