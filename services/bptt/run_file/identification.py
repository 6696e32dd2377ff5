"""Identities by the hundred thousand: what points share except the seed is hashed once."""

import hashlib
import json
from collections.abc import Callable, Mapping

from bptt.grid_spec import GridPoints
from bptt.spec import SECTIONS, join_sections, version_of

SEED = "\0"
"""Stands for the seed; no JSON text contains this character."""


def identify(
    points: GridPoints,
    position: int,
    plugin_versions: Mapping[str, str],
    data: str,
    instead: Mapping[str, str] | None = None,
) -> Callable[[int], str]:
    """Return a function from a seed to the identity of the point with that seed.

    It agrees with `RunSpec.identity`, letter for letter.

    Args:
        points: of the grid.
        position: of the point.
        plugin_versions: what its task, cell and clipper are; see `PluginCode.text`.
        data: the task's fingerprint.
        instead: texts that replace others as values of options.
    """
    *row, _ = points.rows[position]
    texts = {name: points.texts[name][i] for name, i in zip(SECTIONS, row, strict=False)}
    for text, other in (instead or {}).items():
        texts = {n: t.replace(json.dumps(text), json.dumps(other)) for n, t in texts.items()}
    canonical = join_sections({**texts, "seed": SEED})
    before, after = (json.dumps(part)[1:-1] for part in canonical.split(SEED))
    rest = json.dumps([dict(sorted(plugin_versions.items())), data])[1:]
    version = version_of(json.loads(texts["training"]))
    begun = hashlib.sha256(f'[{version}, "{before}'.encode())
    end = f'{after}", {rest}'

    def identity(seed: int) -> str:
        digest = begun.copy()
        digest.update(f"{seed}{end}".encode())
        return digest.hexdigest()

    return identity
