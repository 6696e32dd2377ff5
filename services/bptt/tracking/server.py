"""MLflow's own server on the database of this machine."""

import http.client
import json
import socket
import sys
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from bptt.errors import InvalidSetting, TrackingUnavailable
from bptt.settings import Settings
from bptt.tracking.grid import saved_view
from bptt.tracking.target import ANSWER_WITHIN, Target, target_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST = "127.0.0.1"
OWN_EXPERIMENT = "0"
"""MLflow creates this one itself; bptt puts nothing there."""


def server_command(settings: Settings, port: int) -> list[str]:
    """Return the command that serves the database and the artifacts of this machine."""
    target = target_of(settings)
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)),
        # more than one worker adds 43 ms to every request and 500 MB each
        *("--workers", "1"),
        *("--backend-store-uri", target.address, "--registry-store-uri", target.address),
        *("--artifacts-destination", target.artifacts or ""),
        *("--uvicorn-opts", "--log-level warning"),
    ]


def check_server(port: int) -> None:
    """Make sure a server can be started.

    Raises:
        InvalidSetting: MLflow's server is not installed, or the port is taken.
    """
    try:
        version("mlflow")
    except PackageNotFoundError:
        raise InvalidSetting(
            "MLflow's pages need the whole of MLflow, and only its client is installed. "
            "Install: pip install 'bptt[local]'."
        ) from None
    with socket.socket() as probe:
        # as the server does: a port in TIME_WAIT is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise InvalidSetting(
                f"Port {port} cannot be used ({error}). Give another one with --port."
            ) from None


def is_served(target: Target, address: str) -> bool:
    """Say whether what answers at an address is MLflow on this machine's database."""
    query = f"{address}/api/2.0/mlflow/experiments/get?experiment_id={OWN_EXPERIMENT}"
    try:
        with urllib.request.urlopen(query, timeout=ANSWER_WITHIN) as answer:
            there = json.loads(answer.read())["experiment"]["creation_time"]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        # nobody, or a stranger
        return False
    from bptt.tracking.client import connect

    # to the millisecond: no two databases were created at the very same moment
    return bool(int(there) == connect(target).get_experiment(OWN_EXPERIMENT).creation_time)


def links(settings: Settings, address: str) -> dict[str, str]:
    """Return a link to the charts of every experiment that has runs, by its name.

    Args:
        settings: where the runs are.
        address: `http://host:port` under which a browser reaches MLflow.

    Raises:
        TrackingUnavailable: MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    from bptt.tracking.client import connect

    target = target_of(settings)
    client: MlflowClient = connect(target)
    try:
        experiments = client.search_experiments(order_by=["last_update_time DESC"])
    except MlflowException as error:
        raise TrackingUnavailable(f"MLflow at {target.uri} does not answer: {error}") from error
    return {
        experiment.name: saved_view.link(address, experiment.experiment_id, experiment.tags)
        for experiment in experiments
        if experiment.experiment_id != OWN_EXPERIMENT
    }
