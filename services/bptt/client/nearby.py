"""The way to the application that `bptt up` keeps running: HTTP over a socket in the home.

A command that finds it imports neither the application nor what that needs.
"""

import http.client
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from bptt.api import LIKENESS_HEADER, UNLIKE, application_socket
from bptt.client.exchange import Question, Reply, Unanswered
from bptt.errors import ServerUnavailable
from bptt.likeness import likeness
from bptt.settings import Settings

GREETED_WITHIN = 10.0
"""Seconds in which it has to say that it is there; it may have to start first."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("nearby", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Nearby:
    """Asks over a socket, with a connection for each question.

    Args:
        path: of the socket.
        headers: of every request.
    """

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        self._path, self._headers = path, headers

    def ask(self, question: Question, timeout: float | None = None) -> Reply:
        """Return the answer; raises as `Way` says.

        Raises:
            ServerUnavailable: the application ended while it may have been changing something.
        """
        connection = _Connection(self._path, timeout)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise Unanswered(str(error)) from error
            try:
                reply = _exchange(connection, question, self._headers)
            except (OSError, http.client.HTTPException) as error:
                if question.method == "GET":
                    raise Unanswered(str(error)) from error
                raise ServerUnavailable(
                    "The application of bptt up ended before it had answered. See with bptt grids "
                    "whether it has done what you asked, and give the command again if not."
                ) from error
        finally:
            connection.close()
        if reply.status == UNLIKE:
            raise Unanswered("it is another program")
        return reply

    def close(self) -> None:
        """There is no connection to end."""


def _exchange(
    connection: http.client.HTTPConnection, question: Question, headers: Mapping[str, str]
) -> Reply:
    query = urlencode({name: _word(value) for name, value in question.query.items()}, doseq=True)
    target = f"{question.path}?{query}" if query else question.path
    if question.pieces is not None:
        size = {"Content-Length": str(question.size), "Content-Type": "application/octet-stream"}
        connection.request(question.method, target, question.pieces, {**headers, **size})
    elif question.body is not None:
        body = json.dumps(question.body).encode()
        kind = {"Content-Type": "application/json"}
        connection.request(question.method, target, body, {**headers, **kind})
    else:
        connection.request(question.method, target, headers=dict(headers))
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return Reply(answer.status, found, answer.read())


def _word(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def nearby(settings: Settings, headers: Mapping[str, str]) -> Nearby | None:
    """Return the way to the application of this home; None: none is up that does what we would."""
    path = application_socket(settings.home)
    try:
        # somebody else's would know us by their own name
        if path.stat().st_uid != os.getuid():
            return None
    except OSError:
        return None
    way = Nearby(path, {**headers, LIKENESS_HEADER: likeness(settings)})
    try:
        greeted = way.ask(Question("GET", "/api/health"), GREETED_WITHIN)
    except Unanswered:
        return None
    return way if greeted.status == http.client.OK else None
