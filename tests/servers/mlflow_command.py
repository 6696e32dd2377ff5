"""MLflow's command line, or another program, in a process forked from one with MLflow imported."""

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from bptt.tracking import environment
from tests.servers.process import die_with_parent

# uvicorn first: by it MLflow knows that it serves
IMPORTED = (
    *("uvicorn", "uvicorn.protocols.http.auto", "mlflow.cli", "mlflow.server.fastapi_app"),
    *("bptt.shipping.queue", "bptt.tracking.client"),
)


def prepare() -> None:
    """Import what a server imports, in its environment."""
    # Arrow's memory has a thread of its own, which a fork does not have
    os.environ.update(environment.for_server(), JE_ARROW_MALLOC_CONF="background_thread:false")
    warnings.simplefilter("ignore")
    for name in IMPORTED:
        importlib.import_module(name)


def become(arguments: list[str]) -> None:
    """Do what `python -m mlflow` does, but serve in this process; or what `python -c` does."""
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})
        return
    import mlflow.cli
    import mlflow.server

    die_with_parent()
    mlflow.server._exec_cmd = _serve
    sys.argv = ["mlflow", *arguments]
    mlflow.cli.cli()


def _serve(command: Sequence[str], *, extra_env: dict[str, str], **_: Any) -> None:
    import uvicorn

    os.environ.update(extra_env)
    uvicorn.main(command[command.index("uvicorn") + 1 :])
