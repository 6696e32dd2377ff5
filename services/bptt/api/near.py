"""Serves the application to commands on this machine, over the socket that `bptt up` listens on.

It starts with the first request and ends when there have been none for a while, or when it is no
longer the program that a command would be: then the next request starts the new one.
"""

import asyncio
import signal
import socket
import time
from types import FrameType

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bptt.api import LIKENESS_HEADER, UNLIKE
from bptt.api.application import create_app
from bptt.likeness import likeness
from bptt.settings import Settings

IDLE_AT_MOST = 600.0
"""Seconds without a request after which its memory is given back."""
LOOK_EVERY = 5.0
LEAVES_WITHIN = 5
"""Seconds that requests being worked on have when it is asked to end."""


class OwnClients:
    """Refuses clients that would do the work with other code, plugins or settings.

    Args:
        app: what is behind it.
        settings: of this process.
        own: its likeness, from before it imported the application.
    """

    def __init__(self, app: ASGIApp, settings: Settings, own: str) -> None:
        self._app, self._settings, self._own = app, settings, own
        self._asked = 0
        self._idle_since = time.monotonic()
        self.is_outdated = False
        """Whether what is installed here is no longer what this process runs."""

    @property
    def idle(self) -> float:
        """Seconds without a request."""
        return 0.0 if self._asked else time.monotonic() - self._idle_since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or have its client do the work itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self.is_outdated or Headers(scope=scope).get(LIKENESS_HEADER) != self._own:
            self.is_outdated = self.is_outdated or likeness(self._settings) != self._own
            await Response(status_code=UNLIKE)(scope, receive, send)
            return
        self._asked += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._asked -= 1
            self._idle_since = time.monotonic()


def serve_near(settings: Settings, listener: socket.socket, own: str) -> None:
    """Answer requests until a signal, idleness or another program's clients end it.

    Args:
        settings: of the home.
        listener: where requests come in; it stays open in the process that started this one.
        own: the likeness of this process.
    """
    # uvicorn re-raises the signal it received, which would skip the cleanup
    signal.signal(signal.SIGTERM, _leave)
    app = OwnClients(create_app(settings, "machine", apart=True), settings, own)
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LEAVES_WITHIN,
    )
    server = uvicorn.Server(config)
    asyncio.run(_serve(server, app, listener))


async def _serve(server: uvicorn.Server, app: OwnClients, listener: socket.socket) -> None:
    serving = asyncio.ensure_future(server.serve([listener]))
    while not (await asyncio.wait({serving}, timeout=LOOK_EVERY))[0]:
        if app.is_outdated or app.idle > IDLE_AT_MOST:
            server.handle_exit(signal.SIGTERM, None)
    await serving


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
