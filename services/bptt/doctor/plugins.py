"""Check of plugins: whether each loads."""

from collections.abc import Iterator

from bptt import registry
from bptt.doctor.finding import Finding
from bptt.errors import BpttError
from bptt.settings import Settings


def plugins(settings: Settings) -> Iterator[Finding]:
    """Import every installed cell, clipper, task and claim."""
    loaded, broken = 0, []
    for kind in registry.KINDS:
        for name in registry.discover(kind):
            try:
                registry.load(kind, name)
                loaded += 1
            except BpttError as error:
                broken.append(Finding("warn", "plugins", str(error)))
    yield from broken
    if not broken:
        yield Finding("ok", "plugins", f"all {loaded} load")
