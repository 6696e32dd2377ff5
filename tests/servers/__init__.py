"""Real Redis, Valkey and PostgreSQL servers for tests, from wheels or from this machine's PATH.

A test that needs one fails where none is found. `TEST_REDIS_URL` and `TEST_PG_URL` name servers
to use for the two fixtures instead; whoever kills and restarts a server starts one of his own:

    with start_redis(folder) as redis, start_postgres(folder) as postgres:
        settings = read_settings(redis_url=redis.url, database_url=postgres.new_database())

Folders must have short paths (`tempfile.mkdtemp(prefix="bptt")`), as sockets lie in them. Start
servers from the main thread: they die with the thread that started them.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.application import application_of
from tests.servers.mlflow_server import MlflowServer, put_mlflow_database, with_mlflow
from tests.servers.postgres_server import PostgresServer, new_database, start_postgres
from tests.servers.process import free_port, is_alive, until
from tests.servers.redis_server import Kind, RedisServer, redis_binary, start_redis

__all__ = [
    "Given",
    "Kind",
    "MlflowServer",
    "PostgresServer",
    "RedisServer",
    "application_of",
    "free_port",
    "is_alive",
    "postgres_server",
    "put_mlflow_database",
    "redis_binary",
    "redis_server",
    "short_folder",
    "start_postgres",
    "start_redis",
    "until",
    "with_mlflow",
]


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a new folder whose path is short enough for sockets; it is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bptt"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Given:
    """A server that somebody else runs and that tests must not kill."""

    def __init__(self, url: str) -> None:
        self.url = url

    def new_database(self) -> str:
        """Create an empty database on it and return its URL."""
        return new_database(self.url)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer | Given]:
    """One Redis or Valkey for all tests of a process; its content is shared."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield Given(url)
        return
    with short_folder() as folder, start_redis(folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer | Given]:
    """One PostgreSQL for all tests of a process; take a `new_database()` of it each."""
    if url := os.environ.get("TEST_PG_URL"):
        yield Given(url)
        return
    with short_folder() as folder, start_postgres(folder) as server:
        yield server
