"""Carries requests to the application in this process, without a server."""

import asyncio
from collections.abc import AsyncIterator
from threading import Thread

import httpx
from fastapi import FastAPI


class _Pieces(httpx.AsyncByteStream):
    """A request's body, of which only one piece at a time is in memory."""

    def __init__(self, pieces: httpx.SyncByteStream) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class InProcess(httpx.BaseTransport):
    """Runs the application in its own thread, so that it works within any event loop."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        # our own errors arrive as raised, traceback and all
        self._transport = httpx.ASGITransport(self._app, raise_app_exceptions=True)
        self._loop = asyncio.new_event_loop()
        # a client that was not closed must not block exit
        self._thread = Thread(target=self._loop.run_forever, name="bptt-api", daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        sent = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            stream=_Pieces(request.stream),
        )
        answer = await self._transport.handle_async_request(sent)
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._app.state.service.close()
