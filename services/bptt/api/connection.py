"""A connection to the server that is closed if its request does not end in time."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 15.0
"""Seconds for the head of a request, and for a pause in its body."""
SLOWEST = 16 * 1024
"""Bytes of a body that must arrive per second, on average, after PATIENCE."""


class TimedConnection(H11Protocol):
    """Uvicorn's connection, which would otherwise wait forever for the rest of a request."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._phase: tuple[Any, Any] = (None, None)
        self._since = self._last = self.loop.time()
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a request."""
        super().connection_made(transport)
        self._note(0)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        super().data_received(data)
        self._note(len(data))

    def on_response_complete(self) -> None:
        """Start waiting for the next request."""
        super().on_response_complete()
        self._note(0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _note(self, received: int) -> None:
        now, phase = self.loop.time(), (self.cycle, self.conn.their_state)
        if phase != self._phase:
            self._phase, self._since, self._received = phase, now, 0
        self._received += received
        self._last = now

    def _watch(self) -> None:
        now, state = self.loop.time(), self.conn.their_state
        if state is h11.IDLE:
            due = self._since + PATIENCE
        elif state is h11.SEND_BODY and not self.flow.read_paused:
            due = min(self._last, self._since + self._received / SLOWEST) + PATIENCE
        else:
            # it waits for us
            self._since, self._received = now, 0
            self._last, due = now, now + 1.0
        if due <= now:
            self.transport.abort()
            return
        self._timer = self.loop.call_later(min(due - now, 1.0), self._watch)
