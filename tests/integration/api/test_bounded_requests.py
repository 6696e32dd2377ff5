"""A server does for one request so much and no more, and answers all others meanwhile."""

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from bptt.api import USER_HEADER, plugin_drafts
from bptt.api.application import create_app
from bptt.api.drafting import Bounds, Drafting
from bptt.client.in_process import InProcess

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


ASLEEP = f"4321.{os.getpid()}"
"""Seconds for which a process sleeps that a plugin starts; no other has this number."""
HARMFUL_IMPORTS = {
    "loops": f"import subprocess; subprocess.Popen(['sleep', '{ASLEEP}'])\nwhile True: pass",
    "takes": "kept = [bytearray(2**24) for _ in range(2**12)]",
    "exits": "import os; os._exit(0)",
}
"""What modules of clippers do when they are imported."""


def preview(address, source, user="anna"):
    return httpx.post(
        f"{address}/api/preview",
        json={"source": source, "filename": "grid.yaml"},
        headers={USER_HEADER: user},
        timeout=500,
        trust_env=False,
    )


def get(address, path, user):
    headers = {USER_HEADER: user}
    return httpx.get(f"{address}/api/{path}", headers=headers, timeout=500, trust_env=False)


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


@pytest.mark.parametrize(
    "seeds", [30_000, pytest.param(1_000_000, marks=pytest.mark.soak)], ids=["many", "a million"]
)
def test_twenty_requests_at_once_keep_nobody_else_waiting(served, settings, tmp_path, seeds):
    """Three of many points, nine of a task as long as none can be, eight about plugins."""
    many = f"task: latch\ncell: lstm\nseeds: {seeds}\n"
    answers = {}
    log = tmp_path / "access.log"

    def ask(number):
        user = f"user{number % 4}"
        if number < 12:
            answers[number] = preview(address, many if number < 3 else HUGE, user)
        else:
            path = "plugins?long=true" if number % 2 else "plugin?word=lstm"
            answers[number] = get(address, path, user)

    def look_around():
        """Return how long others' requests take, one by one."""
        for path in ("health", "queue", "grids", "plugins"):
            began = time.perf_counter()
            assert get(address, path, "bob").status_code == 200
            yield time.perf_counter() - began
        time.sleep(0.05)

    with log.open("w") as said, served(settings, said=said, warm=False) as address:
        assert preview(address, HUGE).status_code == 422
        before, usual = (
            resident_megabytes(address),
            max(w for _ in range(10) for w in look_around()),
        )
        waits = []
        senders = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            waits += look_around()
        after = resident_megabytes(address)

    assert [answers[n].status_code for n in range(20)] == [200] * 3 + [422] * 9 + [200] * 8
    assert [answers[n].json()["points"] for n in range(3)] == [seeds] * 3
    assert all(len(answers[n].content) < 100_000 for n in range(3))
    told = f"of {len(waits)} the longest took {max(waits):.2f} s; before, {usual:.2f} s"
    print(told, f"{before:.0f} MB, then {after:.0f}")
    # other tests may have the processors
    assert max(waits) < 1.0 + 3 * usual, told
    assert after - before < 60
    # of each but for /api/health, for which containers ask all the time
    assert len(log.read_text().splitlines()) > 20 + len(waits) * 3 // 4


def test_preview_of_a_million_points_is_cut_and_small(served, settings):
    with served(settings, warm=False) as address:
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
    monkeypatch.syspath_prepend(plugins)
    with bounded(settings, Bounds(read_seconds=8.0)) as http:
        source = {"source": "task: endless\ncell: lstm\n"}
        answer = http.post("/api/preview", json=source, headers={USER_HEADER: "anna"})

    assert answer.status_code == 413
    assert "gave up checking the grid file after 8 seconds" in answer.json()["message"]


@contextlib.contextmanager
def bounded(settings, bounds):
    """A client of an application in this process, with processes of its own for drafts."""
    app = create_app(settings, "everybody")
    app.state.drafting = Drafting(app.state.service, bounds)
    with httpx.Client(transport=InProcess(app), base_url="http://in-process", timeout=None) as http:
        yield http
    app.state.drafting.close()


def test_plugin_that_does_harm_when_it_is_imported_harms_itself_alone(
    tmp_path, settings, monkeypatch
):
    folder = tmp_path / "site"
    about = folder / "harm-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: harm\nVersion: 1.0\n")
    entries = "".join(f"{name} = harm_{name}:Mine\n" for name in HARMFUL_IMPORTS)
    (about / "entry_points.txt").write_text(f"[bptt.clippers]\n{entries}")
    for name, source in HARMFUL_IMPORTS.items():
        (folder / f"harm_{name}.py").write_text(f"{source}\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(plugin_drafts, "IMPORTED_WITHIN", 8.0)
    waits, answers = [], {}
    with bounded(settings, Bounds()) as http:

        def wait():
            began = time.perf_counter()
            assert http.get("/api/plugins", headers={USER_HEADER: "bob"}).status_code == 200
            return time.perf_counter() - began

        def ask(name, path):
            answers[name] = http.get(f"/api/{path}", headers={USER_HEADER: name})

        usual = max(wait() for _ in range(20))

        senders = [
            threading.Thread(target=ask, args=given)
            for given in (
                ("all", "plugins?long=true"),
                *((name, f"plugin?word={name}") for name in HARMFUL_IMPORTS),
            )
        ]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            waits.append(wait())
            time.sleep(0.05)

    told = {one["name"]: one["summary"] for one in answers["all"].json()["plugins"]}
    given_up = "gave up importing harm[{}] 1.0 "
    assert told["lstm"].startswith("c = f c + i g")
    assert given_up.format("loops") + "after 8 seconds" in told["loops"]
    assert "its process died" in told["exits"]
    # a busy machine takes longer than that to find the memory
    assert "MemoryError" in told["takes"] or given_up.format("takes") in told["takes"]
    for name in HARMFUL_IMPORTS:
        assert answers[name].status_code == 413, answers[name].text
        assert f"gave up importing the plugin {name!r} " in answers[name].json()["message"]
    assert not any(ASLEEP.encode() in line.read_bytes() for line in command_lines())
    assert not {name for name in sys.modules if name.startswith("harm_")}
    assert max(waits) < 1.0 + 3 * usual


def command_lines():
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]


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

    assert submitted.queued == 6
    assert 0 < submitted.least < submitted.seconds < submitted.most
    assert client.extend(submitted.grid_id, overrides=["seeds=3"]).queued == 3
