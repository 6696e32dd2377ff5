"""What the one user of the team server's Redis may do: all that a worker needs, and no more."""

from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread
from typing import Any

import pytest
import redis

from bptt import job_queue
from bptt.settings import Settings
from tests.integration.deploy.team_redis import TeamRedis
from tests.servers import short_folder, until

WITHIN = 120.0


@pytest.fixture(scope="module")
def server() -> Iterator[TeamRedis]:
    with short_folder() as folder, TeamRedis(folder / "redis") as made:
        made.start()
        yield made


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "CONFIG GET *", "KEYS *", "SET other 1", "GET other", "ACL LIST", "SHUTDOWN"],
)
def test_it_may_do_nothing_else(server: TeamRedis, command: str) -> None:
    with closing(server.client()) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())


def test_nobody_else_is_let_in(server: TeamRedis) -> None:
    stranger = redis.Redis(port=server.port, decode_responses=True)
    wrong = redis.Redis(port=server.port, username="bptt", password="wrong")
    with closing(stranger), pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with closing(wrong), pytest.raises(redis.AuthenticationError):
        wrong.ping()


def test_it_drops_nothing_when_it_is_full_and_keeps_its_keys_over_a_restart(
    server: TeamRedis,
) -> None:
    log = server.log.read_text()
    with closing(server.client()) as client:
        client.set("bptt:kept", "1")
        server.stop()
        server.start()
        assert client.get("bptt:kept") == "1"
    files = sorted(path.name for path in server.folder.rglob("*appendonly*"))
    assert files, log


def test_tokens_are_sent_and_heard(server: TeamRedis) -> None:
    settings = Settings(redis_url=server.url)
    heard: list[int] = []
    app: Any = job_queue.make_app(settings, lambda: heard.append(1))

    assert job_queue.check_broker(settings).up
    assert job_queue.send_tokens(settings, 5) == 5
    assert job_queue.waiting_tokens(settings) == 5
    worker = app.WorkController(
        pool="threads", concurrency=2, without_gossip=True, without_mingle=True, quiet=True
    )
    app.set_default()
    thread = Thread(target=worker.start, daemon=True)
    thread.start()
    try:
        assert until(lambda: len(heard) == 5, WITHIN)
        # remote control, too, has channels of its own
        assert until(lambda: len(app.control.ping(timeout=5.0)) == 1, WITHIN)
        assert job_queue.waiting_tokens(settings) == 0
    finally:
        from celery.worker import state

        state.should_stop = 0
        thread.join(WITHIN)
        state.should_stop = None
        with suppress(Exception):
            worker.stop()
    assert not thread.is_alive()
