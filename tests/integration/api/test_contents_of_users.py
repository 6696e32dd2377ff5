"""Contents of files of two users of one server: whose they are, how much, and how long."""

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from bptt.errors import ContentNeeded
from bptt.execution.execute import begin
from bptt.run_file import read_grid_file, read_run_file
from bptt.settings import Settings
from bptt.store.tables import contents, points, runs
from tests.integration.api.book import DIGEST, GRID, TEXT, kept
from tests.integration.api.conftest import Owner


@pytest.fixture
def book():
    """A grid in the working folder that names a text beside it."""
    Path("book.txt").write_text(TEXT)
    Path("book.yaml").write_text(GRID.replace("PATH", "book.txt"))
    return Path("book.yaml")


def send(team, user, content, digest=None):
    digest = digest or hashlib.sha256(content).hexdigest()
    return team.ask(user, "PUT", f"/api/content/{digest}", content=content)


def submit(team, user, path="book.txt", text=TEXT, **more):
    digest = hashlib.sha256(text.encode()).hexdigest()
    files = {path: {"sha256": digest, "size": len(text), "name": path}}
    body = {"source": GRID.replace("PATH", path), "files": files, **more}
    return team.ask(user, "POST", "/api/grids", json=body)


def test_no_answer_tells_whether_a_path_is_there_on_the_server(team, tmp_path):
    there = tmp_path / "there.txt"
    there.write_text(TEXT)
    answers = {}
    for path in ("/etc/passwd", "/no/such/file", str(there), str(tmp_path), "/dev/zero"):
        for route in ("preview", "grids"):
            said = team.ask(
                "bob", "POST", f"/api/{route}", json={"source": GRID.replace("PATH", path)}
            )
            answers[said.status_code, said.text.replace(path, "PATH")] = path

    (((status, said), _),) = answers.items()
    assert status == 409
    assert "No path is opened by a server" in said


def test_what_another_user_has_sent_is_neither_told_nor_usable(team):
    assert submit(team, "anna").json()["hashes"] == [DIGEST]
    assert send(team, "anna", TEXT.encode()).status_code == 201
    assert submit(team, "anna").status_code == 201

    refused, unknown = submit(team, "bob"), submit(team, "bob", text=TEXT.upper())
    assert (refused.status_code, unknown.status_code) == (409, 409)
    assert refused.json()["hashes"] == [DIGEST]
    preview = {"source": GRID.replace("PATH", f"sha256:{DIGEST}")}
    named = {"files": {f"sha256:{DIGEST}": {"sha256": DIGEST}}}
    assert team.ask("bob", "POST", "/api/preview", json=preview | named).json()["flops"] == 0
    assert team.ask("anna", "POST", "/api/preview", json=preview | named).json()["flops"] > 0

    assert send(team, "bob", TEXT.encode()).status_code == 201
    assert submit(team, "bob").status_code == 201
    assert kept(team.settings.home) == [DIGEST]


def test_a_wrong_hash_a_broken_upload_and_a_stranger_leave_nothing(team):
    assert send(team, "anna", b"other", DIGEST).status_code == 400
    assert send(team, None, TEXT.encode()).status_code == 401
    assert send(team, "anna", b"x", "../../etc/passwd").status_code in (404, 422)
    assert send(team, "anna", b"x", DIGEST.upper()).status_code == 422
    assert send(team, "anna", iter([TEXT.encode()]), DIGEST).status_code == 413

    assert kept(team.settings.home) == []
    with team.database.read() as connection:
        assert connection.execute(contents.select()).all() == []


def test_a_users_quota_counts_each_content_once_and_is_told_before_anything_is_sent(team):
    team.app.state.service.settings = Settings(
        home=team.settings.home, database_url=team.settings.database_url, data_quota_mb=1
    )
    large, small = os.urandom(900_000), os.urandom(200_000)

    assert [send(team, "anna", large).status_code for _ in range(2)] == [201, 201]
    refused = send(team, "anna", small)
    early = submit(team, "anna", text="x" * 200_000)

    assert (refused.status_code, early.status_code) == (409, 409)
    assert "files of anna would take 1,100,000 bytes" in refused.json()["message"]
    assert early.json()["error"] == "NotPossible"
    assert send(team, "bob", small).status_code == 201


def test_what_an_earlier_version_trained_by_path_is_reused_while_its_content_is_the_same(
    team, book
):
    """Such a run has the path in its spec, and so in its identity."""
    path = str(Path("book.txt").absolute())
    send(team, "anna", TEXT.encode())
    grid = submit(team, "anna").json()["grid_id"]
    with team.database.write() as connection:
        for point in read_grid_file("book.yaml"):
            task = point.spec.task.model_copy(
                update={"options": {**point.spec.task.options, "text": path}}
            )
            earlier = point.spec.model_copy(update={"task": task})
            called = {"identity": earlier.identity(point.plugins, point.data)}
            for table in (runs, points):
                statement = table.update().where(table.c.identity == point.identity)
                assert connection.execute(statement.values(called)).rowcount == 1
    owner = Owner(team.settings)
    assert len(owner.finish_all()) == 2
    owner.database.close()

    files = {"book.txt": {"sha256": DIGEST, "size": len(TEXT), "name": "book.txt", "path": path}}
    elsewhere = {"book.txt": {**files["book.txt"], "path": "/elsewhere/book.txt"}}
    again, other = submit(team, "anna", files=files), submit(team, "anna", files=elsewhere)
    body = {"source": GRID.replace("PATH", "book.txt"), "files": files, "overrides": ["seeds=3"]}
    more = team.ask("anna", "POST", f"/api/grids/{grid}/extend", json=body)

    assert (again.json()["queued"], again.json()["reused"]) == (0, {"anna": 2})
    assert (other.json()["queued"], other.json()["reused"]) == (2, {})
    assert (more.json()["queued"], more.json()["points"]) == (1, 3)


def test_the_same_content_sent_by_many_at_once_is_one(team):
    answers = []
    threads = [
        threading.Thread(target=lambda u=user: answers.append(send(team, u, TEXT.encode())))
        for user in ("anna", "bob", "anna", "bob", "anna")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 5
    assert kept(team.settings.home) == [DIGEST]
    with team.database.read() as connection:
        assert len(connection.execute(contents.select()).all()) == 2


def test_what_no_grid_reads_goes_a_day_after_it_was_sent_and_not_before(team):
    library = team.app.state.service.library

    def age(digest):
        os.utime(library.path(digest), (time.time() - 100_000,) * 2)

    send(team, "anna", TEXT.encode())
    grid = submit(team, "anna").json()["grid_id"]
    unread = send(team, "anna", b"unread").json()["sha256"]
    age(DIGEST)
    send(team, "bob", b"another")
    assert set(kept(team.settings.home)) >= {DIGEST, unread}

    age(unread)
    send(team, "bob", b"a third")
    assert unread not in kept(team.settings.home)
    assert DIGEST in kept(team.settings.home)

    age(DIGEST)
    assert team.ask("anna", "DELETE", f"/api/grids/{grid}").status_code == 200
    assert DIGEST not in kept(team.settings.home)
    assert submit(team, "anna").json()["error"] == ContentNeeded.__name__


def test_a_content_that_a_run_outside_the_queue_reads_stays(team, book):
    Path("one.yaml").write_text(book.read_text().replace("seeds: 2\n", ""))
    request = read_run_file("one.yaml")
    begin(team.settings, request)
    path = team.app.state.service.library.path(DIGEST)
    os.utime(path, (1, 1))
    send(team, "bob", b"another")

    assert path.exists()
