"""`examine`: looks at everything that a queue needs on this machine, or at a server's."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from bptt.embedded.finding import Finding
from bptt.errors import BpttError, Unavailable
from bptt.settings import Settings

Check = Callable[[Settings], Iterator[Finding]]

HERE: Mapping[str, str] = {
    "versions": "machine_checks.versions",
    "home": "machine_checks.home",
    "plugins": "plugin_checks.plugins",
    "groups": "group_checks.groups",
    "training": "machine_checks.training",
    "Redis": "service_checks.redis_server",
    "database": "service_checks.database",
    "queue": "service_checks.queue",
    "MLflow": "service_checks.mlflow",
    "shipping": "leftover_checks.shipping",
    "runs": "run_checks.runs",
    "folders": "leftover_checks.folders",
    "contents": "content_checks.contents",
}
THERE: Mapping[str, str] = {
    "server": "server_checks.server",
    "queue": "server_checks.queue",
    "plugins": "server_checks.plugins",
    "MLflow": "server_checks.pages",
    "here": "server_checks.machine",
}
"""Where a server is named, nothing is trained or kept here, and nothing for that is needed."""
INSTALL = "Install what trains: pip install 'bptt[local]'; or name a team's server in BPTT_SERVER."


def examine(settings: Settings) -> Iterator[Finding]:
    """Make every check, and yield what it found as soon as it is known; changes nothing."""
    for what, name in (THERE if settings.server else HERE).items():
        try:
            yield from _check(name)(settings)
        except Unavailable as error:
            yield Finding("warn" if what == "queue" else "fail", what, str(error))
        except BpttError as error:
            yield Finding("fail", what, str(error))
        except ModuleNotFoundError as error:
            yield Finding("fail", what, f"{error.name} is not installed. {INSTALL}")
        # whatever ails a machine, the other checks are made
        except Exception as error:
            told = f"could not be checked: {type(error).__name__}: {error}"
            yield Finding("fail", what, " ".join(told.split()))


def _check(name: str) -> Check:
    # imported when it is made: each needs what another one finds missing
    module, _, function = name.partition(".")
    check: Check = getattr(import_module(f"bptt.embedded.{module}"), function)
    return check
