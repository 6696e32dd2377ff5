"""What a grid asks for, as rows: made before the transaction that writes them begins."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from bptt.run_file import GridRequest, RunRequest
    from bptt.run_file.cost import Cost

REFERENCE_SPEED = 3e10
"""Operations per second of the machine that `cost` models; the unit of the column `work`."""


class ConfigurationContent(NamedTuple):
    """What points that differ only in their seed have in common."""

    spec: str
    """Canonical JSON with seed 0."""
    plugins: str
    """JSON with sorted keys: what each plugin is, see `PluginCode.text`."""
    data: str


class Configuration(NamedTuple):
    """A content and its name in its grid."""

    content: ConfigurationContent
    axis_values: Mapping[str, Any]
    """Without the seed."""
    config: str
    cost_key: str
    steps: int
    work: float


class PlannedPoint(NamedTuple):
    """One expected run."""

    configuration: int
    """Position in `Plan.configurations`."""
    seed: int
    identity: str
    name: str


@dataclass(frozen=True)
class Plan:
    """A whole grid."""

    name: str
    project: str
    axes: Sequence[Mapping[str, Any]]
    configurations: Sequence[Configuration]
    points: Sequence[PlannedPoint]
    earlier: Mapping[str, str]
    """The identities that earlier versions gave a point, by identity; for those that read files."""
    code: Mapping[str, str]
    """Digests of the files of plugins that are not as released."""

    @property
    def key(self) -> str:
        """Equal for two submissions that ask for the same points under the same name."""
        content = json.dumps([self.project, self.name]).encode()
        digest = hashlib.sha256(content)
        for point in self.points:
            digest.update(point.identity.encode())
        return digest.hexdigest()


def make_plan(request: "GridRequest") -> Plan:
    """Return the rows of a grid; each point of the request is visited once."""
    # asking for a grid imports what reads it; a listing does without
    from bptt.grid_spec import GridPoints

    held = request.spec.points
    numbers: dict[tuple[tuple[int, ...], str], int] = {}
    # the position of the first point of each configuration
    first: list[int] = []
    points = []
    for position, (row, entry) in enumerate(zip(held.rows, request.entries(), strict=True)):
        # equal rows may have different names where an `include` comes out the same
        key = row[:-1], entry.config
        number = numbers.setdefault(key, len(first))
        if number == len(first):
            first.append(position)
        points.append(PlannedPoint(number, entry.seed, entry.identity, entry.name))
    seedless = GridPoints(held.sections, [(*held.rows[position][:-1], 0) for position in first])
    configurations = [
        _configuration(
            request[position], seedless.canonical(number), work_of(request.cost_of(position)[1])
        )
        for number, position in enumerate(first)
    ]
    axes = [
        {"path": axis.path, "values": list(axis.values), "within": axis.within or None}
        for axis in request.spec.axes
    ]
    return Plan(
        request.spec.name,
        request.spec.project,
        axes,
        configurations,
        points,
        request.earlier_identities(),
        request.code,
    )


def work_of(cost: "Cost") -> float:
    """Return the work of a run: the operations that take equally long on the reference machine."""
    return cost.updates * REFERENCE_SPEED


def _configuration(run: "RunRequest", canonical: str, work: float) -> Configuration:
    plugins = json.dumps(dict(run.plugins), sort_keys=True)
    return Configuration(
        ConfigurationContent(canonical, plugins, run.data),
        axis_values={path: value for path, value in run.values.items() if path != "seed"},
        config=run.config,
        cost_key=run.cost_key,
        steps=run.spec.training.steps,
        work=work,
    )
