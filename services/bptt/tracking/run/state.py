"""`Shipped`: what MLflow has acknowledged of a run, stored as `shipped.json` in its folder."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from bptt.errors import BpttError
from bptt.run_folder import RunFolder


@dataclass
class Shipped:
    """How far the shipping of one run has come."""

    target: str
    """URI of the MLflow that acknowledged all this."""
    run_id: str = ""
    """The run it belongs to; files of earlier versions do not say."""
    mlflow_run_id: str = ""
    """Empty: MLflow has no run yet."""
    journal: int = 0
    """Bytes of the journal that are acknowledged."""
    step: int = -1
    """Last step among them."""
    resent_after: int = -1
    """The run once went back behind what was sent: its metrics up to this step are there."""
    layer_keys: list[str] = field(default_factory=list)
    """Metric keys of single layers that were sent; their number is limited."""
    keys_left_out: list[str] = field(default_factory=list)
    """Those beyond that limit; the statistics arrays have them all."""
    lag_curves: list[str] = field(default_factory=list)
    """Curves over the lag that were sent: init, mid, final."""
    heat_maps: int = 0
    """How many of the planned heat maps were sent; each replaces the one before."""
    status: str = ""
    """Last status set in MLflow."""
    complete: bool = False
    """The run has ended and all of it is there, or it was deleted in MLflow."""
    deleted: bool = False
    """It was deleted in MLflow by somebody, and is not sent again."""

    @classmethod
    def read(cls, folder: RunFolder, target: str) -> Self:
        """Return what was shipped to `target`; a run that is complete elsewhere stays so."""
        known = cls.remembered(folder)
        return known if known and (known.target == target or known.complete) else cls(target)

    @classmethod
    def remembered(cls, folder: RunFolder) -> Self | None:
        """Return what was shipped of this run, to any MLflow; None if no intact file says so.

        It is written without syncing it to disk: a crash of the machine may leave it empty or
        torn, and then everything is sent again.
        """
        try:
            content: Any = folder.read("shipped")
        except (ValueError, BpttError):
            return None
        if not isinstance(content, dict):
            return None
        default = cls("")
        for name, value in content.items():
            if name in _NAMES and type(value) is not type(getattr(default, name)):
                return None
        if "target" not in content or content.get("run_id", folder.run_id) != folder.run_id:
            return None
        return cls(**{name: value for name, value in content.items() if name in _NAMES})

    def write(self, folder: RunFolder) -> None:
        """Remember it, atomically; what is forgotten in a crash of the machine is sent again."""
        folder.write("shipped", asdict(self) | {"run_id": folder.run_id}, durable=False)


_NAMES = {one.name for one in fields(Shipped)}


def committed(folder: RunFolder) -> int:
    """Return how much of the journal is final, in bytes.

    What follows the last checkpoint is written again, with other times, if the run crashes.
    """
    # checked first: once there is a result the journal no longer grows
    ended = folder.is_finished
    length = folder.journal.stat().st_size if folder.journal.exists() else 0
    return length if ended else min(length, (folder.read("committed") or {"journal": 0})["journal"])
