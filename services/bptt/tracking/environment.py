"""MLflow's own environment: the one place that sets `MLFLOW_*`, for this process and a server."""

import os
from collections.abc import Mapping
from pathlib import Path

CLIENT: Mapping[str, str] = {
    # its default is 7 retries within one call (minutes); retrying is the shipper's business
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # what it prints and logs would land in the middle of the user's progress line
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
POOL_CLASS = "MLFLOW_SQLALCHEMYSTORE_POOLCLASS"
POOL = (
    POOL_CLASS,
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW",
    "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE",
)
"""How MLflow keeps connections to a database."""
NO_POOL = "NullPool"
"""A pooled connection would keep writing into a file that was removed and that nobody reads."""

SERVER: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # a dozen processes and 2 GB for features of language models
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # the default pool of 5 + 10 stalls under as many requests as one server process takes
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "20",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "70",
    # people who look at the pages cannot fix what its libraries deprecate
    "PYTHONWARNINGS": "ignore",
}


def prepare_client() -> None:
    """Set what the MLflow client of this process needs, unless the user has decided."""
    for name, value in CLIENT.items():
        os.environ.setdefault(name, value)
    if not any(name in os.environ for name in POOL):
        os.environ[POOL_CLASS] = NO_POOL


def for_server() -> dict[str, str]:
    """Return this process's environment, completed for an MLflow server."""
    ours = os.environ.get(POOL_CLASS) == NO_POOL
    return {**SERVER, **{k: v for k, v in os.environ.items() if not (ours and k == POOL_CLASS)}}


def credentials() -> tuple[str, str]:
    """Return user name and password for an MLflow server; empty if none are set."""
    user = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    return user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")


def has_credentials_file() -> bool:
    """Say whether MLflow may find credentials in its own file, which only it reads."""
    return (Path.home() / ".mlflow" / "credentials").exists()
