"""Tokens, and what is told of the broker that carries them."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bptt import job_queue
from bptt.settings import Settings
from tests.servers import free_port, short_folder, start_redis


@pytest.fixture
def redis():
    with short_folder() as folder, start_redis(folder, tcp=True) as server:
        yield server


def test_socket_lies_in_the_home():
    settings = Settings(home=Path("/home/ada/.bptt"))

    assert job_queue.socket_path(settings) == Path("/home/ada/.bptt/redis.sock")
    assert job_queue.broker_url(settings) == "redis+socket:///home/ada/.bptt/redis.sock"


def test_socket_of_a_home_with_a_long_path_lies_among_temporary_files():
    long = Settings(home=Path("/home") / ("x" * 120))
    other = Settings(home=Path("/home") / ("y" * 120))

    path = job_queue.socket_path(long)

    assert len(os.fsencode(path)) <= job_queue.SOCKET_PATH_AT_MOST
    assert path != job_queue.socket_path(other)
    assert path == job_queue.socket_path(long)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("redis://:secret@h:1/2", "redis://:secret@h:1/2"),
        ("rediss://h/0", "rediss://h/0"),
        ("unix:///run/r.sock", "redis+socket:///run/r.sock"),
        ("unix:///run/r.sock?db=3", "redis+socket:///run/r.sock?virtual_host=3"),
        ("redis+socket:///run/r.sock?virtual_host=3", "redis+socket:///run/r.sock?virtual_host=3"),
    ],
)
def test_redis_is_named_as_celery_names_it(given, expected):
    assert job_queue.broker_url(Settings(redis_url=given)) == expected


def test_only_json_is_taken_and_nothing_is_redelivered():
    conf = job_queue.make_app(Settings(), lambda: None).conf

    assert conf.accept_content == conf.result_accept_content == ["json"]
    assert conf.result_backend is None
    assert conf.worker_disable_prefetch is True
    assert conf.task_acks_late is False
    assert conf.worker_cancel_long_running_tasks_on_connection_loss is False
    assert conf.task_create_missing_queues is False
    assert conf.broker_transport_options["global_keyprefix"] == "bptt:"


def test_there_is_one_task_and_it_has_no_arguments():
    calls = []
    app = job_queue.make_app(Settings(), lambda: calls.append(1))

    ours = [name for name in app.tasks if not name.startswith("celery.")]
    app.tasks["bptt.slot"]()

    assert ours == ["bptt.slot"]
    assert calls == [1]


def test_tokens_wait_until_somebody_takes_them(redis):
    settings = Settings(redis_url=redis.url)

    sent = job_queue.send_tokens(settings, 3)

    assert (sent, job_queue.waiting_tokens(settings)) == (3, 3)
    with redis.client() as client:
        assert all(key.startswith("bptt:") for key in client.keys("*"))


def test_tokens_are_sent_again_after_redis_was_restarted(redis):
    settings = Settings(redis_url=redis.url)
    job_queue.send_tokens(settings, 1)

    redis.restart()
    sent = [job_queue.send_tokens(settings, 1) for _ in range(3)]

    assert sent[-1] == 1


def test_no_token_is_sent_when_nothing_listens():
    settings = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    assert job_queue.send_tokens(settings, 2) == 0
    assert job_queue.waiting_tokens(settings) is None


def test_sending_does_not_wait_for_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()

        sent = job_queue.send_tokens(settings, 1)

        # one that waits does so for ever
        assert time.monotonic() - began < 60
        assert sent == 0
        assert "does not answer within 2 s" in job_queue.check_broker(settings).detail


def test_broker_that_answers_tells_its_version(redis):
    state = job_queue.check_broker(Settings(redis_url=redis.url))

    assert state.up
    assert state.version.split()[0] in ("Redis", "Valkey")
    assert redis.password not in state.detail


def test_wrong_password_is_told_without_it(redis):
    url = f"redis://:mistaken@127.0.0.1:{redis.port}/0"

    state = job_queue.check_broker(Settings(redis_url=url))

    assert not state.up
    assert "refuses the password in BPTT_REDIS_URL" in state.detail
    assert "mistaken" not in state.detail


def test_missing_password_is_told(redis):
    state = job_queue.check_broker(Settings(redis_url=f"redis://127.0.0.1:{redis.port}/0"))

    assert "refuses the password" in state.detail


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "What answers at {} is not Redis: "),
        (
            b"-MISCONF Errors writing to the AOF file: No space left on device\r\n",
            "Redis at {} refuses: MISCONF Errors writing to the AOF file: No space left on device",
        ),
    ],
    ids=["a web server", "no room on its disk"],
)
def test_what_answers_at_the_port_is_told(answer, told):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=give, args=(listener, answer), daemon=True).start()
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

        state = job_queue.check_broker(Settings(redis_url=url))

    assert not state.up
    assert state.detail.startswith(told.format(url))


def give(listener, answer):
    connection, _ = listener.accept()
    with connection:
        # its first command is no ping: it says in which version it speaks
        while connection.recv(1000):
            connection.sendall(answer)


def test_nothing_in_the_home_means_that_up_is_not_running(tmp_path):
    state = job_queue.check_broker(Settings(home=tmp_path))

    assert state.detail.endswith("is `bptt up` running?")


def test_who_only_asks_where_the_socket_is_imports_no_celery():
    program = "import sys, bptt.job_queue; print({'celery', 'redis'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.strip() == "set()"
