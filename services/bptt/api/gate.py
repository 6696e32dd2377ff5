"""Who is let in: the one place that reads tokens, in front of every present and future route."""

from contextlib import suppress
from typing import Literal

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from bptt import store
from bptt.api.faults import body_outside, status_of
from bptt.api.service import Service
from bptt.errors import BpttError, NotAdmitted
from bptt.records.users import Holder

Admission = Literal["machine", "everybody", "tokens"]
"""Who gets through: this process, anyone who can reach the address, or anyone with a token."""

OPEN = frozenset(
    {"/api/health", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/favicon.ico"}
)
"""What reveals nothing about anybody."""

NO_TOKEN = (
    "The server asks for a token: set BPTT_TOKEN, or BPTT_TOKEN_FILE. "
    "An admin makes one: bptt tokens create --user NAME"
)
SCHEME = "bearer"


class Gate:
    """Refuses requests with an invalid token, and those without one where a token is required."""

    def __init__(self, app: ASGIApp, service: Service, admission: Admission) -> None:
        self._app, self._service, self._admission = app, service, admission
        self._used: set[int] = set()
        self._is_noting = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its `holder`, or refuse it before its body is read."""
        if scope["type"] != "http" or scope["path"] in OPEN or self._admission == "machine":
            await self._app(scope, receive, send)
            return
        try:
            holder = await self._holder(Headers(scope=scope).getlist("authorization"))
        except BpttError as error:
            status = status_of(error)
            asks = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await JSONResponse(body_outside(error), status, asks)(scope, receive, send)
            return
        scope.setdefault("state", {})["holder"] = holder
        await self._app(scope, receive, send)
        if holder is not None and holder.is_stale:
            self._used.add(holder.token_id)
            await self._note_uses()

    async def _note_uses(self) -> None:
        """Note which tokens were used, after their answers; one at a time.

        While somebody else is writing for long, at most one thread waits its turn.
        """
        if self._is_noting:
            # by the request that is already noting
            return
        self._is_noting = True
        try:
            while self._used:
                token_id = self._used.pop()
                # a full disk is reported where it matters
                with suppress(BpttError):
                    await run_in_threadpool(store.note_use, self._service.database, token_id)
        finally:
            self._is_noting = False

    async def _holder(self, given: list[str]) -> Holder | None:
        if not given:
            if self._admission == "tokens":
                raise NotAdmitted(NO_TOKEN)
            return None
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != SCHEME:
            raise NotAdmitted("The server understands one Authorization header: Bearer TOKEN.")
        # opening the database may take a while as well
        return await run_in_threadpool(self._admit, token.strip())

    def _admit(self, token: str) -> Holder:
        return store.admit(self._service.database, token)
