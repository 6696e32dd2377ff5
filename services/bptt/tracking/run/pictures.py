"""What MLflow shows of a run's statistics arrays: lag curves, a heat map and artifacts."""

import io
import platform
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ruamel.yaml import YAML

from bptt.durable import replace
from bptt.measuring.flow_history import FlowHistory, read_flow
from bptt.measuring.other_options import other_options
from bptt.measuring.stored import load_arrays
from bptt.measuring.table import LAG_CURVE, MOMENTS
from bptt.records.documents import RunDocument
from bptt.run_folder import RunFolder
from bptt.tracking.run.description import milliseconds
from bptt.tracking.run.rows import MetricValue, rounded

LAGS_AT_MOST = 80
"""Points of a lag curve: storing one takes as long as three updates of a small network."""
HEAT_MAP_AFTER = (0.0, 0.25, 0.5, 0.75)
"""Fractions of the planned training after which the heat map is redrawn; once more at the end."""


class LoggedProbe(NamedTuple):
    """One probe of the gradient through time, as the journal names it."""

    step: int
    time: int
    file: Path


class Pictures:
    """Everything that is made of the probes committed so far.

    Args:
        folder: folder of the run.
        run: content of its `run.json`.
        end: committed length of the journal.
        ended: whether the run has its result.
    """

    def __init__(self, folder: RunFolder, run: RunDocument, end: int, ended: bool) -> None:
        self._folder = folder
        self._run = run
        self._end = end
        self.ended = ended
        self._steps: int = run.spec["training"]["steps"]
        self._truncation: int | None = run.spec["training"]["truncation"]

    @cached_property
    def probes(self) -> list[LoggedProbe]:
        """The probes in the committed part of the journal."""
        return [
            LoggedProbe(record["step"], record["time"], self._folder.path / record["probe"])
            for _, record in self._folder.records(0, self._end)
            if "probe" in record
        ]

    @cached_property
    def flow(self) -> FlowHistory | None:
        """What these probes measured."""
        every = self._run.spec["training"].get("truncation_every")
        return read_flow((probe.file for probe in self.probes), every)

    def lag_curves(self, sent: Collection[str]) -> Iterator[tuple[str, list[MetricValue]]]:
        """Yield the curves not sent yet: log10 of the norm as a metric whose step is the lag."""
        wanted = MOMENTS if self.ended else MOMENTS[:1]
        if set(wanted) <= set(sent) or self.flow is None:
            return
        from bptt.figures.curves import moments

        rows = {"final": 0, **moments(self.flow)}
        times = {probe.step: probe.time for probe in self.probes}
        for name in wanted:
            if name in sent or name not in rows:
                continue
            curve = self.flow.log10()[rows[name]]
            time = times[int(self.flow.steps[rows[name]])]
            yield (
                name,
                [
                    MetricValue(LAG_CURVE.named(name), rounded(curve[lag]), time, int(lag))
                    for lag in _thinned(len(curve))
                    if np.isfinite(curve[lag])
                ],
            )

    @contextmanager
    def heat_map(self, sent: int) -> Iterator[tuple[int, Path | None]]:
        """Yield (heat maps due so far, folder to upload; None if no more than `sent` are due).

        The folder holds what MLflow's `log_image` would have written, at step 0 and under a name
        that never changes: the picture has the training steps on an axis of its own, and only at
        step 0 do MLflow's pages show it without a click, for runs of any length side by side.
        """
        last = self.probes[-1].step if self.probes else -1
        due = sum(last >= part * self._steps for part in HEAT_MAP_AFTER)
        due = len(HEAT_MAP_AFTER) + 1 if self.ended else due
        if due <= sent or self.flow is None:
            yield sent, None
        elif self.ended:
            self._draw_heat_map(self.flow, self._folder.images)
            yield due, self._folder.images
        else:
            with tempfile.TemporaryDirectory() as temporary:
                self._draw_heat_map(self.flow, Path(temporary))
                yield due, Path(temporary)

    def draw(self) -> None:
        """Draw everything of an ended run that is still missing."""
        self.write_artifacts()
        if self.flow is not None:
            self._draw_heat_map(self.flow, self._folder.images)

    def write_artifacts(self) -> None:
        """Complete the artifacts of an ended run: its spec, versions, arrays and plots."""
        artifacts = self._folder.artifacts
        artifacts.mkdir(exist_ok=True)
        if not (artifacts / "config.yaml").exists():
            text = io.BytesIO()
            YAML().dump(self._run.spec, text)
            replace(artifacts / "config.yaml", text.getvalue())
        if not (artifacts / "env.txt").exists():
            replace(artifacts / "env.txt", _environment(self._run).encode())
        self._draw_by_option(artifacts / "plots" / "test_by_option.png")
        if self.flow is None:
            return
        self._write_arrays(artifacts / "flow" / "flow.npz")
        from bptt.figures import frames

        flow, title, cut = self.flow, self._run.name, self._truncation
        plots = artifacts / "plots"
        if not (path := plots / "gradient_heat_map.png").exists():
            frames.save_heat_map(path, flow, title=title, steps=self._steps, truncation=cut)
        if not (path := plots / "gradient_curves.png").exists():
            frames.save_curves(path, flow, title=title, truncation=cut)
        self._draw_over_time(flow, plots)

    def _draw_over_time(self, flow: FlowHistory, plots: Path) -> None:
        """Draw what reaches states and inputs along the sequence, and layer by layer."""
        from bptt.figures import frames, over_time, style
        from bptt.figures.curves import moments

        files = {probe.step: probe.file for probe in self.probes}
        at = {name: int(flow.steps[row]) for name, row in moments(flow).items()}
        found = over_time.read_total((name, step, files[step]) for name, step in at.items())
        if not found:
            return
        title = self._run.name
        if not (path := plots / "gradient_over_time.png").exists():
            frames.save_over_time(path, found, title=title)
        if len(found[0].cells) > 1 and not (path := plots / "gradient_by_layer.png").exists():
            style.save(over_time.draw_layers(found, title=title), path)

    def _draw_by_option(self, path: Path) -> None:
        """Draw what was measured with other options of the task, if one of them is a number."""
        result = self._folder.read_result() if self._run.spec.get("evaluation") else None
        if result is None or path.exists():
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
            style.save(figure, path)

    def _draw_heat_map(self, flow: FlowHistory, folder: Path) -> None:
        from PIL import Image

        from bptt.figures import frames

        time = milliseconds(self._run.created_at)
        unique = uuid.uuid5(uuid.NAMESPACE_OID, self._folder.run_id)
        name = f"flow~heatmap+step+0+timestamp+{time}+{unique}"
        small = folder / f"{name}+compressed.webp"
        if small.exists():
            return
        png = folder / f"{name}.png"
        frames.save_tile(
            png, flow, title=self._run.name, steps=self._steps, truncation=self._truncation
        )
        with Image.open(png) as image:
            # what the pages show first; MLflow itself would shrink it to 256 pixels
            content = io.BytesIO()
            image.convert("RGB").save(content, "webp", quality=90, method=2)
        # last: both are there if this one is
        replace(small, content.getvalue(), durable=False)

    def _write_arrays(self, path: Path) -> None:
        """Stack the arrays of all probes by name, with the steps they were taken at."""
        if path.exists():
            return
        loaded = {probe.step: load_arrays(probe.file) for probe in self.probes}
        arrays = [content for content in loaded.values() if content]
        steps = [step for step, content in loaded.items() if content]
        shapes: dict[str, set[tuple[int, ...]]] = {}
        for content in arrays:
            for name, values in content.items():
                shapes.setdefault(name, set()).add(values.shape)
        same = {name: shape for name, (shape, *others) in sorted(shapes.items()) if not others}
        # not its parents: a folder that was deleted meanwhile stays deleted
        path.parent.mkdir(exist_ok=True)
        # a probe that measured less than others has NaN there
        stacked: dict[str, Any] = {
            name: np.stack([a.get(name, np.full(shape, np.nan)) for a in arrays])
            for name, shape in same.items()
        }
        packed = io.BytesIO()
        np.savez_compressed(packed, steps=np.array(steps), **stacked)
        replace(path, packed.getvalue(), durable=False)


def _thinned(lags: int) -> list[int]:
    """Return lags of 0 .. lags - 1, evenly, with the first and the last."""
    return [int(lag) for lag in np.unique(np.linspace(0, lags - 1, LAGS_AT_MOST).round())]


def _environment(run: RunDocument) -> str:
    versions = {"python": run.python or platform.python_version(), "torch": run.torch or None}
    versions |= {"processor": run.processor or None} | dict(run.plugins)
    return "".join(f"{name}: {version}\n" for name, version in versions.items())
