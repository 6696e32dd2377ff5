"""What is made of a run's statistics arrays: lag curves, artifacts and pictures."""

import io
import platform
import uuid
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from bptt.durable import link, replace
from bptt.measuring.flow_history import FlowHistory, read_flow
from bptt.measuring.other_options import other_options
from bptt.measuring.stored import LAG_ARRAYS, StoredProbe, load_probes, packed
from bptt.measuring.table import LAG_CURVE, MOMENTS
from bptt.records.documents import RunDocument
from bptt.run_folder import RunFolder
from bptt.tracking.run.description import milliseconds
from bptt.tracking.run.rows import MetricValue, rounded

LAGS_AT_MOST = 80
"""Points of a lag curve: storing one takes as long as three updates of a small network."""
HEAT_MAP_AFTER = (0.0, 0.25, 0.5, 0.75)
"""Fractions of the planned training after which the heat map is redrawn; once more at the end."""
HEAT_MAPS = len(HEAT_MAP_AFTER) + 1


class Pictures:
    """Everything that is made of the probes committed so far.

    Args:
        folder: folder of the run.
        run: content of its `run.json`.
        end: committed length of the journal.
        ended: whether the run has ended.
    """

    def __init__(self, folder: RunFolder, run: RunDocument, end: int, ended: bool) -> None:
        self._folder = folder
        self._run = run
        self._end = end
        self.ended = ended
        self._steps: int = run.spec["training"]["steps"]
        self._truncation: int | None = run.spec["training"]["truncation"]

    @cached_property
    def _times(self) -> dict[int, int]:
        """When the probes in the committed part of the journal were taken, by their step."""
        records = (record for _, record in self._folder.records(0, self._end))
        return {record["step"]: record["time"] for record in records if "probe" in record}

    @cached_property
    def flow(self) -> FlowHistory | None:
        """What these probes measured."""
        every = self._run.spec["training"].get("truncation_every")
        return read_flow(self._probes(LAG_ARRAYS), every)

    def _probes(self, beginnings: tuple[str, ...] = ("",)) -> list[StoredProbe]:
        found = load_probes(self._folder, beginnings) if self._times else []
        return [probe for probe in found if probe.step in self._times]

    def lag_curves(self, sent: Collection[str]) -> Iterator[tuple[str, list[MetricValue]]]:
        """Yield the curves not sent yet: log10 of the norm as a metric whose step is the lag."""
        wanted = MOMENTS if self.ended else MOMENTS[:1]
        if set(wanted) <= set(sent) or self.flow is None:
            return
        from bptt.figures.curves import moments

        rows = {"final": 0, **moments(self.flow)}
        for name in wanted:
            if name in sent or name not in rows:
                continue
            curve = self.flow.log10()[rows[name]]
            time = self._times[int(self.flow.steps[rows[name]])]
            yield (
                name,
                [
                    MetricValue(LAG_CURVE.named(name), rounded(curve[lag]), time, int(lag))
                    for lag in _thinned(len(curve))
                    if np.isfinite(curve[lag])
                ],
            )

    def heat_maps_due(self) -> int:
        """Return how many of the planned heat maps a run as far as this one has had."""
        last = max(self._times, default=-1)
        due = sum(last >= part * self._steps for part in HEAT_MAP_AFTER)
        return HEAT_MAPS if self.ended else due

    def write_heat_map(self, folder: Path) -> bool:
        """Write what MLflow's `log_image` would; return whether there is anything to draw.

        At step 0 and under a name that never changes: the picture has the training steps on an axis
        of its own, and only at step 0 do MLflow's pages show it without a click, for runs of any
        length side by side. They show a small copy first, which here is the picture itself.
        """
        if self.flow is None:
            return False
        from bptt.figures import frames

        time = milliseconds(self._run.created_at)
        unique = uuid.uuid5(uuid.NAMESPACE_OID, self._folder.run_id)
        png = folder / f"flow~heatmap+step+0+timestamp+{time}+{unique}.png"
        frames.save_tile(
            png, self.flow, title=self._run.name, steps=self._steps, truncation=self._truncation
        )
        link(png, png.with_name(f"{png.stem}+compressed.webp"))
        return True

    def draw(self, folder: Path) -> list[Path]:
        """Draw everything there is of the run so far into a folder; return the files."""
        drawn = [*self._draw_by_option(folder / "test_by_option.png")]
        if self.flow is None:
            return drawn
        from bptt.figures import frames

        title, cut = self._run.name, self._truncation
        heat_map, curves = folder / "gradient_heat_map.png", folder / "gradient_curves.png"
        frames.save_heat_map(heat_map, self.flow, title=title, steps=self._steps, truncation=cut)
        frames.save_curves(curves, self.flow, title=title, truncation=cut)
        return [*drawn, heat_map, curves, *self._draw_over_time(self.flow, folder)]

    def write_artifacts(self) -> None:
        """Complete the artifacts of an ended run: its spec, versions and arrays."""
        artifacts = self._folder.artifacts
        artifacts.mkdir(exist_ok=True)
        if not (artifacts / "config.yaml").exists():
            text = io.BytesIO()
            YAML().dump(self._run.spec, text)
            replace(artifacts / "config.yaml", text.getvalue(), durable=False)
        if not (artifacts / "env.txt").exists():
            replace(artifacts / "env.txt", _environment(self._run).encode(), durable=False)
        # one that has its result has them, unless an earlier version trained it
        if not self._folder.flow.exists() and (probes := self._probes()):
            # not its parents: a folder that was deleted meanwhile stays deleted
            self._folder.flow.parent.mkdir(exist_ok=True)
            replace(self._folder.flow, packed(probes), durable=False)

    def _draw_over_time(self, flow: FlowHistory, folder: Path) -> Iterator[Path]:
        """Draw what reaches states and inputs along the sequence, and layer by layer."""
        from bptt.figures import frames, over_time, style
        from bptt.figures.curves import moments

        measured = {probe.step: probe.arrays for probe in self._probes(over_time.FLOW_ARRAYS)}
        at = {name: int(flow.steps[row]) for name, row in moments(flow).items()}
        found = over_time.read_total(
            (name, step, measured[step]) for name, step in at.items() if step in measured
        )
        if not found:
            return
        title = self._run.name
        along, by_layer = folder / "gradient_over_time.png", folder / "gradient_by_layer.png"
        frames.save_over_time(along, found, title=title)
        yield along
        if len(found[0].cells) > 1:
            yield style.save(over_time.draw_layers(found, title=title), by_layer)

    def _draw_by_option(self, path: Path) -> Iterator[Path]:
        """Draw what was measured with other options of the task, if one of them is a number."""
        result = self._folder.read_result() if self._run.spec.get("evaluation") else None
        if result is None:
            return
        from bptt.figures import style
        from bptt.figures.by_option import draw_by_option, varied_option

        measured = other_options(self._run.spec, result.metrics, result.metric)
        if varied_option(measured):
            figure = draw_by_option(
                measured,
                title=self._run.name,
                metric=result.metric,
                task=self._run.spec["task"]["options"],
                baseline=result.baseline,
            )
            yield style.save(figure, path)


def _thinned(lags: int) -> list[int]:
    """Return lags of 0 .. lags - 1, evenly, with the first and the last."""
    return [int(lag) for lag in np.unique(np.linspace(0, lags - 1, LAGS_AT_MOST).round())]


def _environment(run: RunDocument) -> str:
    versions = {"python": run.python or platform.python_version(), "torch": run.torch or None}
    versions |= {"processor": run.processor or None} | dict(run.plugins)
    return "".join(f"{name}: {version}\n" for name, version in versions.items())
