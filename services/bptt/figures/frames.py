"""Reuse of figures for pictures of many runs: making axes and labels takes as long as drawing.

Each picture is byte for byte what a figure of its own would show.
"""

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from bptt.figures import style
from bptt.figures.curves import curves_frame, fill_curves
from bptt.figures.heat_map import fill_heat_map, fill_tile, heat_map_frame, tile_frame
from bptt.figures.over_time import TotalFlow, fill_over_time, over_time_frame, panels_of
from bptt.measuring.flow_history import FlowHistory

KEPT = 8
"""Most figures kept; a grid needs one for each kind of picture and set of states."""

_of_thread = threading.local()


def save_heat_map(path: Path, flow: FlowHistory, **options: Any) -> None:
    """Write a heat map of a run; `heat_map.fill_heat_map` has the options."""
    _save(path, heat_map_frame, tuple(flow.states), lambda f: fill_heat_map(f, flow, **options))


def save_tile(path: Path, flow: FlowHistory, **options: Any) -> None:
    """Write the tile of a run; `heat_map.fill_tile` has the options."""
    _save(path, tile_frame, (), lambda figure: fill_tile(figure, flow, **options))


def save_curves(path: Path, flow: FlowHistory, **options: Any) -> None:
    """Write the curves of a run; `curves.fill_curves` has the options."""
    _save(path, curves_frame, tuple(flow.states), lambda f: fill_curves(f, flow, **options))


def save_over_time(path: Path, moments: list[TotalFlow], *, title: str) -> None:
    """Write the gradient along the sequence, of states and inputs."""
    panels = tuple(panels_of(moments))
    _save(path, over_time_frame, panels, lambda f: fill_over_time(f, moments, title=title))


def _save(
    path: Path,
    make: Callable[..., Figure],
    parts: tuple[str, ...],
    fill: Callable[[Figure], None],
) -> None:
    """Write a picture using an existing figure, if there is one.

    What `fill` adds to the axes is removed again; limits and titles it sets each time.
    """
    kept: dict[Hashable, Figure] = _of_thread.__dict__.setdefault("kept", {})
    # removed until all has gone well
    figure = kept.pop((make, *parts), None) or make(*parts)
    before = _artists(figure)
    fill(figure)
    style.save(figure, path)
    for artist in _artists(figure) - before:
        artist.remove()
    kept[(make, *parts)] = figure
    while len(kept) > KEPT:
        # the least recently used
        kept.pop(next(iter(kept)))


def _artists(figure: Figure) -> set[Artist]:
    return {artist for axes in figure.axes for artist in axes.get_children()}
