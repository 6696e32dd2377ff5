"""Points of several grids as those of one: matched by what they are, whatever they are called."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bptt.comparison.axes import SEED, axes_of, label
from bptt.comparison.differing import MEASURED, Content, differing, measured_otherwise, ordered
from bptt.comparison.measured import one_of, told
from bptt.comparison.point import ComparedPoint
from bptt.records.contents import WholeConfiguration, WholePoint
from bptt.spec import RunSpec, identity_of, section_text

VERSIONS = range(1, max(RunSpec.VERSION, RunSpec.TRUNCATED_VERSION) + 1)
"""Of what trains, in identities."""


@dataclass(frozen=True)
class GridToMatch:
    """The points of one grid."""

    points: Sequence[ComparedPoint]
    whole: Sequence[WholePoint]
    """What each of them is."""


def together(grids: Sequence[GridToMatch]) -> list[ComparedPoint]:
    """Return the points of several grids, with the values of all paths in which they differ.

    Points of equal configurations have one name, whatever each grid's file left out. Points that
    are equal in their seed as well are one: of a run that serves several grids, or of two
    executions of one run, of which that with a result is taken, the first grid's if both have one.
    What is only measured sets no configuration apart: of two executions, each with figures that the
    other lacks, all figures count.

    Args:
        grids: in the order in which their configurations come.
    """
    held: dict[tuple[Content, int], ComparedPoint] = {}
    files: dict[str, str] = {}
    contents = list(_contents(grids))
    for _, _, whole in contents:
        files = {**whole.configuration.files, **files}
    measured = measured_otherwise((whole.configuration.spec for _, _, whole in contents), files)
    for content, found, whole in contents:
        other = measured[whole.configuration.spec].items()
        point = replace(found, measured={path: told(value, found) for path, value in other})
        key = content, point.seed
        held[key] = one_of(held[key], point) if key in held else point
    first = [path for grid in grids for path in axes_of(grid.points)]
    values = differing(dict.fromkeys(content for content, _ in held), first, files)
    axes = ordered((path for found in values.values() for path in found), first)
    several = len({seed for _, seed in held}) > 1
    named = [
        replace(point, values=values[content] | ({SEED: seed} if several else {}))
        for (content, seed), point in held.items()
    ]
    # what differs in nothing but its seed keeps the name that the first grid gave it
    return [replace(one, config=label(one, axes) if axes else named[0].config) for one in named]


def _contents(
    grids: Sequence[GridToMatch],
) -> Iterator[tuple[Content, ComparedPoint, WholePoint]]:
    for grid in grids:
        for point, whole in zip(grid.points, grid.whole, strict=True):
            one = whole.configuration
            version = _version(one, point.seed, whole.identity)
            yield (
                Content(_trained(one.spec), _plugins(one.plugins), one.data, version),
                point,
                whole,
            )


def _version(one: WholeConfiguration, seed: int, identity: str) -> int:
    """Return the version of what trained, with which the point has its identity; 0: unknown."""
    spec = _read(one.spec) | {SEED: seed}
    canonical = section_text(spec)
    for version in VERSIONS:
        if identity_of(canonical, one.plugins, one.data, version) == identity:
            return version
    return 0


@lru_cache(maxsize=4096)
def _trained(spec: str) -> str:
    """Return a spec without what is only measured."""
    return section_text({name: held for name, held in _read(spec).items() if name not in MEASURED})


@lru_cache(maxsize=4096)
def _read(spec: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(spec)
    return found


def _plugins(plugins: Mapping[str, str]) -> str:
    return json.dumps(dict(plugins), sort_keys=True)
