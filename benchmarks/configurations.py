"""One update of configurations at the edges, next to torch's layer with both of its Adams."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cells import head, table_row
from benchmarks.interleaving import Update, against, microseconds, processor_times
from benchmarks.part import Found, Part
from benchmarks.plain_script import LAYERS, updating
from benchmarks.updates import make_run, on_batches
from bptt.training import TrainingRun, prepare_thread

WORDS = {"both": "both directions", "float64": "float64"}


@dataclass(frozen=True)
class Plan:
    rounds: int = 5
    seconds: float = 0.1
    sizes: tuple[str, ...] = (
        *("rnn_32_50_1", "rnn_32_50_32", "rnn_128_50_32", "gru_32_50_32", "gru_256_50_32"),
        *("lstm_64_50_1", "lstm_64_50_32", "lstm_128_50_4", "lstm_128_50_7", "lstm_256_50_4"),
        *("lstm_256_10_32", "lstm_256_50_32", "lstm_512_10_32", "lstm_512_50_4", "lstm_512_50_32"),
        *("lstm_768_50_32", "lstm_1024_20_32", "lstm_1024_50_32", "lstm_1024_8_128"),
        *("lstm_256_50_32_layers2", "lstm_64_50_32_both", "gru_64_50_32_both"),
        *("lstm_64_50_32_float64",),
    )
    """cell_H_T_B, then what else differs from one layer in float32."""


@dataclass(frozen=True)
class Size:
    """One of the sizes."""

    cell: str
    hidden: int
    length: int
    batch: int
    layers: int
    both: bool
    float64: bool

    @classmethod
    def read(cls, text: str) -> "Size":
        """Return what `cell_H_T_B...` says."""
        cell, hidden, length, batch, *rest = text.split("_")
        layers = [int(word.removeprefix("layers")) for word in rest if word.startswith("layers")]
        return cls(
            cell,
            *map(int, (hidden, length, batch)),
            layers=layers[0] if layers else 1,
            both="both" in rest,
            float64="float64" in rest,
        )

    def run(self) -> TrainingRun:
        """Return a run of this size."""
        return make_run(
            self.cell,
            hidden=self.hidden,
            length=self.length,
            layers=self.layers,
            batch=self.batch,
            others=[
                f"model.bidirectional={str(self.both).lower()}",
                f"training.dtype={'float64' if self.float64 else 'float32'}",
            ],
        )

    def script(self, run: TrainingRun, fused: bool) -> Update:
        """Return an update of a plain script with torch's layer, on the batches of a run."""
        torch.manual_seed(0)
        dtype = torch.float64 if self.float64 else torch.float32
        layer = LAYERS[self.cell](2, self.hidden, self.layers, bidirectional=self.both, dtype=dtype)
        read_out = nn.Linear(self.hidden * (1 + self.both), 1, dtype=dtype)
        update = updating(layer, read_out, fused=fused, ends=self.ends)
        return on_batches(run, lambda inputs, targets: update(inputs.to(dtype), targets.to(dtype)))

    def ends(self, states: Tensor) -> Tensor:
        """Return the last states of a layer, each direction's where it has ended."""
        return torch.cat([states[-1, :, : self.hidden], states[0, :, self.hidden :]], -1)


def measure(plan: Plan) -> Found:
    """Measure every size."""
    prepare_thread()
    rows: list[dict[str, Any]] = []
    for text in plan.sizes:
        size = Size.read(text)
        run = size.run()
        run.advance()
        variants: dict[str, Update] = {
            "bptt": run.advance,
            "script": size.script(run, fused=False),
            "fused": size.script(run, fused=True),
        }
        rows.append(
            {
                "size": text,
                "backend": run.model.backend,
                "reason": run.model.backend_reason,
                "seconds": processor_times(variants, plan.rounds, plan.seconds),
            }
        )
    return {"rows": rows}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Configurations\n"
    yield (
        "Processor time of one update at sizes where a library has other limits: wide layers whose "
        "weights do not fit into the second cache, few sequences, layers, directions, float64. "
        "Adding problem, Adam, clipping by global norm, one thread, denormals flushed in both, "
        f"{plan.rounds} alternating blocks of each. How many times longer a script with torch's "
        "own layer takes, with `Adam` and with `Adam(fused=True)`.\n"
    )
    yield head("cell, H, T, B", "backend", "bptt, us", "script / bptt", "fused / bptt", "reason")
    for row in found["rows"]:
        cell, hidden, length, batch, *rest = row["size"].split("_")
        words = [WORDS.get(word, f"{word.removeprefix('layers')} layers") for word in rest]
        seconds = row["seconds"]
        columns = [
            ", ".join([f"{cell} {hidden} {length} {batch}", *words]),
            row["backend"],
            microseconds(seconds["bptt"]),
            *(against(seconds, name, "bptt") for name in ("script", "fused")),
            row["reason"],
        ]
        yield table_row(*columns)


PART = Part("configurations", "performance", Plan(), measure, lines)
