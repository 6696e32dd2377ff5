"""Serves the application over HTTP."""

import socket

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bptt.api.application import create_app
from bptt.errors import InvalidSetting
from bptt.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches what listens there."""
    return host in LOOPBACK


def serve(settings: Settings, host: str, port: int) -> None:
    """Answer requests until a signal ends it.

    Raises:
        InvalidSetting: nothing can listen there.
    """
    listener = _listen(host, port)
    app = create_app(settings)
    if is_loopback(host):
        # a page in a browser may not pass for this machine by a name of its own
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


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
