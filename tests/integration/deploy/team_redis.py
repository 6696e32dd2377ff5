"""Redis as the team server starts it: by its script, with its one user."""

import os
import secrets
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import redis

from tests.servers import free_port, redis_binary
from tests.servers.process import Server, die_with_parent

SCRIPT = Path(__file__).parent.parent.parent.parent / "deploy/redis.sh"


class TeamRedis(Server):
    """Redis on a port of this machine."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self.password = free_port(), secrets.token_hex(16)
        self.url = f"redis://bptt:{self.password}@127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """Return a new connection as the user; close it."""
        return redis.Redis.from_url(self.url, socket_timeout=30, decode_responses=True)

    def launch(self, log: Any) -> subprocess.Popen[bytes]:
        binaries = redis_binary("redis").parent
        environment = {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.folder),
            "REDIS_PASSWORD": self.password,
            "REDIS_MAXMEMORY": "64mb",
        }
        return subprocess.Popen(
            ["sh", SCRIPT, "--dir", str(self.folder), "--port", str(self.port)],
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )

    def answers(self) -> bool:
        with closing(self.client()) as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False
