"""Where runs are shipped to, and whether what answers there is MLflow."""

import base64
import http.client
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from bptt.errors import BpttError, InvalidSetting
from bptt.settings import Settings
from bptt.tracking import database, environment

ANSWER_WITHIN = 5.0
"""Seconds a server has to answer before it counts as down."""


@dataclass(frozen=True)
class Target:
    """An MLflow server, or the database of this machine written to directly."""

    uri: str
    """Its name for people and in files: `http(s)://...` or `sqlite:///` and the path as it is."""
    home: Path | None = None
    """Folder of the database and the artifacts; None for a server, which keeps its own."""

    @property
    def address(self) -> str:
        """The URI that MLflow is given."""
        return database.address_of(self.home / "mlflow.db") if self.home else self.uri

    @property
    def artifacts(self) -> str | None:
        """Where the artifacts of an experiment go, as a URI; None: the server decides."""
        # MLflow takes a % for an escape, in a plain path too
        return (self.home / "artifacts").as_uri() if self.home else None


def target_of(settings: Settings) -> Target:
    """Return the target that the settings name.

    Raises:
        InvalidSetting: the URL holds a password, which would end up in files and messages.
    """
    if not settings.mlflow_url:
        return Target(f"sqlite:///{settings.home / 'mlflow.db'}", settings.home)
    if "@" in settings.mlflow_url.partition("://")[2].partition("/")[0]:
        raise InvalidSetting(
            "BPTT_MLFLOW_URL must not hold a user name or password. "
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead."
        )
    return Target(settings.mlflow_url.rstrip("/"))


def check_target(settings: Settings) -> Literal["up", "down"]:
    """Check whether the target is there, before anything is trained.

    Returns:
        "down" if nothing answers in time: training can continue, and its journal is shipped later.

    Raises:
        InvalidSetting: something answers that will never take a run: it is not MLflow, or it
            refuses this user or this host name.
        TrackingMismatch: the database in the home is of another version of MLflow, or none.
        TrackingUnavailable: the database in the home is locked.
    """
    target = target_of(settings)
    if target.home:
        # a missing one is created by whoever ships first
        database.is_there(target.home / "mlflow.db")
        return "up"
    try:
        _check_server(target.uri)
    except (ConnectionError, TimeoutError):
        return "down"
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise _refusal(target.uri, f"TLS fails: {error.reason}") from None
        return "down"
    except (http.client.HTTPException, ValueError) as error:
        detail = str(error).strip() or type(error).__name__
        raise _refusal(target.uri, f"it does not speak HTTP: {detail[:60]!r}") from None
    return "up"


def hindrance(settings: Settings) -> str:
    """Return in one line why nothing can be sent now; empty: nothing prevents it."""
    try:
        is_up = check_target(settings) == "up"
    except BpttError as error:
        return str(error)
    return "" if is_up else f"MLflow at {target_of(settings).uri} does not answer"


def _check_server(url: str) -> None:
    code, body = _get(f"{url}/health")
    if (code, body) != (200, "OK"):
        raise _refusal(url, f"/health answers {code} {body[:40]!r}")
    code, body = _get(f"{url}/version")
    # with authentication on, even the version requires a login
    if code not in (401, 403) and not (code == 200 and re.fullmatch(r"\d+\.\d+[\w.]*", body)):
        raise _refusal(url, f"/version answers {code} {body[:40]!r}")
    # the two above answer to any host name and (health) to anyone
    code, body = _get(f"{url}/api/2.0/mlflow/experiments/search?max_results=1")
    if code == 401 and not environment.has_credentials_file():
        user, _ = environment.credentials()
        what = f"refuses the user {user!r}" if user else "wants a user name and a password"
        raise InvalidSetting(
            f"BPTT_MLFLOW_URL: MLflow at {url} {what}. "
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    if code == 403 and "host" in body.lower():
        raise InvalidSetting(
            f"BPTT_MLFLOW_URL: MLflow at {url} refuses the host name "
            f"{urlsplit(url).netloc!r}. Start it with --allowed-hosts {urlsplit(url).netloc}."
        )


def _get(url: str) -> tuple[int, str]:
    """Return status and the beginning of the body."""
    request = urllib.request.Request(url)
    user, password = environment.credentials()
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as answer:
            code, body = answer.status, answer.read(1000)
    except urllib.error.HTTPError as refusal:
        with refusal:
            code, body = refusal.code, refusal.read(1000)
    if code >= 500:
        # a passing fault of the server, or of a proxy that misses it
        raise ConnectionError(code)
    return code, body.decode("utf-8", "replace").strip()


def _refusal(url: str, detail: str) -> InvalidSetting:
    return InvalidSetting(
        f"BPTT_MLFLOW_URL: what answers at {url} is not MLflow ({detail}). Give the address of "
        "an MLflow server, or leave it empty to write to the database in BPTT_HOME."
    )
