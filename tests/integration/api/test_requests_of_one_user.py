"""Large requests keep nobody waiting, and end when nobody waits for them."""

import json
import os
import socket
import threading
import time

import httpx
import pytest

from bptt.api import USER_HEADER

PLUGINS = '''"""A task whose constructor takes until somebody says so."""
import os, pathlib, time
from bptt_plugins.tasks.latch import Latch

HERE = pathlib.Path(__file__).parent


def wait():
    (HERE / f"{os.getpid()}.pid").touch()
    while not (HERE / "go").exists():
        time.sleep(0.05)


class Slow(Latch):
    """Takes its time."""
    def __init__(self):
        wait()
        super().__init__()
'''
SLOW = {"source": "task: slow\ncell: lstm\n"}
SMALL = {"source": "task: latch\ncell: lstm\n"}


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """The folder of an installed distribution: a slow task, a module that is slow to import."""
    folder = tmp_path / "site"
    about = folder / "slow-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "slow.py").write_text(PLUGINS)
    (folder / "slow_import.py").write_text("import slow\nslow.wait()\n")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
    entries = "[bptt.tasks]\nslow = slow:Slow\n[bptt.clippers]\nslow_one = slow_import:Mine\n"
    (about / "entry_points.txt").write_text(entries)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def ask(address, user, method, path, body=None):
    """Return an answer."""
    asked = {"json": body, "headers": {USER_HEADER: user}, "timeout": 300, "trust_env": False}
    return httpx.request(method, f"{address}/api/{path}", **asked)


def begin(address, method, path, body):
    """Return a connection on which ada has asked for something."""
    host, _, port = address.removeprefix("http://").partition(":")
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} /api/{path} HTTP/1.1\r\nHost: {host}:{port}\r\n{USER_HEADER}: ada\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    connection = socket.create_connection((host, int(port)))
    connection.sendall((head + kind).encode() + content)
    return connection


def alive(folder):
    """Return the processes that wait, or what is left of them."""
    pids = [int(path.stem) for path in folder.glob("*.pid")]
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_large_requests_of_a_user_keep_no_small_one_waiting(plugins, served, settings):
    answers, waits = [], []
    with served(settings) as address:
        assert ask(address, "ada", "POST", "preview", SMALL).status_code == 200
        users = ["ada", "ada", "ada", "bob", "bob"]
        senders = [
            threading.Thread(
                target=lambda u=u: answers.append(ask(address, u, "POST", "grids", SLOW))
            )
            for u in users
        ]
        for sender in senders:
            sender.start()
        until(lambda: alive(plugins))
        for user in ("ada", "bob", "cleo", "ada"):
            began = time.monotonic()
            assert ask(address, user, "POST", "preview", SMALL).status_code == 200
            waits.append(time.monotonic() - began)
        assert len(alive(plugins)) == 2
        (plugins / "go").touch()
        for sender in senders:
            sender.join()

    # without places of their own they would have waited for a minute
    assert max(waits) < 10.0, waits
    print([f"{wait:.2f} s" for wait in waits])
    # the large ones are all done in the end, each once
    assert [answer.status_code for answer in answers] == [201] * 5, [a.text for a in answers]
    assert sorted(answer.json()["queued"] for answer in answers) == [0, 0, 0, 1, 1]


QUICK = [("POST", "grids", SLOW), ("GET", "plugin?word=slow_one", None)]
MORE = [
    ("POST", "preview", SLOW),
    ("GET", "plugins?long=true", None),
    ("POST", "plugins/check", {"names": ["slow_one"], "given": []}),
]


@pytest.mark.parametrize("cases", [QUICK, pytest.param(MORE, marks=pytest.mark.soak)])
def test_work_ends_when_its_client_goes_away(plugins, served, settings, cases):
    with served(settings) as address:
        assert ask(address, "ada", "POST", "preview", SMALL).status_code == 200
        for method, path, body in cases:
            # as many as may wait
            asked = [begin(address, method, path, body) for _ in range(8)]
            until(lambda: alive(plugins))
            for connection in asked:
                connection.close()
            # by itself the quickest goes on for 20 s
            until(lambda: not alive(plugins), 10.0)
            assert ask(address, "ada", "POST", "preview", SMALL).status_code == 200, path
        assert ask(address, "ada", "GET", "grids").json() == []
