"""The way to a server, and that to the application in this process: HTTP by httpx."""

from collections.abc import Mapping
from typing import Any

import httpx

from bptt.client.exchange import Question, Reply, Unanswered
from bptt.settings import Settings

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 600.0
"""A grid of a million points is checked and written within one request."""


class OverHttp:
    """Asks by HTTP.

    Args:
        http: the client of httpx.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, question: Question) -> Reply:
        """Return the answer; raises as `Way` says."""
        content: dict[str, Any] = {"json": question.body}
        if question.pieces is not None:
            size = {"Content-Length": str(question.size)}
            kind = {"Content-Type": "application/octet-stream"}
            content = {"content": iter(question.pieces), "headers": size | kind}
        query = dict(question.query) or None
        request = self._http.build_request(question.method, question.path, params=query, **content)
        try:
            answer = self._http.send(request)
        except httpx.TransportError as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Unanswered(reason) from error
        return Reply(answer.status_code, dict(answer.headers), answer.content)

    def close(self) -> None:
        """End the connection."""
        self._http.close()


def to_server(address: str, headers: Mapping[str, str]) -> OverHttp:
    """Return the way to a server."""
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    return OverHttp(httpx.Client(base_url=address, headers=headers, timeout=timeout))


def in_process(settings: Settings, headers: Mapping[str, str]) -> OverHttp:
    """Return the way to the application in this process."""
    from bptt.api.application import create_app
    from bptt.client.in_process import InProcess

    # anyone who can read and write this machine's files needs no token
    transport = InProcess(create_app(settings, "machine"))
    url = "http://in-process"
    return OverHttp(httpx.Client(base_url=url, headers=headers, timeout=None, transport=transport))
