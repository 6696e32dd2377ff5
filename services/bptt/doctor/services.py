"""Checks of the services: Redis, the database and its clock, the queue, MLflow."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import redis

from bptt import store, tracking
from bptt.doctor.finding import Finding
from bptt.embedded.home import holder
from bptt.embedded.server import find_server
from bptt.errors import SchemaMismatch, TrackingUnavailable
from bptt.job_queue import check_broker, socket_path
from bptt.settings import Settings
from bptt.store.clock import read_clock

ANSWER_WITHIN = 2.0
CLOCK_APART = 5.0
"""Seconds between the database's clock and ours that are worth a warning."""


def redis_server(settings: Settings) -> Iterator[Finding]:
    """Check that a server can be started, or that the one in use lets us in and is set up well."""
    if not settings.redis_url:
        yield Finding("ok", "Redis", f"to be started from {find_server()}")
        if not holder(settings.home):
            yield from _stranger(settings)
            return
    state = check_broker(settings)
    yield Finding("ok" if state.up else "fail", "Redis", state.detail)
    if state.up:
        yield from _configuration(settings)


def _stranger(settings: Settings) -> Iterator[Finding]:
    """Check that nothing but a Redis listens where `bptt up` will start its own."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_path(settings)))
        except OSError:
            # nobody is there, as expected
            return
    if not (state := check_broker(settings)).up:
        text = f"{state.detail} End that process, or set BPTT_HOME to another folder."
        yield Finding("fail", "Redis", text)


def _configuration(settings: Settings) -> Iterator[Finding]:
    with closing(_redis(settings)) as client:
        try:
            # several at once only since Redis 7
            found: Any = client.config_get("maxmemory-policy")
            found |= client.config_get("appendonly")
            disk: Any = client.info("persistence")
        except redis.RedisError:
            yield Finding("ok", "Redis", "it does not let us see its settings")
            return
    if disk.get("aof_last_write_status", "ok") != "ok":
        yield Finding("warn", "Redis", "It cannot write to its disk: make room there.")
    if (policy := found.get("maxmemory-policy")) != "noeviction":
        text = f"It drops keys when it is full ({policy}): set maxmemory-policy noeviction."
        yield Finding("warn", "Redis", text)
    if found.get("appendonly") != "yes":
        text = "A restart forgets wake-up calls, and runs start up to 2 s late: set appendonly yes."
        yield Finding("warn", "Redis", text)


def _redis(settings: Settings) -> redis.Redis:
    waits = {"socket_timeout": ANSWER_WITHIN, "decode_responses": True}
    if not settings.redis_url:
        return redis.Redis(unix_socket_path=str(socket_path(settings)), **waits)  # type: ignore[arg-type]
    # settings are the same in every database, which a socket's URL names in its own way
    address = settings.redis_url.replace("redis+socket:", "unix:", 1).split("?")[0]
    return redis.Redis.from_url(address, **waits)


def database(settings: Settings) -> Iterator[Finding]:
    """Check that the database answers, has our version, and has about our time."""
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is not None and not opened.file.exists():
            yield Finding("ok", "database", f"{opened}, to be made by bptt up")
            return
        store.check(opened)
        yield Finding("ok", "database", f"{opened} is up to date")
        with opened.read() as connection:
            before = time.time()
            theirs = read_clock(connection)
            apart = theirs - (before + time.time()) / 2
        if abs(apart) > CLOCK_APART:
            ahead = "ahead of" if apart > 0 else "behind"
            text = (
                f"The database's clock is {abs(apart):.0f} s {ahead} this machine's: leases go by "
                "the database's and hold, but times look odd. Let both follow a time server."
            )
            yield Finding("warn", "clock", text)
        else:
            yield Finding("ok", "clock", f"{abs(apart):.1f} s from the database's")


def queue(settings: Settings) -> Iterator[Finding]:
    """Check that there are workers for what is queued."""
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is not None and not opened.file.exists():
            return
        try:
            found = store.queue_status(opened)
        except SchemaMismatch:
            # already reported for the database
            return
    waiting, workers = found.counts.get("queued", 0), len(found.workers)
    if waiting and not workers:
        text = f"{waiting:,} runs wait and no worker runs: bptt up -d"
        yield Finding("warn", "queue", text)
    else:
        yield Finding("ok", "queue", f"{waiting:,} runs wait, {workers} workers run")


def mlflow(settings: Settings) -> Iterator[Finding]:
    """Check that MLflow accepts results."""
    try:
        up = tracking.check_target(settings) == "up"
    except TrackingUnavailable as error:
        # training continues without it
        yield Finding("warn", "MLflow", f"{error} What runs measure waits until then.")
        return
    if not up:
        text = f"{settings.mlflow_url} does not answer; what runs measure waits until it does."
        yield Finding("warn", "MLflow", text)
    else:
        yield Finding("ok", "MLflow", settings.mlflow_url or "a database in BPTT_HOME")
