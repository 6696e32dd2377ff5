"""Requests and answers: what can go wrong between a client and the application."""

import getpass
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import quote

import httpx

from bptt import __version__
from bptt.api import API, API_HEADER, USER_HEADER, VERSION_HEADER
from bptt.api.faults import rebuilt
from bptt.client.token import token_of
from bptt.errors import BpttError, ServerUnavailable
from bptt.settings import Settings

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 600.0
"""A grid of a million points is checked and written within one request."""
PATIENCE = 2.0
"""Seconds of a request after which the user is told that it is still in progress."""


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container may run us under a user id without a name
        return f"uid{os.getuid()}"


class Connection:
    """Sends requests; an answer that carries an error raises it."""

    def __init__(self, settings: Settings) -> None:
        self._server = settings.server.rstrip("/")
        self.user = _user_name()
        """The owner of this account; with a token the server may know them by another name."""
        headers = {USER_HEADER: quote(self.user)}
        self._service: Any = None
        self.on_waiting: Callable[[], None] | None = None
        """Called from another thread when a server takes long over a request."""
        self.shows_token = bool(self._server and (token := token_of(settings)))
        if self._server:
            if self.shows_token:
                headers["Authorization"] = f"Bearer {token}"
            timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            self._http = httpx.Client(base_url=self._server, headers=headers, timeout=timeout)
        else:
            from bptt.api.application import create_app
            from bptt.client.in_process import InProcess

            # anyone who can read and write this machine's files needs no token
            app = create_app(settings, "machine")
            self._service = app.state.service
            self._http = httpx.Client(
                base_url="http://in-process",
                headers=headers,
                timeout=None,
                transport=InProcess(app),
            )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the content of the answer.

        Raises:
            BpttError: the one that the application raised.
            ServerUnavailable: what answers there, if anything, is no bptt this client can talk to.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        with self._patience():
            return self._ask(
                self._http.build_request(method, f"/api{path}", params=given, json=body)
            )

    def send(self, path: str, pieces: Iterable[bytes], size: int) -> Any:
        """Put content where the path says, piece by piece; return the content of the answer.

        Raises:
            BpttError: the one that the application raised, or `pieces`.
            ServerUnavailable: what answers there, if anything, is no bptt this client can talk to.
        """
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        content = iter(pieces)
        return self._ask(
            self._http.build_request("PUT", f"/api{path}", content=content, headers=headers)
        )

    def lend(self, digest: str, path: Path) -> None:
        """Let the application read a file where it is, if that is in this process.

        Then it needs no copy of what it only looks at.
        """
        if self._service is not None:
            self._service.lent[digest] = path

    @contextmanager
    def _patience(self) -> Iterator[None]:
        if not self._server or self.on_waiting is None:
            yield
            return
        timer = Timer(PATIENCE, self.on_waiting)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _ask(self, request: httpx.Request) -> Any:
        try:
            answer = self._http.send(request)
        except httpx.TransportError as error:
            raise ServerUnavailable(self._why(error)) from error
        self._check(answer)
        try:
            content = answer.json()
            refusal = None if answer.is_success else rebuilt(content)
        except (ValueError, LookupError, TypeError) as misfit:
            raise ServerUnavailable(
                f"The server {self._server} sent something that cannot be understood (HTTP "
                f"{answer.status_code}). Try again; if that does not help, ask whoever runs it."
            ) from misfit
        if refusal is not None:
            self._check_route(answer)
            raise refusal
        return content

    def _why(self, error: httpx.TransportError) -> str:
        reason = " ".join(str(error).split()) or type(error).__name__
        return (
            f"The server {self._server} does not answer: {reason}. Try again; if that does "
            "not help, check --server or BPTT_SERVER, or leave them out to work on this machine."
        )

    def _check(self, answer: httpx.Response) -> None:
        spoken = answer.headers.get(API_HEADER)
        if spoken is None:
            moved = answer.headers.get("location")
            to = f" and sends us to {moved}" if moved else ""
            raise ServerUnavailable(
                f"What answers at {self._server} is not bptt: HTTP {answer.status_code}{to}. "
                "Check --server or BPTT_SERVER."
            )
        if spoken != str(API):
            version = answer.headers.get(VERSION_HEADER, "unknown")
            newer = spoken.isdigit() and int(spoken) > API
            upgrade = "this program" if newer else "the server"
            raise ServerUnavailable(
                f"The server {self._server} is bptt {version}, this program is {__version__}: "
                f"they do not understand each other. Upgrade {upgrade}."
            )

    def _check_route(self, answer: httpx.Response) -> None:
        """Return unless the server is too old for this request."""
        lacks = answer.status_code in (404, 405) and answer.json()["error"] == BpttError.__name__
        if self._server and lacks:
            asked = f"{answer.request.method} {answer.request.url.path}"
            version = answer.headers.get(VERSION_HEADER, "unknown")
            raise ServerUnavailable(
                f"The server {self._server} is bptt {version}, this program is {__version__}: "
                f"it does not know {asked}. Upgrade the server."
            )

    def close(self) -> None:
        """End the connection."""
        self._http.close()
