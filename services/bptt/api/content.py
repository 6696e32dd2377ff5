"""Contents of files that grids name: received once, kept under their hash, removed when unread.

Users may name only what they have sent themselves, no matter who else has sent the same: knowing a
hash gives no access, and no answer reveals whether somebody else has a file.
"""

import asyncio
import errno
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

from fastapi import Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from bptt import content, store
from bptt.api.asking import Asker
from bptt.api.content_answers import KeptContent
from bptt.api.orders import NamedFile
from bptt.api.routing import new_router
from bptt.api.service import Service, Shared
from bptt.content import PIECE, NamedContent
from bptt.deleted_folders import read_outside
from bptt.durable import is_full
from bptt.errors import StorageUnavailable, UserError
from bptt.library import Incoming
from bptt.store.content import refuse_beyond
from bptt.worker.disk_space import NEEDED, free_bytes

if TYPE_CHECKING:
    from bptt.run_file import Files

router = new_router("content")

SILENCE = 60.0
"""Seconds for which an upload may stall."""

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the content.")]
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put("/content/{digest}", status_code=201, openapi_extra=BODY)
async def send_content(
    digest: Digest, request: Request, asker: Asker, service: Shared
) -> KeptContent:
    """Send the content of a file, so that grids can name it.

    It is stored completely or not at all, and may be sent again.
    """
    # the doorway has made sure that it is there
    size, user = int(request.headers.get("content-length", "0")), asker.name
    # opening it may take a while
    database = await run_in_threadpool(lambda: service.database)
    known = await run_in_threadpool(store.sent_contents, database, user, [digest])
    held = await run_in_threadpool(store.bytes_sent, database, user)
    if digest not in known:
        refuse_beyond(service.quota, held + service.arriving[user], size, user)
    service.arriving[user] += size
    try:
        with service.library.incoming() as incoming:
            _refuse_without_room(service, size)
            await _receive(request, incoming)
            if incoming.digest != digest:
                raise UserError(
                    f"The content received has the SHA-256 {incoming.digest}, but {digest} was "
                    "announced: the file changed while it was being sent, or was damaged on the "
                    "way. Send it again; nothing was kept."
                )
            await run_in_threadpool(_keep, service, incoming, user)
    except OSError as error:
        if not is_full(error):
            raise
        raise _no_room(service) from error
    finally:
        service.arriving[user] -= size
    await run_in_threadpool(remove_unread, service)
    return KeptContent(sha256=digest, size=incoming.size)


def _keep(service: Service, incoming: Incoming, user: str) -> None:
    # on disk before anything waits for the database
    incoming.sync()
    store.keep_content(
        service.database,
        user=user,
        digest=incoming.digest,
        size=incoming.size,
        quota=service.quota,
        keep=lambda: service.library.keep(incoming),
    )


async def _receive(request: Request, incoming: Incoming) -> None:
    """Write what arrives piece by piece, so that a file is never in memory as a whole."""
    waiting = bytearray()
    async for piece in _pieces(request):
        waiting += piece
        if len(waiting) >= PIECE:
            await run_in_threadpool(incoming.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(incoming.write, bytes(waiting))


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(SILENCE):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except (TimeoutError, ClientDisconnect):
            raise UserError("The content ended early; nothing was kept.") from None
        yield piece


def _refuse_without_room(service: Service, size: int) -> None:
    if free_bytes(service.library.folder) < size + NEEDED:
        raise _no_room(service)


def _no_room(service: Service) -> StorageUnavailable:
    return StorageUnavailable(
        "The disk of the home has no room for the file; nothing was kept. Try again when there is."
    )


def files_of(
    service: Service,
    user: str,
    given: Mapping[str, NamedFile],
    stored: Mapping[str, NamedContent] | None = None,
    only_looks: bool = False,
) -> "Files":
    """Return what is known about the files that a grid names.

    No path from a request is opened, unless whoever asks could open it here as well.

    Args:
        service: what all routes share.
        user: who is asking, and may name what they have sent.
        given: what the request says about each path.
        stored: what the grid already reads, no matter who sent it.
        only_looks: nothing will be queued, so a file on this machine need not be kept.
    """
    from bptt.run_file import Files

    problems = {path: as_sentence(one.problem) for path, one in given.items() if one.problem}
    named = dict(stored or {})
    for path, one in given.items():
        if one.size > service.largest_file:
            shown = content.plain_name(one.name or path)
            problems[path] = content.too_large(shown, one.size, service.largest_file)
        elif not one.problem and one.sha256:
            name = content.plain_name(one.name)
            # the sender's path, to be compared and never to be opened
            earlier = one.path if one.path.isprintable() else ""
            named[path] = NamedContent(one.sha256, one.size, name, earlier)
    asked = {one.sha256 for one in named.values()}
    own = store.sent_contents(service.database, user, asked) if asked else {}
    own |= {one.sha256: one.size for one in (stored or {}).values()}
    places = {d: place for d, size in own.items() if (place := service.library.find(d, size))}
    lent: dict[str, FilePath] = {}
    if only_looks and service.is_near:
        lent = {n.sha256: FilePath(n.path) for n in given.values() if n.sha256 and n.path}
    return Files(named, problems, {**lent, **places})


def as_sentence(problem: str) -> str:
    """Return what a client says about one of its files, as one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in problem).split())
    return line if re.search(r"[.!?]$", line) else f"{line}."


def remove_unread(service: Service) -> None:
    """Remove contents that nobody has sent, and no run has named, for a day."""
    try:
        runs = service.settings.runs
        store.remove_unread(service.database, service.library, lambda: read_outside(runs))
    except OSError as error:
        # what cannot be removed now is tried again next time
        if not is_full(error) and error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
