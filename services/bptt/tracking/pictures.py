"""What MLflow shows of a run's statistics arrays: lag curves, heat maps and artifacts."""

import platform
import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ruamel.yaml import YAML

from bptt.run_folder import RunFolder
from bptt.tracking.flow_history import FlowHistory, load_arrays, read_flow
from bptt.tracking.rows import Value, rounded

LAGS_AT_MOST = 200
PLANNED_IMAGES = (0.0, 0.25, 0.5, 0.75)
"""Parts of the planned training after which a heat map is sent; one more at the end."""


class Probe(NamedTuple):
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

    def __init__(self, folder: RunFolder, run: Mapping[str, Any], end: int, ended: bool) -> None:
        self._folder = folder
        self._run = run
        self._end = end
        self._ended = ended
        self._steps: int = run["spec"]["training"]["steps"]
        self._truncation: int | None = run["spec"]["training"]["truncation"]

    @cached_property
    def probes(self) -> list[Probe]:
        """The probes in the committed part of the journal."""
        return [
            Probe(record["step"], record["time"], self._folder.path / record["probe"])
            for _, record in self._folder.records(0, self._end)
            if "probe" in record
        ]

    @cached_property
    def flow(self) -> FlowHistory | None:
        """What these probes measured."""
        return read_flow(probe.file for probe in self.probes)

    def lag_curves(self, sent: Collection[str]) -> Iterator[tuple[str, list[Value]]]:
        """Yield the curves not sent yet: log10 of the norm as a metric whose step is the lag."""
        wanted = ("init", "mid", "final") if self._ended else ("init",)
        if set(wanted) <= set(sent) or self.flow is None:
            return
        from bptt.tracking.figures.curves import moments

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
                    Value(f"flow_lag/{name}", rounded(curve[lag]), time, int(lag))
                    for lag in _thinned(len(curve))
                    if np.isfinite(curve[lag])
                ],
            )

    def images(self, sent: Collection[int]) -> Iterator[tuple[int, Path]]:
        """Yield (step, folder to upload) for heat maps that are due and not sent yet.

        The folder holds what `log_image` would have written, but under names that stay the same
        when the upload is repeated; it is gone when the next one is asked for.
        """
        for probe in self._due():
            if probe.step in sent or self.flow is None:
                continue
            with tempfile.TemporaryDirectory() as temporary:
                self._draw_image(probe, Path(temporary) / "images")
                yield probe.step, Path(temporary)

    def write_artifacts(self) -> None:
        """Complete the artifacts of an ended run: its spec, versions, arrays and plots."""
        artifacts = self._folder.artifacts
        artifacts.mkdir(exist_ok=True)
        if not (artifacts / "config.yaml").exists():
            with (artifacts / "config.yaml").open("w") as file:
                YAML().dump(self._run["spec"], file)
        if not (artifacts / "env.txt").exists():
            (artifacts / "env.txt").write_text(_environment(self._run))
        if self.flow is None:
            return
        self._write_arrays(artifacts / "flow" / "flow.npz")
        from bptt.tracking import figures

        flow, title, cut = self.flow, self._run["name"], self._truncation
        plots = artifacts / "plots"
        heat_map = figures.gradient_heat_map(flow, title=title, steps=self._steps, truncation=cut)
        figures.save(heat_map, plots / "gradient_heat_map.png")
        curves = figures.gradient_curves(flow, title=title, truncation=cut)
        figures.save(curves, plots / "gradient_curves.png")

    def _due(self) -> list[Probe]:
        due = {
            next((probe for probe in self.probes if probe.step >= part * self._steps), None)
            for part in PLANNED_IMAGES
        }
        if self._ended and self.probes:
            due.add(self.probes[-1])
        return sorted(probe for probe in due if probe)

    def _draw_image(self, probe: Probe, folder: Path) -> None:
        from PIL import Image

        from bptt.tracking import figures

        if self.flow is None:
            return
        # the same name whenever it is sent again: step, time and id all come from the journal
        unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._folder.run_id}/{probe.step}")
        name = f"flow~heatmap+step+{probe.step}+timestamp+{probe.time}+{unique}"
        picture = figures.heat_map_tile(
            self.flow.until(probe.step),
            title=self._run["name"],
            steps=self._steps,
            truncation=self._truncation,
        )
        png = figures.save(picture, folder / f"{name}.png")
        with Image.open(png) as image:
            # what the grid of images shows; MLflow's own would be scaled down to 256 pixels
            image.convert("RGB").save(folder / f"{name}+compressed.webp", quality=90)

    def _write_arrays(self, path: Path) -> None:
        """Stack the arrays of all probes by name, with the steps they were taken at."""
        loaded = {probe.step: load_arrays(probe.file) for probe in self.probes}
        arrays = [content for content in loaded.values() if content]
        steps = [step for step, content in loaded.items() if content]
        names = set(arrays[0]).intersection(*arrays[1:])
        same = sorted(n for n in names if len({a[n].shape for a in arrays}) == 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        stacked: dict[str, Any] = {name: np.stack([a[name] for a in arrays]) for name in same}
        np.savez_compressed(path, steps=np.array(steps), **stacked)


def _thinned(lags: int) -> list[int]:
    """Return at most 200 of the lags 0 .. lags - 1, evenly, with the first and the last."""
    return [int(lag) for lag in np.unique(np.linspace(0, lags - 1, LAGS_AT_MOST).round())]


def _environment(run: Mapping[str, Any]) -> str:
    versions = {"python": run.get("python", platform.python_version()), "torch": run.get("torch")}
    versions |= run.get("plugins", {})
    return "".join(f"{name}: {version}\n" for name, version in versions.items())
