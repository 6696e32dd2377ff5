"""The application: its routes, and what an error becomes on its way out."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from bptt import __version__
from bptt.api import (
    comparing,
    content,
    grids,
    pages,
    plugins,
    queue,
    runs,
    submission,
    surroundings,
    users,
)
from bptt.api.described import add_descriptions
from bptt.api.doorway import HEADERS, Doorway
from bptt.api.drafting import Drafting, bounds_here, without_bounds
from bptt.api.faults import body_of, body_outside, status_of
from bptt.api.gate import Admission, Gate
from bptt.api.service import Service
from bptt.errors import BpttError, InvalidSpec, plain, quoted
from bptt.settings import Settings

log = logging.getLogger(__name__)

PREPARED_AFTER = 30.0
"""Seconds after the start until what grid files need is imported, unless one comes before: a
second of processor time, which a server that has just started has better uses for."""
TOKEN = HTTPBearer(auto_error=False, description="As `bptt tokens create` prints it.")
"""Only tells /docs where a token goes; the gate reads it."""


class Application(FastAPI):
    """FastAPI, whose document tells what the fields of answers mean."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            add_descriptions(super().openapi())
        return super().openapi()


def create_app(settings: Settings, admission: Admission = "tokens", apart: bool = False) -> FastAPI:
    """Return the application for these settings; the database is opened with the first request.

    Args:
        settings: of the home.
        admission: who gets through.
        apart: on one's own machine, whether grid files are checked in other processes.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        soon = loop.call_later(PREPARED_AFTER, app.state.drafting.prepare)
        if admission == "machine":
            soon.cancel()
        yield
        soon.cancel()
        app.state.drafting.close()
        app.state.service.close()

    app = Application(
        title="bptt",
        version=__version__,
        summary="Grids of runs of recurrent networks: queue them, follow them, steer them.",
        lifespan=lifespan,
    )
    is_near = admission == "machine"
    app.state.service, app.state.admission = Service(settings, is_near), admission
    # one's own machine serves nobody else
    bounds = (without_bounds() if apart else None) if is_near else bounds_here()
    app.state.drafting = Drafting(app.state.service, bounds)
    app.include_router(queue.health_router, prefix="/api")
    for part in (queue, submission, content, runs, grids, comparing, pages, plugins, users):
        app.include_router(part.router, prefix="/api", dependencies=[Depends(TOKEN)])
    if is_near:
        app.include_router(surroundings.router, prefix="/api")
    app.add_middleware(Gate, service=app.state.service, admission=admission)
    # outermost, so that refusals say who gives them as well
    app.add_middleware(Doorway, largest_file=app.state.service.largest_file)
    app.add_exception_handler(BpttError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_misfits)
    app.add_exception_handler(HTTPException, _tell_route)
    app.add_exception_handler(Exception, _tell_failure)
    return app


async def _tell(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BpttError)
    if request.app.state.admission == "machine":
        return JSONResponse(body_of(error), status_of(error))
    if error.outside:
        log.warning("%s %s: %s", request.method, plain(request.url.path), error)
    return JSONResponse(body_outside(error), status_of(error))


async def _tell_misfits(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse(body_of(InvalidSpec([_misfit(fault) for fault in error.errors()])), 422)


def _misfit(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
    if fault["type"] == "string_pattern_mismatch":
        return f"{where}: must hold no control character."
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}."


async def _tell_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = quoted(request.url.path)[1:-1]
    what = f"{request.method} {path}: {error.detail}. See /docs for what there is."
    return JSONResponse(body_of(BpttError(what)), error.status_code)


async def _tell_failure(request: Request, error: Exception) -> JSONResponse:
    number = secrets.token_hex(4)
    failure = BpttError(f"The server failed; what happened stands in its log, under {number}.")
    # in a client's own process the error itself arrives, traceback and all
    path = quoted(request.url.path)
    log.error("failure %s: %s %s", number, request.method, path, exc_info=error)
    # made outside of every middleware
    return JSONResponse(body_of(failure), 500, dict(HEADERS))
