"""What holds for every request: its size is bounded, and every answer says who gives it."""

from collections.abc import Mapping

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bptt import __version__
from bptt.api import API, API_HEADER, VERSION_HEADER
from bptt.api.faults import told
from bptt.errors import UserError

LARGEST_BODY = 8 * 2**20
"""Bytes; a grid file has a million at most, and JSON may take several for one."""

HEADERS: Mapping[str, str] = {API_HEADER: str(API), VERSION_HEADER: __version__}


class Doorway:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit() or int(length) > LARGEST_BODY:
            refusal = UserError(f"A request takes at most {LARGEST_BODY:,} bytes, of known length.")
            await JSONResponse(told(refusal), 413)(scope, receive, send_named)
            return
        await self._app(scope, receive, send_named)
