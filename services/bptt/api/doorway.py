"""What applies to every request: its size, its address being UTF-8, and whose answer it gets."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bptt import __version__
from bptt.api import API, API_HEADER, VERSION_HEADER
from bptt.api.faults import body_of
from bptt.errors import BpttError, InvalidSpec, UserError, quoted

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
            refusal: BpttError = UserError(
                f"{what} at most {largest:,} bytes here, of known length."
            )
            await JSONResponse(body_of(refusal), 413)(scope, receive, send_named)
            return
        if where := _misread(scope):
            refusal = InvalidSpec([f"{where}: must be UTF-8, percent-encoded."])
            await JSONResponse(body_of(refusal), 422)(scope, receive, send_named)
            return
        await self._app(scope, receive, send_named)


def _misread(scope: Scope) -> str:
    """Return what is not UTF-8: the path, or a parameter by its name; empty: all of it is.

    What is behind would be given a text with other characters in its place.
    """
    if not _is_text(scope.get("raw_path") or b""):
        return "the address"
    wrong = (part for part in scope["query_string"].split(b"&") if not _is_text(part))
    name = next(wrong, b"").partition(b"=")[0]
    return quoted(name.decode("latin-1"))[1:-1]


def _is_text(encoded: bytes) -> bool:
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_small(length: str, largest: int) -> bool:
    # Python refuses to convert thousands of digits, and takes "²" for one
    is_number = length.isascii() and length.isdigit() and len(length) <= len(str(largest))
    return is_number and int(length) <= largest
