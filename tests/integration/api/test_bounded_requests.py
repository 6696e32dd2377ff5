"""A server does for one request so much and no more, and answers all others meanwhile."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from bptt.api import USER_HEADER

HUGE = "task: {name: copy_memory, delay: 1000000000}\ncell: lstm\n"
MANY = "task: latch\ncell: lstm\nseeds: 50000\n"
PLUGINS = '''"""Tasks whose constructors take what they can."""
from bptt.contracts import Features, Task


class Greedy(Task):
    """Takes memory."""
    causal, reads, metric, better, loss = False, "last", "m", "lower", "squared_error"
    def __init__(self):
        self.kept = [bytearray(2**24) for _ in range(2**12)]
    def sample(self, generator, batch_size): ...
    def metrics(self, outputs, batch): ...
    def solved(self, metrics): ...


class Endless(Greedy):
    """Takes time."""
    def __init__(self):
        while True:
            pass


class Deadly(Greedy):
    """Takes the process."""
    def __init__(self):
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
'''


def preview(address, source, user="anna"):
    return httpx.post(
        f"{address}/api/preview",
        json={"source": source, "filename": "grid.yaml"},
        headers={USER_HEADER: user},
        timeout=500,
        trust_env=False,
    )


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """An installed distribution of tasks that do harm."""
    folder = tmp_path / "site"
    (folder / "harm-1.0.dist-info").mkdir(parents=True)
    (folder / "harm.py").write_text(PLUGINS)
    about = folder / "harm-1.0.dist-info"
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: harm\nVersion: 1.0\n")
    names = ("greedy", "endless", "deadly")
    entries = "\n".join(f"{name} = harm:{name.title()}" for name in names)
    (about / "entry_points.txt").write_text(f"[bptt.tasks]\n{entries}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def resident_megabytes(address):
    """Return what the process that listens at an address takes."""
    port = int(address.rpartition(":")[2])
    for process in Path("/proc").glob("[0-9]*"):
        words = _words(process)
        if "api" in words and str(port) in words:
            return int((process / "statm").read_text().split()[1]) * 4096 / 2**20
    raise LookupError(address)


def _words(process):
    try:
        return (process / "cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def test_twenty_requests_at_once_keep_nobody_else_waiting(served, settings):
    with served(settings) as address:
        assert preview(address, HUGE).status_code == 422
        before = resident_megabytes(address)
        answers, slowest = [], 0.0
        senders = [
            threading.Thread(
                target=lambda n=n: answers.append(
                    preview(address, HUGE if n % 2 else MANY, user=f"user{n % 4}")
                )
            )
            for n in range(20)
        ]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            for path in ("health", "queue", "grids"):
                began = time.perf_counter()
                asked = httpx.get(
                    f"{address}/api/{path}", headers={USER_HEADER: "bob"}, trust_env=False
                )
                slowest = max(slowest, time.perf_counter() - began)
                assert asked.status_code == 200
            time.sleep(0.05)
        after = resident_megabytes(address)

    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [422] * 10
    assert slowest < 1.0
    assert after - before < 60


def test_preview_of_a_million_points_is_cut_and_small(served, settings):
    with served(settings) as address:
        answer = preview(address, "task: latch\ncell: lstm\nseeds: 1000000\n")
        grown = resident_megabytes(address)

    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 100_000
    said = answer.json()
    (axis,) = said["axes"]
    assert (said["points"], axis["count"], axis["values"][-1]) == (1_000_000, 1_000_000, 999_999)
    assert grown < 200


@pytest.mark.parametrize(
    ("task", "why"),
    [("greedy", "MB of memory, its limit for one request"), ("deadly", "its process died")],
)
def test_plugin_that_takes_too_much_is_refused_in_one_line(plugins, served, settings, task, why):
    with served(settings) as address:
        answer = preview(address, f"task: {task}\ncell: lstm\n")
        healthy = preview(address, "task: latch\ncell: lstm\n")

    assert answer.status_code == 413, answer.text
    assert why in answer.json()["message"]
    assert "\n" not in answer.json()["message"]
    assert healthy.status_code == 200


def test_plugin_that_never_returns_is_given_up(plugins, settings, monkeypatch):
    from bptt import store
    from bptt.api.asking import Person
    from bptt.api.drafting import Bounds, _supervise
    from bptt.api.drafts import draft_preview
    from bptt.api.orders import GridText
    from bptt.errors import TooMuchWork

    monkeypatch.syspath_prepend(plugins)
    store.upgrade(store.open_database(settings.database))
    asker = Person("anna", is_admin=False, is_proven=True)
    order = GridText(source="task: endless\ncell: lstm\n")

    with pytest.raises(TooMuchWork, match="gave up checking the grid file after 8 seconds"):
        _supervise(settings, Bounds(read_seconds=8.0), draft_preview, (order, asker))


def test_user_with_too_many_requests_is_told(served, settings):
    answers = []
    with served(settings) as address:
        senders = [
            threading.Thread(target=lambda: answers.append(preview(address, MANY)))
            for _ in range(12)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == 4
    assert all("8 requests of yours" in answer.json()["message"] for answer in refused)


def test_bounded_server_queues_what_an_unbounded_one_queues(client, file):
    submitted = client.submit(file, [])

    assert (submitted.queued, submitted.packs) == (6, 2)
    assert 0 < submitted.least < submitted.seconds < submitted.most
    assert client.extend(submitted.grid_id, overrides=["seeds=3"]).queued == 3
