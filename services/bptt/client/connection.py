"""Requests and answers: what can go wrong between a client and the application."""

import getpass
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from threading import Timer
from typing import Any
from urllib.parse import quote

from bptt import __version__
from bptt.api import API, API_HEADER, USER_HEADER, VERSION_HEADER
from bptt.api.faults import rebuilt
from bptt.client.exchange import Question, Reply, Unanswered, Way
from bptt.client.nearby import Nearby, nearby
from bptt.client.token import token_of
from bptt.errors import BpttError, ServerUnavailable
from bptt.settings import Settings

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
        self._settings, self._headers = settings, headers
        self.on_waiting: Callable[[], None] | None = None
        """Called from another thread when a server takes long over a request."""
        self.shows_token = bool(self._server and (token := token_of(settings)))
        if self.shows_token:
            headers["Authorization"] = f"Bearer {token}"
        self._way = self._found_way()

    def _found_way(self) -> Way:
        if not self._server:
            return nearby(self._settings, self._headers) or self._own_way()
        # here, as a command that finds the application of `bptt up` does without
        from bptt.client.over_http import to_server

        return to_server(self._server, self._headers)

    def _own_way(self) -> Way:
        from bptt.client.over_http import in_process

        return in_process(self._settings, self._headers)

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
            return self._ask(Question(method, f"/api{path}", given, body))

    def send(self, path: str, pieces: Iterable[bytes], size: int) -> Any:
        """Put content where the path says, piece by piece; return the content of the answer.

        Raises:
            BpttError: the one that the application raised, or `pieces`.
            ServerUnavailable: what answers there, if anything, is no bptt this client can talk to.
        """
        return self._ask(Question("PUT", f"/api{path}", pieces=pieces, size=size))

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

    def _ask(self, question: Question) -> Any:
        try:
            answer = self._way.ask(question)
        except Unanswered as silence:
            if not isinstance(self._way, Nearby):
                raise ServerUnavailable(self._why(str(silence))) from silence
            # `bptt up` has ended or has been upgraded since
            self._way = self._own_way()
            answer = self._way.ask(question)
        self._check(answer)
        try:
            content = json.loads(answer.content)
            is_success = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
            refusal = None if is_success else rebuilt(content)
        except (ValueError, LookupError, TypeError) as misfit:
            raise ServerUnavailable(
                f"The server {self._server} sent something that cannot be understood (HTTP "
                f"{answer.status}). Try again; if that does not help, ask whoever runs it."
            ) from misfit
        if refusal is not None:
            self._check_route(question, answer)
            raise refusal
        return content

    def _why(self, reason: str) -> str:
        return (
            f"The server {self._server} does not answer: {reason}. Try again; if that does "
            "not help, check --server or BPTT_SERVER, or leave them out to work on this machine."
        )

    def _check(self, answer: Reply) -> None:
        spoken = answer.headers.get(API_HEADER.lower())
        if spoken is None:
            moved = answer.headers.get("location")
            to = f" and sends us to {moved}" if moved else ""
            raise ServerUnavailable(
                f"What answers at {self._server} is not bptt: HTTP {answer.status}{to}. "
                "Check --server or BPTT_SERVER."
            )
        if spoken != str(API):
            version = answer.headers.get(VERSION_HEADER.lower(), "unknown")
            newer = spoken.isdigit() and int(spoken) > API
            upgrade = "this program" if newer else "the server"
            raise ServerUnavailable(
                f"The server {self._server} is bptt {version}, this program is {__version__}: "
                f"they do not understand each other. Upgrade {upgrade}."
            )

    def _check_route(self, question: Question, answer: Reply) -> None:
        """Return unless the server is too old for this request."""
        lacks = (
            answer.status in (404, 405)
            and json.loads(answer.content)["error"] == BpttError.__name__
        )
        if self._server and lacks:
            asked = f"{question.method} {question.path}"
            version = answer.headers.get(VERSION_HEADER.lower(), "unknown")
            raise ServerUnavailable(
                f"The server {self._server} is bptt {version}, this program is {__version__}: "
                f"it does not know {asked}. Upgrade the server."
            )

    def close(self) -> None:
        """End the connection."""
        self._way.close()
