"""`examine`: looks at everything that a queue needs on this machine, or at a server's."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from bptt.doctor.finding import Finding
from bptt.errors import BpttError, Unavailable
from bptt.settings import Settings

Check = Callable[[Settings], Iterator[Finding]]

HERE: Mapping[str, str] = {
    "versions": "machine.versions",
    "home": "machine.home",
    "plugins": "plugins.plugins",
    "groups": "groups.groups",
    "training": "machine.training",
    "Redis": "services.redis_server",
    "database": "services.database",
    "queue": "services.queue",
    "MLflow": "services.mlflow",
    "shipping": "leftovers.shipping",
    "runs": "runs.runs",
    "folders": "leftovers.folders",
    "contents": "contents.contents",
}
THERE: Mapping[str, str] = {
    "server": "server.server",
    "queue": "server.queue",
    "plugins": "server.plugins",
    "MLflow": "server.pages",
    "here": "server.machine",
}
"""If a server is named, nothing is trained or stored here, and nothing for that is needed."""
INSTALL = "Install what trains: pip install 'bptt[local]'; or name a team's server in BPTT_SERVER."


def examine(settings: Settings) -> Iterator[Finding]:
    """Make every check and yield its findings as soon as they are known; changes nothing."""
    for what, name in (THERE if settings.server else HERE).items():
        try:
            yield from _check(name)(settings)
        except Unavailable as error:
            yield Finding("warn" if what == "queue" else "fail", what, str(error))
        except BpttError as error:
            yield Finding("fail", what, str(error))
        except ModuleNotFoundError as error:
            yield Finding("fail", what, f"{error.name} is not installed. {INSTALL}")
        # whatever is wrong with a machine, the other checks are made
        except Exception as error:
            text = f"could not be checked: {type(error).__name__}: {error}"
            yield Finding("fail", what, " ".join(text.split()))


def _check(name: str) -> Check:
    # imported only now: each check needs what another one may find missing
    module, _, function = name.partition(".")
    check: Check = getattr(import_module(f"bptt.doctor.{module}"), function)
    return check
