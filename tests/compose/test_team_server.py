"""docker-compose.yml, proved: each test goes on where the one before it ended."""

import base64
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.compose.grids import (
    RUN_SECONDS,
    TOKENS,
    busy_workers,
    most_at_once,
    submit,
    wait_ended,
    wait_training,
)
from tests.compose.stack import PROJECT, SERVICES, Stack, say, status
from tests.servers import short_folder

pytestmark = pytest.mark.compose

RESTART_ENGINE = os.environ.get("COMPOSE_PROOF_RESTART_ENGINE", "")
"""A command that stops the Docker engine and starts it again; without one that is not proved."""


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with short_folder() as folder:
        made = Stack(folder)
        made.remove()
        yield made
        if request.session.testsfailed:
            say(made.compose("logs", "--tail", "40", check=False).stdout[-30000:])
        made.remove()


def test_a_new_clone_becomes_a_healthy_server(stack: Stack) -> None:
    stack.compose("build", within=3600)
    # PostgreSQL, the tables and the first token; the API does not listen to others without one
    TOKENS["ada"] = stack.inside("tokens", "create", "--user", "ada", "--role", "admin").split()[-1]
    stack.up("--scale", "worker=2")

    (migrate,) = stack.inspect(*stack.containers("migrate"))
    assert migrate["State"]["ExitCode"] == 0
    assert len(stack.containers("worker")) == 2


def test_up_that_waits_succeeds_however_often_it_is_said(stack: Stack) -> None:
    for workers in (2, 3, 2):
        stack.up("--scale", f"worker={workers}")
        assert len(stack.containers("worker")) == workers
    stack.compose("stop", "--timeout", "100")
    stack.up("--scale", "worker=2")


def test_no_container_runs_as_root_or_can_write_its_image(stack: Stack) -> None:
    for service in SERVICES:
        for one in stack.inspect(*stack.containers(service)):
            host = one["HostConfig"]
            assert one["Config"]["User"] not in ("", "0", "root")
            assert host["ReadonlyRootfs"]
            assert host["CapDrop"] == ["ALL"]
            assert host["SecurityOpt"] == ["no-new-privileges:true"]
            assert host["Memory"] > 0
            assert host["PidsLimit"] > 0
            uid = stack.docker("exec", one["Id"], "sh", "-c", "id -u; touch /x 2>&1", check=False)
            assert uid.stdout.splitlines()[0] not in ("0", "")
            assert "Read-only file system" in uid.stdout
    say("every container: not root, read-only, no capability, limits")


def test_only_who_shows_a_token_or_a_password_gets_in(stack: Stack) -> None:
    api, ui = (f"http://127.0.0.1:{port}" for port in stack.ports.values())
    password = stack.settings["MLFLOW_TEAM_PASSWORD"]
    basic = base64.b64encode(f"team:{password}".encode()).decode()
    wrong = base64.b64encode(b"team:password1234").decode()

    assert status(f"{api}/api/grids") == 401
    assert status(f"{api}/api/grids", "Bearer wrong") == 401
    assert status(f"{api}/api/grids", f"Bearer {TOKENS['ada']}") == 200
    assert status(f"{ui}/api/2.0/mlflow/experiments/search?max_results=1") == 401
    assert status(f"{ui}/", f"Basic {wrong}") == 401
    assert status(f"{ui}/", f"Basic {basic}") == 200
    # who reads makes nothing
    made = status(f"{ui}/api/2.0/mlflow/experiments/create", f"Basic {basic}", b'{"name": "mine"}')
    assert made == 403
    for token in (None, f"bptt_{43 * 'x'}"):
        refusal = stack.client(token, "grids", check=False)
        assert refusal.startswith("2: ")
        say(f"with {'no' if token is None else 'a wrong'} token: {refusal[3:].strip()}")


def test_redis_and_postgresql_are_reached_from_inside_alone(stack: Stack) -> None:
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    for host, port in (("postgres", "5432"), ("redis", "6379")):
        for network, reached in (("outside", False), ("inside", True)):
            where = ("--network", f"{PROJECT}_{network}", "bptt", "python", "-c", reach)
            done = stack.docker("run", "--rm", *where, host, port, check=False)
            assert (done.returncode == 0) is reached, done.stderr
        (container,) = stack.inspect(*stack.containers(host))
        assert not container["HostConfig"]["PortBindings"]

    def redis(*command: str) -> str:
        return stack.compose("exec", "--no-TTY", "redis", "redis-cli", *command).stdout

    # redis-cli finds the password in its environment
    assert "PONG" in redis("--user", "bptt", "ping")
    for command in (("flushall",), ("config", "get", "*"), ("set", "other", "1"), ("keys", "*")):
        assert "NOPERM" in redis("--user", "bptt", *command)
    assert "NOAUTH" in redis("ping")
    say("Redis and PostgreSQL: inside only; Redis's user may do what wake-up calls take")


def test_a_grid_is_queued_from_another_container(stack: Stack) -> None:
    for name in ("first", "second"):
        submit(stack, "ada", name, runs=8)
        wait_ended(stack)
        say(stack.client(TOKENS["ada"], "compare", name))


def test_a_limit_of_a_user_holds_and_users_take_turns(stack: Stack) -> None:
    for user in ("ben", "cleo"):
        TOKENS[user] = stack.client(
            TOKENS["ada"], "tokens", "create", "--user", user, "--role", "user"
        ).split()[-1]
    stack.client(TOKENS["ada"], "users", "set", "cleo", "--max-running", "1")
    submit(stack, "ben", "many", runs=20)
    wait_training(stack)
    submit(stack, "cleo", "few", runs=3)
    of_cleo = "FROM runs WHERE user_name = 'cleo' AND status"
    stack.wait(lambda: stack.number(f"SELECT count(*) {of_cleo} = 'succeeded'") == 3, "cleo's end")
    left = stack.number("SELECT count(*) FROM runs WHERE user_name = 'ben' AND status = 'queued'")
    wait_ended(stack)

    assert left > 0
    at_once = most_at_once(stack, "cleo")
    assert at_once == 1
    assert most_at_once(stack, "ben") > 1
    say(f"cleo, who came last and may have one at a time, was done with {left} of ben's waiting")


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "worker"])
def test_a_container_that_is_killed_in_mid_grid_loses_nothing(stack: Stack, service: str) -> None:
    submit(stack, "ada", f"kill-{service}", runs=8)
    wait_training(stack)
    stack.docker("kill", "--signal", "KILL", *stack.containers(service))
    say(f"killed: {service}")
    assert service == "postgres" or stack.unfinished() > 0
    stack.up("--scale", "worker=2")
    wait_ended(stack)
    say(f"started again: {service}; every run has ended")


def test_what_a_killed_worker_had_is_taken_over_from_its_checkpoint(stack: Stack) -> None:
    submit(stack, "ada", "kill-worker", runs=6, seconds=3 * RUN_SECONDS)
    wait_training(stack)
    run, worker = stack.query(
        "SELECT r.id, w.host FROM runs r JOIN workers w ON w.id = r.worker_id "
        "WHERE r.status = 'running' ORDER BY r.checkpoint_step DESC LIMIT 1"
    )[0]
    stack.docker("kill", "--signal", "KILL", worker)
    say(f"killed: the worker {worker} that trains {run}")
    wait_ended(stack)

    attempts = stack.query(
        "SELECT attempt, first_step, last_step, outcome, split_part(worker, ':', 1) "
        f"FROM attempts WHERE run_id = '{run}' ORDER BY attempt"
    )
    for attempt, first, last, outcome, host in attempts:
        say(f"{run}: attempt {attempt} on {host}, updates {first} to {last}: {outcome}")
    assert [attempt[3:] for attempt in attempts[:1]] == [["expired", worker]]
    assert attempts[-1][3] == "succeeded"
    assert attempts[-1][4] != worker
    assert int(attempts[-1][1]) > 0
    stack.up("--scale", "worker=2")


def test_what_crashes_is_started_again_by_the_engine(stack: Stack) -> None:
    submit(stack, "ada", "crash", runs=16)
    wait_training(stack)
    for service in SERVICES:
        container = stack.containers(service)[0]
        before = stack.restarts(container)
        stack.crash(container)
        stack.wait(lambda c=container, n=before: stack.restarts(c) > n, f"{service} starts again")
        stack.wait(stack.is_healthy, "every container is healthy")
        say(f"crashed, started again and healthy: {service}")
    wait_ended(stack)


def test_workers_are_added_and_taken_away_in_mid_grid(stack: Stack) -> None:
    submit(stack, "ada", "scale", runs=24)
    wait_training(stack)
    stack.up("--scale", "worker=4")
    assert len(stack.containers("worker")) == 4
    stack.wait(lambda: busy_workers(stack) == 4, "four workers train")
    stack.up("--scale", "worker=1")
    assert len(stack.containers("worker")) == 1
    # in good order: they have given back what they had, and have gone
    kinds = stack.query(
        "SELECT DISTINCT a.outcome FROM attempts a JOIN runs r ON r.id = a.run_id "
        "JOIN grids g ON g.id = r.grid_id WHERE g.name = 'scale' AND a.ended_at IS NOT NULL"
    )
    stack.up("--scale", "worker=2")
    wait_ended(stack)
    say(f"four workers, one, two; attempts of the grid ended as {sorted(kinds)}")
    assert ["lost"] not in kinds
    assert ["expired"] not in kinds


def test_stopping_everything_in_mid_grid_takes_seconds_and_loses_nothing(stack: Stack) -> None:
    submit(stack, "ada", "stop", runs=8)
    wait_training(stack)
    # all at once, as an engine that stops does: nobody waits for what the others need
    everything = [one for service in SERVICES for one in stack.containers(service)]
    began = time.monotonic()
    stack.docker("stop", "--time", "100", *everything)
    say(f"all containers were stopped within {(lasted := time.monotonic() - began):.0f} s")
    assert lasted < 40
    stack.up("--scale", "worker=2")
    wait_ended(stack)


if RESTART_ENGINE:

    def test_the_engine_restarts_in_mid_grid(stack: Stack) -> None:
        submit(stack, "ada", "engine", runs=8)
        wait_training(stack)
        subprocess.run(RESTART_ENGINE, shell=True, check=True, timeout=900)
        say("the engine was stopped and started")
        stack.wait(stack.is_healthy, "every container is healthy, by itself")
        wait_ended(stack)
        say("all containers came back by themselves; every run has ended")


def test_down_and_up_keep_everything(stack: Stack) -> None:
    wait_ended(stack)
    held = ("grids", "points", "runs", "attempts", "events", "users", "tokens")
    rows = {table: stack.number(f"SELECT count(*) FROM {table}") for table in held}
    submit_again = "kill-redis.yaml"
    stack.compose("down", "--timeout", "100")
    assert stack.containers("postgres") == []
    stack.up("--scale", "worker=2")

    assert {table: stack.number(f"SELECT count(*) FROM {table}") for table in held} == rows
    # its runs' folders are there too, and its results are used again
    run = stack.query("SELECT id FROM runs ORDER BY seq LIMIT 1")[0][0]
    assert "latch" in stack.client(TOKENS["ben"], "show", run)
    say(stack.client(TOKENS["ben"], "submit", submit_again).strip())
    assert stack.unfinished() == 0
    say(f"after down and up: {rows}")


def test_every_point_ended_exactly_once_and_is_in_mlflow_exactly_once(stack: Stack) -> None:
    wait_ended(stack)
    runs = stack.number("SELECT count(*) FROM runs")
    ends = stack.query(
        "SELECT kind, count(*), count(DISTINCT run_id) FROM events "
        "WHERE kind IN ('succeeded', 'failed', 'cancelled') GROUP BY kind"
    )
    assert ends == [["succeeded", str(runs), str(runs)]]
    broken = stack.number(
        "SELECT count(*) FROM (SELECT run_id FROM events WHERE kind = 'running' GROUP BY run_id "
        "HAVING count(*) <> max(attempt) OR count(DISTINCT attempt) <> count(*)) AS x"
    )
    assert broken == 0
    say(f"{runs} runs, {runs} ends, in {stack.number('SELECT count(*) FROM attempts')} attempts")

    pending = "SELECT count(*) FROM runs WHERE mlflow <> 'complete'"
    stack.wait(lambda: stack.number(pending) == 0, "MLflow has everything")
    found = stack.query(
        "SELECT count(*), count(DISTINCT t.value), count(*) FILTER (WHERE r.status = 'FINISHED') "
        "FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'bptt.run_id' "
        "WHERE r.lifecycle_stage = 'active'",
        "mlflow",
    )
    assert found == [[str(runs)] * 3]
    doubled = stack.number(
        "SELECT count(*) FROM (SELECT 1 FROM metrics GROUP BY run_uuid, key, step "
        "HAVING count(*) > 1) AS x",
        "mlflow",
    )
    assert doubled == 0
    rows = stack.number("SELECT count(*) FROM metrics", "mlflow")
    say(f"MLflow: {runs} runs, each once; {rows} points of curves, none twice")
