import asyncio
import getpass
import re
import subprocess
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest

from bptt import store
from bptt.client import connect
from bptt.errors import (
    BpttError,
    GridNotFound,
    InvalidSpec,
    NotPossible,
    RunNotFound,
    SchemaMismatch,
)
from bptt.settings import Settings


def plain(answer):
    """Return an answer, or several, as JSON has it."""
    if isinstance(answer, list):
        return [plain(part) for part in answer]
    return asdict(answer) if is_dataclass(answer) else answer


def attempted(call, *arguments, **options):
    """Return what a call returns, or the error it raises, as plain data."""
    try:
        return plain(call(*arguments, **options))
    except BpttError as error:
        return [type(error).__name__, str(error), error.exit_code]


def everything(client, new_owner):
    """Do everything that can be done, and return all that was answered."""
    said = []

    def do(call, *arguments, **options):
        said.append(attempted(call, *arguments, **options))

    do(client.preview, "bias.yaml", ["seeds=3"])
    do(client.submit, "bias.yaml", ["cell=lstmm", "seeds=0"])
    grid = client.submit("bias.yaml", priority=3)
    said.append(plain(grid))
    do(client.submit, "bias.yaml")
    do(client.preview, "bias.yaml")
    do(client.preview, "bias.yaml", ["seeds=3"], force=True)
    owner = new_owner()
    for call in (client.grid, client.axes, client.progress, client.runs):
        do(call, grid.grid_id)
    first = owner.begin(step=10)
    do(client.progress, grid.grid_id)
    do(client.hold_run, first.run_id)
    owner.succeed(first)
    do(client.cancel_run, first.run_id)
    second = owner.begin()
    owner.fail(second)
    do(client.run, second.run_id)
    do(client.log, second.run_id)
    do(client.log, second.run_id, attempt=7)
    do(client.events, second.run_id)
    do(client.retry_grid, grid.grid_id)
    do(client.retry_run, first.run_id)
    do(client.hold_grid, grid.grid_id)
    do(client.release_grid, grid.grid_id)
    do(client.set_priority, grid.grid_id, -2, urgency=0)
    do(client.extend, grid.grid_id, overrides=["seeds=3"])
    other = client.submit("bias.yaml", ["name=other", "seeds=[1,2,3]", "optimizer.lr=0.01"])
    owner.succeed(owner.begin())
    for words in ([grid.grid_id], ["bias", "other"], ["bias", "bias"], ["other", "x/y"]):
        do(client.comparison, words)
        do(client.pictures, words)
    do(client.comparison, ["other", "bias"], ["lr"], conditions=["cell=rnn"])
    do(client.report, ["other", "bias"], ["no"])
    do(client.delete_grid, other.grid_id)
    do(client.cancel_grid, "bias")
    do(client.fill, "bias")
    for text in ("", "nothing", "../..", "a/b", grid.grid_id[:2], second.run_id, "bias"):
        do(client.find, text)
    do(client.runs, grid.grid_id, status=["queued", "failed"], limit=2)
    do(client.runs, grid.grid_id, limit=0)
    do(client.queue)
    do(client.grids)
    do(client.grids, user="nobody")
    do(client.delete_grid, grid.grid_id)
    do(client.grid, grid.grid_id)
    tuned = client.submit("bias.yaml", ["name=tuned", "optimizer.lr=[1e-3, 1e-2]", "seeds=3"])
    said.append(plain(tuned))
    do(client.extend, tuned.grid_id, tuned=["lr"])
    owner.finish_all()
    do(client.extend, tuned.grid_id, tuned=["lr"], seeds=3, dry_run=True)
    do(client.extend, tuned.grid_id, tuned=["lr"], seeds=3)
    do(client.extend, tuned.grid_id, tuned=["lr"], seeds=3)
    do(client.extend, tuned.grid_id, tuned=["lr"], overrides=["seeds=9"])
    owner.finish_all()
    for run in client.runs(tuned.grid_id):
        said.append([run.number, run.config, run.seed, run.status])
    (found,) = client.comparison(tuned.grid_id, tune=["lr"])
    said.append(plain(found))
    assert {group.value.n for group in found.groups} == {3}
    assert "which were added for the values chosen alone" in found.notes[0]
    return said


def anonymous(said):
    """Return the answers without what differs from one time to the next."""
    text = repr(said)
    grids = dict.fromkeys(re.findall(r"'grid_id': '(\w{5})'", text))
    for number, grid in enumerate(grids):
        text = text.replace(grid, f"GRID{number}").replace(f"'{grid[:2]}'", "'PREFIX'")
    return re.sub(r"(_at'|'at'|seconds'|'least'|'most'): [\d.e+-]+", r"\1: 0", text)


def test_everything_is_the_same_in_process_over_http_and_from_the_application_of_up(
    settings, tmp_path, served, served_near, file, new_owner
):
    inside, outside = Settings(home=tmp_path / "inside"), Settings(home=tmp_path / "outside")

    with connect(inside) as client:
        in_process = everything(client, lambda: new_owner(inside))
    with served(outside) as address, connect(Settings(server=address)) as client:
        over_http = everything(client, lambda: new_owner(outside))

    with served_near(settings), connect(settings) as client:
        nearby = everything(client, lambda: new_owner(settings))

    assert len(in_process) > 30
    assert anonymous(in_process).replace("inside", "") == anonymous(nearby).replace("home", "")
    assert anonymous(in_process).replace("inside", "") == anonymous(over_http).replace(
        "outside", ""
    )


def test_everything_is_the_same_on_sqlite_and_on_postgresql(
    tmp_path, postgres_server, file, new_owner
):
    url = postgres_server.new_database()
    shared = Settings(home=tmp_path / "postgresql", database_url=url)
    own = Settings(home=tmp_path / "sqlite")
    database = store.open_database(shared.database)
    store.upgrade(database)
    database.close()

    said = {}
    for name, settings in (("postgresql", shared), ("sqlite", own)):
        with connect(settings) as client:
            said[name] = anonymous(everything(client, lambda given=settings: new_owner(given)))

    assert said["postgresql"].replace("postgresql", "") == said["sqlite"].replace("sqlite", "")


def test_shared_database_is_never_upgraded_in_passing(tmp_path, postgres_server, file):
    url = postgres_server.new_database()

    with (
        connect(Settings(home=tmp_path, database_url=url)) as client,
        pytest.raises(SchemaMismatch, match="bptt database upgrade"),
    ):
        client.submit(file)


def test_submit_works_while_nothing_is_up_and_writes_everything_at_once(client, file, home):
    submitted = client.submit(file)

    assert (submitted.points, submitted.queued, submitted.existing) == (6, 6, False)
    assert (submitted.workers, submitted.reused) == (0, {})
    assert (home / "bptt.db").stat().st_mode & 0o777 == 0o600
    (grid,) = client.grids(user=getpass.getuser())
    assert (grid.grid_id, grid.points, grid.counts) == (submitted.grid_id, 6, {"queued": 6})
    runs = client.runs(grid.grid_id)
    assert [run.number for run in runs] == list(range(6))
    assert {run.config for run in runs} == {"rnn", "lstm forget_bias=0", "lstm forget_bias=3"}


def test_faults_of_a_file_arrive_all_at_once_and_nothing_is_queued(client, file):
    file.write_text("task: latch\ncell: lstmm\noptimizer: {lr: fast}\n")

    with pytest.raises(InvalidSpec) as caught:
        client.submit(file, ["seeds=0"])

    assert [fault.split(" ")[0] for fault in caught.value.faults] == [
        "bias.yaml:2:",
        "bias.yaml:3:",
        "--set",
    ]
    assert client.grids() == []


def test_grid_of_ten_million_points_is_refused_with_count_and_limit(client, file):
    with pytest.raises(InvalidSpec) as caught:
        client.submit(file, ["cell=rnn", "seeds=10000000"])

    assert "10,000,000 points" in str(caught.value)
    assert "at most 1,000,000" in str(caught.value)


def test_errors_arrive_as_what_they_are(client, file):
    grid = client.submit(file)

    with pytest.raises(GridNotFound, match="nowhere"):
        client.grid("nowhere")
    with pytest.raises(RunNotFound, match=f"{grid.grid_id}-99"):
        client.run(f"{grid.grid_id}-99")
    client.cancel_grid(grid.grid_id)
    with pytest.raises(NotPossible):
        client.cancel_run(f"{grid.grid_id}-0")


def test_same_file_submitted_by_two_processes_at_once_is_one_grid(home, file):
    command = [sys.executable, "-m", "bptt", "submit", "bias.yaml", "--json"]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(b'"existing": true' in output for output in outputs) == [False, True]
    database = store.open_database(Settings(home=home).database)
    assert len(store.list_grids(database)) == 1
    assert len(store.list_runs(database)) == 6
    database.close()


def test_file_of_the_client_is_read_where_the_client_is(client, tmp_path):
    with pytest.raises(InvalidSpec, match="no such file"):
        client.submit(tmp_path / "absent.yaml")

    assert not Path("absent.yaml").exists()


def test_program_that_forgets_to_close_its_client_ends_all_the_same(home, file):
    program = (
        "from bptt.client import connect\n"
        "from bptt.settings import read_settings\n"
        "print(connect(read_settings()).submit('bias.yaml').queued)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"6\n", b"")


def test_client_works_within_a_running_event_loop(local, file):
    async def in_a_notebook():
        return local.submit(file).queued

    assert asyncio.run(in_a_notebook()) == 6


def test_reason_for_no_estimate_is_the_true_one(local, settings, file, new_owner):
    grid = local.submit(file).grid_id

    nobody = local.progress(grid)
    owner = new_owner(settings)
    idle = local.progress(grid)
    local.hold_grid(grid)
    held = local.progress(grid)
    local.release_grid(grid)
    run = owner.begin(step=10)
    measured = local.progress(grid)
    store.lose(owner.database, run.run_id, run.attempt, why="no room")
    store.beat_worker(owner.database, "w1", trouble="the disk is full")
    full = local.progress(grid)

    assert nobody.why_unknown == "no worker is up: start one with bptt up -d"
    assert (idle.why_unknown, idle.seconds > 0) == (None, True)
    assert held.why_unknown == "until bptt release"
    assert (measured.why_unknown, measured.seconds > 0) == (None, True)
    assert full.why_unknown == "no worker takes a run now"
