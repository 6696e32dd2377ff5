"""The access log: a line for each request, on stderr."""

import re
import sys
import time
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bptt.api import USER_HEADER
from bptt.records.users import Holder

LONGEST = 300
"""Characters of a path that are kept; longer ones are cut."""
TOKEN = re.compile(r"(bptt_[\w-]{8})[\w-]+")
"""What is, or could be, a token; its beginning says which."""
LEFT_OUT = "/api/health"
"""Requested every few seconds, by machines."""


class AccessLog:
    """Logs who requested what, the status of the answer, and how long it took.

    Queries are left out, because people put secrets there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and log it when it is done."""
        if scope["type"] != "http" or scope["path"] == LEFT_OUT:
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), "-"

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            took = (time.monotonic() - begun) * 1000
            when = datetime.now(UTC).isoformat(timespec="seconds")
            # encoded again, so that nothing in it can start a new line
            path = quote(_without_tokens(scope["path"]))[:LONGEST]
            line = f"{when} {_who(scope)} {scope['method']} {path} {status} {took:.0f} ms"
            print(line, file=sys.stderr, flush=True)


def _who(scope: Scope) -> str:
    """Return the owner of the token, or in brackets whom a client without one names, or -."""
    holder: Holder | None = scope.get("state", {}).get("holder")
    if holder is not None:
        return _one_word(holder.name)
    named = unquote(Headers(scope=scope).get(USER_HEADER, ""))
    return f"({_one_word(named[:64])})" if named else "-"


def _one_word(name: str) -> str:
    return "".join(c if c.isprintable() and not c.isspace() else "_" for c in _without_tokens(name))


def _without_tokens(text: str) -> str:
    return TOKEN.sub(r"\1...", text)
