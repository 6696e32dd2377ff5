"""Serves the application over HTTP."""

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bptt import store
from bptt.api.access_log import AccessLog
from bptt.api.application import create_app
from bptt.api.connection import TimedConnection
from bptt.api.loopback import LOOPBACK, is_loopback
from bptt.errors import DatabaseUnavailable, InvalidSetting
from bptt.settings import Settings


def serve(settings: Settings, host: str, port: int, begun: Callable[[], None]) -> None:
    """Answer requests until a signal ends it; call `begun` as soon as requests are accepted.

    Raises:
        InvalidSetting: nothing can listen there, or nobody could be let in.
    """
    # uvicorn re-raises the signal it received, which would skip the cleanup
    signal.signal(signal.SIGTERM, _leave)
    with _listen(host, port) as listener:
        app = served_app(settings, host)
        listener.listen()
        begun()
        config = uvicorn.Config(
            AccessLog(app) if settings.access_log == "on" else app,
            http=TimedConnection,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def served_app(settings: Settings, host: str) -> FastAPI:
    """Return the application as it serves an address.

    Raises:
        InvalidSetting: it asks for tokens, and there is no valid one.
        SchemaMismatch: the shared database is of another version.
    """
    if asks_for_tokens(settings, host):
        app = create_app(settings, "tokens")
        _refuse_to_shut_everybody_out(app, host)
        return app
    app = create_app(settings, "everybody")
    # a page in a browser must not pass for this machine under a name of its own
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, f"[{LOOPBACK[1]}]", host])
    return app


def asks_for_tokens(settings: Settings, host: str) -> bool:
    """Say whether a token is required."""
    return settings.api_tokens == "required" or not is_loopback(host)


def _refuse_to_shut_everybody_out(app: FastAPI, host: str) -> None:
    try:
        if store.any_token_holds(app.state.service.database):
            return
    except DatabaseUnavailable:
        # the database may come up after us, and until then nobody is let in
        return
    app.state.service.close()
    raise InvalidSetting(
        f"Nobody could use a server at {host}: it asks for a token, and there is none yet. Make "
        "the first one on this machine, with the same settings: bptt tokens create --role admin"
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InvalidSetting(
            f"Cannot listen at {host} port {port}: {error.strerror or error}. "
            "Give another --port or --host."
        ) from error
    return listener
