"""What applies to every request: its size is bounded, and every answer says who gives it."""

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

CONTENT = "/api/content/"
"""Where contents of files are sent to."""

HEADERS: Mapping[str, str] = {API_HEADER: str(API), VERSION_HEADER: __version__}


class Doorway:
    """The outermost part of the application.

    Args:
        app: what is behind it.
        largest_file: bytes of the content of a file, the only larger thing that is sent.
    """

    def __init__(self, app: ASGIApp, largest_file: int) -> None:
        self._app = app
        self._largest_file = largest_file

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
        is_file = scope["method"] == "PUT" and scope["path"].startswith(CONTENT)
        largest = self._largest_file if is_file else LARGEST_BODY
        if "transfer-encoding" in headers or not _is_small(length, largest):
            what = "A file has" if is_file else "A request takes"
            refusal = UserError(f"{what} at most {largest:,} bytes here, of known length.")
            await JSONResponse(told(refusal), 413)(scope, receive, send_named)
            return
        await self._app(scope, receive, send_named)


def _is_small(length: str, largest: int) -> bool:
    # Python refuses to convert thousands of digits, and takes "²" for one
    is_number = length.isascii() and length.isdigit() and len(length) <= len(str(largest))
    return is_number and int(length) <= largest
