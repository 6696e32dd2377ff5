"""Files that grids name: sent once, by content, by their owner; no path is opened by a server."""

import contextlib
import hashlib
import os
import socket
import time
from pathlib import Path

import httpx
import pytest

from bptt import store
from bptt.api.orders import GridText
from bptt.client import connect
from bptt.errors import ContentNeeded, InvalidSpec, NotPossible, UserError
from bptt.settings import Settings
from bptt.store.tables import grid_contents
from tests.integration.api.book import DIGEST, GRID, TEXT, kept
from tests.integration.api.conftest import Owner


@pytest.fixture
def book():
    """A grid in the working folder that names a text beside it."""
    Path("book.txt").write_text(TEXT)
    Path("book.yaml").write_text(GRID.replace("PATH", "book.txt"))
    return Path("book.yaml")


def options(settings):
    """Return the options of the task of every run that can be claimed."""
    owner = Owner(settings)
    found = []
    while (run := owner.claim()) is not None:
        found.append((run.spec["task"]["options"]["text"], dict(run.files)))
        owner.succeed(run)
    owner.database.close()
    return found


def test_a_text_is_sent_once_kept_under_its_hash_and_named_by_it_in_every_run(
    client, book, home, settings
):
    sent = []
    client.files.on_sending = lambda name, size: sent.append((name, size))

    first = client.submit(book)
    again = client.submit(book)
    client.submit(book, ["task.window=[8, 16]"])

    assert (first.queued, again.existing) == (2, True)
    assert sent == [("book.txt", len(TEXT))]
    assert kept(home) == [DIGEST]
    assert options(settings) == [(f"sha256:{DIGEST}", {DIGEST: "book.txt"})] * 6
    database = store.open_database(settings.database)
    with database.read() as connection:
        assert {row.name for row in connection.execute(grid_contents.select())} == {"book.txt"}
    database.close()


def test_an_edited_or_removed_file_changes_no_queued_run_and_is_a_new_grid(
    client, book, home, settings
):
    client.submit(book)
    Path("book.txt").write_text(TEXT.replace("cat", "dog"))
    edited = client.submit(book)
    Path("book.txt").unlink()

    assert (edited.existing, edited.queued, edited.reused) == (False, 2, {})
    assert len(kept(home)) == 2
    found = options(settings)
    assert [text for text, _ in found].count(f"sha256:{DIGEST}") == 2
    assert {name for _, files in found for name in files.values()} == {"book.txt"}


def test_a_dry_run_needs_hash_and_size_and_keeps_nothing(client, book, home):
    preview = client.preview(book, ["seeds=3"])

    assert (preview.points, preview.name) == (3, "book")
    assert kept(home) == []
    assert client.grids() == []
    if preview.unsent:
        assert preview.unsent == {"book.txt": len(TEXT)}
        assert {point.identity for point in preview.first} == {""}
        client.submit(book, ["seeds=3"])
        preview = client.preview(book, ["seeds=3"])
    assert (preview.unsent, preview.flops > 0) == ({}, True)
    assert all(point.identity for point in preview.first)


def test_a_dry_run_over_http_tells_the_faults_of_what_needs_no_file(served, settings, book):
    with served(settings) as address, connect(Settings(server=address)) as client:
        with pytest.raises(InvalidSpec) as caught:
            client.preview(book, ["cell.recurrent_gain=-1", "task.window=[8, 8]"])

        assert len(caught.value.faults) == 2


def test_two_texts_are_an_axis_called_by_name_and_hash(client, book):
    Path("other.txt").write_text(TEXT.upper())

    grid = client.submit(book, ["task.text=[book.txt, other.txt]"])

    (axis, _) = client.axes(grid.grid_id)
    assert list(axis.values) == [
        f"book.txt@{DIGEST[:8]}",
        f"other.txt@{hashlib.sha256(TEXT.upper().encode()).hexdigest()[:8]}",
    ]


FAULTY = {
    "absent.txt": "found none at '",
    ".": "got the folder '.'",
    "pipe": "got what is no regular file, 'pipe'",
    "/dev/zero": "got what is no regular file, '/dev/zero'",
    "locked": "Permission denied",
    "empty.txt": "must not be empty",
    "binary.txt": "with NUL bytes",
    "short.txt": "Give a longer text or a smaller window",
    "large.txt": "must be a file of at most 1,048,576 bytes, got 'large.txt' with 1,048,577",
    "loop": "Too many levels of symbolic links",
}


@pytest.mark.parametrize("way", ["in-process", "http"])
def test_what_is_wrong_with_files_is_told_at_once_with_the_line(served, settings, way):
    if os.getuid() == 0:
        # nobody keeps root from reading
        FAULTY.pop("locked", None)
    os.mkfifo("pipe")
    Path("locked").touch(0o000)
    Path("empty.txt").touch()
    Path("binary.txt").write_bytes(bytes(2000))
    Path("short.txt").write_text("short")
    Path("large.txt").write_text("x" * 1_048_577)
    Path("loop").symlink_to("loop")
    settings = Settings(home=settings.home, data_file_mb=1)

    with contextlib.ExitStack() as stack:
        own = settings
        if way == "http":
            own = Settings(server=stack.enter_context(served(settings)))
        client = stack.enter_context(connect(own))
        for path, told in FAULTY.items():
            Path("book.yaml").write_text(GRID.replace("PATH", path))
            # no content is sent to a server for a grid that has other faults
            others = [] if path in ("empty.txt", "binary.txt", "short.txt") else ["cell.x=1"]
            with pytest.raises(InvalidSpec) as caught:
                client.submit("book.yaml", others)
            assert len(caught.value.faults) == 1 + len(others)
            assert any(
                fault.startswith("book.yaml:2: task.text ") and told in fault
                for fault in caught.value.faults
            ), (path, caught.value.faults)
            assert all("data/" not in fault for fault in caught.value.faults)
        assert client.grids() == []


def test_a_symlink_and_a_path_from_home_are_files_of_the_one_who_submits(client, monkeypatch, home):
    folder = Path("mine")
    folder.mkdir()
    (folder / "book.txt").write_text(TEXT)
    Path("link").symlink_to(folder / "book.txt")
    monkeypatch.setenv("HOME", str(folder.absolute()))

    for path in ("link", "~/book.txt", str((folder / "book.txt").absolute())):
        Path("book.yaml").write_text(GRID.replace("PATH", path))
        client.submit("book.yaml")

    assert kept(home) == [DIGEST]


def test_a_grid_is_extended_from_another_folder_without_the_file(client, book, home, tmp_path):
    grid = client.submit(book).grid_id
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path("book.txt").unlink()
    os.chdir(elsewhere)

    more = client.extend(grid, overrides=["seeds=4"])
    Path("new.txt").write_text(TEXT.upper())
    further = client.extend(grid, overrides=["task.text=[book.txt, new.txt]"])
    Path("book.txt").write_text(TEXT.lower() + "!")
    edited = client.extend(grid, overrides=["task.text=[book.txt, new.txt]"])

    assert (more.queued, further.queued, edited.queued) == (2, 4, 4)
    assert len(kept(home)) == 3
    assert client.extend(grid, overrides=["seeds=4"]).queued == 0


def test_a_file_that_is_written_to_while_it_is_sent_is_refused(client, book, home, monkeypatch):
    client.files.on_sending = lambda name, size: Path(name).write_text(TEXT.replace("c", "b"))

    with pytest.raises((InvalidSpec, UserError), match="changed while"):
        client.submit(book)
    client.files.on_sending = lambda name, size: Path(name).write_text("short")
    with pytest.raises(InvalidSpec, match="changed while it was read"):
        client.submit(book)

    assert (kept(home), client.grids()) == ([], [])


def test_an_upload_that_breaks_off_is_forgotten(served, settings):
    with served(settings) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as broken:
            head = f"PUT /api/content/{DIGEST} HTTP/1.1\r\nHost: 127.0.0.1\r\nBptt-User: anna\r\n"
            broken.sendall(f"{head}Content-Length: 5000\r\n\r\n".encode() + b"x" * 100)
            deadline = time.monotonic() + 30
            while not list(settings.data.glob(".incoming/*")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        while list(settings.data.glob(".incoming/*")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        answer = httpx.get(f"{address}/api/health", trust_env=False)

    assert answer.status_code == 200
    assert kept(settings.home) == []


def test_a_server_cannot_ask_for_a_file_that_the_grid_does_not_name(local, book, monkeypatch):
    secret = Path("secret")
    secret.write_text("secret")
    asked = []

    def ask(order):
        asked.append(order)
        raise ContentNeeded(names=[str(secret)])

    with pytest.raises(UserError, match="is not kept there"):
        local.files.ask(GridText(source=book.read_text()), ask)

    assert all("secret" not in order.files for order in asked)


def test_a_refusal_of_the_quota_is_one_line_for_the_client(home, book):
    settings = Settings(home=home, data_quota_mb=1, data_file_mb=3)
    Path("book.txt").write_text("ab " * 500_000)

    with connect(settings) as client, pytest.raises(NotPossible, match="BPTT_DATA_QUOTA_MB"):
        client.submit(book)

    assert kept(home) == []
