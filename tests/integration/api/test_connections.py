"""The served application logs its requests, and waits for none of them forever."""

import contextlib
import re
import socket
import time
from urllib.parse import urlsplit

import httpx

BEGINNINGS = {
    "nothing": b"",
    "half a head": b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "half a body": b"POST /api/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nBptt-User: anna\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
}


def test_requests_that_never_end_are_closed_within_20_seconds_even_if_they_drip(served, settings):
    with served(settings) as address, contextlib.ExitStack() as stack:
        parts = urlsplit(address)
        begun, closed, ends = time.monotonic(), {}, {}
        for name, beginning in BEGINNINGS.items():
            for way in ("still", "dripping"):
                end = socket.create_connection((parts.hostname, parts.port))
                stack.enter_context(end)
                end.setblocking(False)
                end.send(beginning)
                ends[name, way] = end
        while len(closed) < len(ends) and time.monotonic() - begun < 40:
            for key, end in ends.items():
                if key in closed:
                    continue
                try:
                    if key[1] == "dripping" and key[0] != "nothing":
                        end.send(b"a")
                    if end.recv(65536) == b"":
                        closed[key] = time.monotonic() - begun
                except BlockingIOError:
                    pass
                except OSError:
                    closed[key] = time.monotonic() - begun
            time.sleep(0.5)
        assert httpx.get(f"{address}/api/health", trust_env=False).status_code == 200

    assert closed.keys() == ends.keys()
    assert max(closed.values()) < 20, closed
    assert min(closed.values()) > 10, closed


def test_each_request_is_a_line_that_says_who_asked_and_tells_no_query(served, settings, tmp_path):
    with (tmp_path / "said").open("w+") as said, served(settings, said=said) as address:
        headers = {"Bptt-User": "anna%0Aroot"}
        httpx.get(f"{address}/api/health", trust_env=False)
        httpx.get(f"{address}/api/nothing%0Ahere?token=secret", trust_env=False)
        httpx.get(f"{address}/api/runs?limit=0", headers=headers, trust_env=False)
        until = time.monotonic() + 20
        while " /api/runs " not in (text := (tmp_path / "said").read_text()):
            assert time.monotonic() < until, text
            time.sleep(0.05)

    lines = [line for line in text.splitlines() if line.endswith(" ms")]
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    assert len(lines) == 2
    assert re.fullmatch(rf"{when} - GET /api/nothing%0Ahere 404 \d+ ms", lines[0])
    assert re.fullmatch(rf"{when} \(anna_root\) GET /api/runs 422 \d+ ms", lines[1])
    assert "secret" not in text


def test_the_owner_of_a_token_is_named_and_the_log_can_be_off(served, settings, tmp_path):
    from dataclasses import replace

    from bptt import store

    database = store.open_database(settings.database)
    store.upgrade(database)
    token, _ = store.create_token(database, user="anna", role="user")
    database.close()
    told = {}
    for log in ("on", "off"):
        path = tmp_path / log
        ours = replace(settings, access_log=log)
        with path.open("w") as said, served(ours, "--require-tokens", said=said) as address:
            headers = {"Authorization": f"Bearer {token}", "Bptt-User": "root"}
            assert httpx.get(f"{address}/api/me", headers=headers, trust_env=False).is_success
        told[log] = path.read_text()

    assert " anna GET /api/me 200 " in told["on"]
    assert token not in told["on"]
    assert "/api/me" not in told["off"]
