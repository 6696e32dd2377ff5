"""`examine`: looks at everything that a queue needs on this machine."""

from collections.abc import Callable, Iterator

from bptt.embedded import leftover_checks, machine_checks, server_checks, service_checks
from bptt.embedded.finding import Finding
from bptt.errors import BpttError, Unavailable
from bptt.settings import Settings

CHECKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "server": server_checks.server,
    "versions": machine_checks.versions,
    "home": machine_checks.home,
    "plugins": machine_checks.plugins,
    "training": machine_checks.training,
    "Redis": service_checks.redis_server,
    "database": service_checks.database,
    "queue": service_checks.queue,
    "MLflow": service_checks.mlflow,
    "shipping": leftover_checks.shipping,
    "folders": leftover_checks.folders,
}


def examine(settings: Settings) -> Iterator[Finding]:
    """Make every check, and yield what it found as soon as it is known; changes nothing."""
    for what, check in CHECKS.items():
        try:
            yield from check(settings)
        except Unavailable as error:
            yield Finding("warn" if what == "queue" else "fail", what, str(error))
        except BpttError as error:
            yield Finding("fail", what, str(error))
        # whatever ails a machine, the other checks are made
        except Exception as error:
            told = f"could not be checked: {type(error).__name__}: {error}"
            yield Finding("fail", what, " ".join(told.split()))
