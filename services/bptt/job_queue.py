"""The Celery app: one task without arguments, a token that says "a slot should look for work".

What is to be done, by whom and in what order is in the database; a token that is lost,
duplicated or late only affects when a slot looks. Celery and redis are imported by the functions
that need them.
"""

import functools
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from bptt.settings import Settings
from bptt.temporary import outside

if TYPE_CHECKING:
    import redis

TASK = "bptt.slot"
QUEUE = "slots"
PREFIX = "bptt:"
"""Prefix of every key; two deployments on one Redis need separate databases."""

TOKEN_EXPIRES = 60
"""Seconds; by then every worker has recounted what is missing."""

ANSWER_WITHIN = 2.0
"""Seconds that Redis has to answer before it counts as down."""

SOCKET_PATH_AT_MOST = 100
"""Bytes; Linux takes 107, macOS 103."""

OLDEST = (6, 2)
"""Version of Redis whose commands kombu needs."""


@dataclass(frozen=True)
class BrokerState:
    """Whether Redis is usable."""

    up: bool
    detail: str
    """One line for people."""
    version: str = ""
    """As it reports itself, with its name; empty if it does not say."""


def socket_path(settings: Settings) -> Path:
    """Return the socket of the server that `bptt up` starts; its folder may not exist yet.

    If the home's path is too long for a socket, it is in a folder for temporary files.
    """
    path = settings.home / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_AT_MOST:
        return path
    name = hashlib.sha256(os.fsencode(settings.home.resolve())).hexdigest()[:12]
    folder = f"bptt-{os.getuid()}-{name}"
    path = outside() / folder / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_AT_MOST:
        return path
    return Path("/tmp") / folder / "redis.sock"


def broker_url(settings: Settings) -> str:
    """Return where Redis listens, as Celery writes it."""
    if not settings.redis_url:
        return f"redis+socket://{quote(str(socket_path(settings)))}"
    if not settings.redis_url.startswith("unix:"):
        return settings.redis_url
    return _with_query(settings.redis_url, "redis+socket", {"db": "virtual_host"})


def make_app(settings: Settings, work: Callable[[], object] | None = None) -> Any:
    """Return a separate Celery app for these settings.

    Args:
        settings: where Redis listens.
        work: what a token makes this process do; None for a process that only sends.
    """
    from celery import Celery  # type: ignore[import-untyped]
    from kombu import Queue  # type: ignore[attr-defined]

    app = Celery("bptt", set_as_current=False)
    app.conf.update(
        broker_url=broker_url(settings),
        # pickle would run code from anyone who can reach Redis
        accept_content=["json"],
        result_accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        # statuses are in the database
        result_backend=None,
        task_ignore_result=True,
        task_track_started=False,
        worker_send_task_events=False,
        task_send_sent_event=False,
        # tokens are expendable: early ack, no redelivery, and none held by a busy worker
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        # it becomes True in Celery 6, and a hiccup of Redis would end training
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # a token that cannot be sent at once is made up for by the workers' tick
        task_publish_retry=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": PREFIX,
            "visibility_timeout": 60,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": ANSWER_WITHIN,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "priority_steps": [0],
            **({} if work else {"max_retries": 1}),
        },
        task_queues=[Queue(QUEUE)],  # type: ignore[no-untyped-call]
        task_default_queue=QUEUE,
        # a typo must be an error
        task_create_missing_queues=False,
        enable_utc=True,
        timezone="UTC",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    if work:

        def look_for_work() -> None:
            work()

        # not shared with other apps in this process
        app.task(look_for_work, name=TASK, shared=False)
    return app


def send_tokens(settings: Settings, count: int) -> int:
    """Wake up to `count` slots, best effort: neither waits for a broker nor raises if it is down.

    Returns:
        How many tokens were sent before `ANSWER_WITHIN` seconds were over.
    """
    sent: list[int] = []

    def send() -> None:
        try:
            # Celery takes seconds to find out that nothing listens
            _client(settings).ping()
            app = _sender(settings)
            with app.producer_pool.acquire(block=True, timeout=ANSWER_WITHIN) as producer:
                for number in range(count):
                    app.send_task(TASK, producer=producer, queue=QUEUE, expires=TOKEN_EXPIRES)
                    sent.append(number)
        # whatever prevents a token from being sent, the workers' tick makes up for it
        except Exception:
            return

    if count > 0:
        thread = threading.Thread(target=send, name="bptt-tokens", daemon=True)
        thread.start()
        thread.join(ANSWER_WITHIN)
    return len(sent)


def waiting_tokens(settings: Settings) -> int | None:
    """Return how many tokens are waiting for a slot; None if the broker does not answer."""
    import redis

    try:
        return int(_client(settings).llen(f"{PREFIX}{QUEUE}"))
    except (redis.RedisError, OSError):
        return None


def check_broker(settings: Settings) -> BrokerState:
    """Check whether Redis is there, lets us in and is new enough; takes a few seconds at most."""
    where = socket_path(settings) if not settings.redis_url else _public(settings.redis_url)
    if isinstance(where, Path) and not os.path.exists(where):
        # determined without redis, which takes a fifth of a second to import
        return BrokerState(False, _nobody(where))
    import redis

    try:
        client = _client(settings)
        client.ping()
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
        return BrokerState(False, f"Redis at {where} refuses the password in BPTT_REDIS_URL.")
    except (redis.TimeoutError, TimeoutError):
        return BrokerState(False, f"Redis at {where} does not answer within {ANSWER_WITHIN:g} s.")
    except redis.InvalidResponse as error:
        return BrokerState(False, f"What answers at {where} is not Redis: {_one_line(error)}")
    except redis.ResponseError as error:
        # its disk is full, it only reads, ...
        return BrokerState(False, f"Redis at {where} refuses: {_one_line(error)}")
    except (redis.RedisError, OSError, ValueError) as error:
        return BrokerState(False, _unreachable(str(where), error, bool(settings.redis_url)))
    return _checked_version(client, str(where))


def _checked_version(client: "redis.Redis", where: str) -> BrokerState:
    import redis

    try:
        info: Any = client.info("server")
    except redis.RedisError:
        # a user with few rights may not ask; the server works anyway
        return BrokerState(True, f"Redis at {where} answers.")
    version = str(info.get("redis_version", ""))
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < OLDEST:
        return BrokerState(False, f"{name} at {where} is too old: 6.2 or newer is needed.", name)
    return BrokerState(True, f"{name} at {where} answers.", name)


def _unreachable(where: str, error: Exception, given: bool) -> str:
    reason = _one_line(error)
    if "rotocol" in reason:
        return f"What answers at {where} is not Redis: {reason}"
    if not given:
        return _nobody(where)
    return f"Nothing listens at {where} (BPTT_REDIS_URL): {reason}"


def _nobody(where: str | Path) -> str:
    return f"Nothing listens at {where}: is `bptt up` running?"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@functools.lru_cache(maxsize=8)
def _sender(settings: Settings) -> Any:
    return make_app(settings)


@functools.lru_cache(maxsize=8)
def _client(settings: Settings) -> "redis.Redis":
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url = broker_url(settings)
    if url.startswith("redis+socket:"):
        url = _with_query(url, "unix", {"virtual_host": "db"})
    return redis.Redis.from_url(
        url,
        socket_timeout=ANSWER_WITHIN,
        socket_connect_timeout=ANSWER_WITHIN,
        retry=Retry(NoBackoff(), 0),
    )


def _with_query(url: str, scheme: str, names: dict[str, str]) -> str:
    """Return a URL with another scheme and other names in its query."""
    parts = urlsplit(url)
    query = urlencode([(names.get(name, name), value) for name, value in parse_qsl(parts.query)])
    made = urlunsplit(("x", parts.netloc, parts.path, query, ""))
    # urlunsplit leaves out the slashes of an empty host for schemes it does not know
    rest = made.partition(":")[2]
    return f"{scheme}:{rest if rest.startswith('//') else f'//{rest}'}"


def _public(url: str) -> str:
    """Return a URL without its user and password; of a socket, its path."""
    parts = urlsplit(url)
    if not parts.hostname:
        return unquote(parts.path)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
