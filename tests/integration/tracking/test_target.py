"""What answers at an address is MLflow, is not, or is not there at all."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bptt.errors import InvalidSetting
from bptt.settings import Settings
from bptt.tracking import check_target, target, target_of

MLFLOW = {"/health": (200, "OK"), "/version": (200, "3.17.2")}


@pytest.fixture
def serve():
    """Start web servers that give one answer to every path, or one per path."""
    servers = []

    def start(answers):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                given = answers if isinstance(answers, tuple) else answers.get(self.path)
                code, body = given or answers["else"]
                self.send_response(code)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return Settings(mlflow_url=f"http://127.0.0.1:{servers[-1].server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "answers",
    [
        (200, "<!doctype html><title>A page for every path</title>"),
        (200, '{"status": "ok"}'),
        (404, "not found"),
        {"/health": (200, "OK"), "else": (200, "<html></html>")},
        {"/health": (200, "OK"), "else": (404, "not found")},
    ],
    ids=["html", "json", "404", "health only, html", "health only, 404"],
)
def test_what_is_not_mlflow_is_refused_in_one_line(serve, answers):
    settings = serve(answers)

    with pytest.raises(InvalidSetting) as refusal:
        check_target(settings)

    line = str(refusal.value)
    assert settings.mlflow_url in line
    assert "is not MLflow" in line
    assert "\n" not in line
    assert refusal.value.exit_code == 2


def test_server_that_wants_a_password_is_refused_with_what_to_set(serve, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = serve({"/health": (200, "OK"), "else": (401, "You are not authenticated")})

    with pytest.raises(InvalidSetting, match="Set MLFLOW_TRACKING_USERNAME and"):
        check_target(settings)


def test_server_that_refuses_the_host_name_is_refused_with_what_to_do(serve):
    settings = serve({**MLFLOW, "else": (403, "Invalid Host header - possible rebinding")})

    with pytest.raises(InvalidSetting, match=r"--allowed-hosts 127\.0\.0\.1:"):
        check_target(settings)


def test_server_with_a_passing_fault_is_down(serve):
    assert check_target(serve((503, "try again"))) == "down"


def test_closed_port_is_down():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    assert check_target(Settings(mlflow_url=f"http://127.0.0.1:{port}")) == "down"


def test_server_that_never_answers_is_down(monkeypatch):
    monkeypatch.setattr(target, "ANSWER_WITHIN", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        assert check_target(Settings(mlflow_url=f"http://127.0.0.1:{silent.getsockname()[1]}")) == (
            "down"
        )


def test_service_that_speaks_no_http_is_refused():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        url = f"http://127.0.0.1:{other.getsockname()[1]}"

        def greet():
            connection, _ = other.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"-ERR unknown command\r\n")

        threading.Thread(target=greet, daemon=True).start()

        with pytest.raises(InvalidSetting, match="does not speak HTTP"):
            check_target(Settings(mlflow_url=url))


def test_impossible_port_is_refused():
    with pytest.raises(InvalidSetting, match="nonnumeric port"):
        check_target(Settings(mlflow_url="http://127.0.0.1:many"))


def test_real_server_is_up(mlflow_server):
    assert check_target(mlflow_server.settings_of_client) == "up"


def test_own_database_is_up_before_it_exists(tmp_path):
    assert check_target(Settings(home=tmp_path / "new")) == "up"


def test_password_in_the_address_is_refused():
    with pytest.raises(InvalidSetting, match="MLFLOW_TRACKING_PASSWORD") as refusal:
        target_of(Settings(mlflow_url="https://ann:secret@lab.example.org/mlflow"))

    assert "secret" not in str(refusal.value)


def test_slash_at_the_end_makes_no_other_target():
    assert target_of(Settings(mlflow_url="http://lab/")) == target_of(
        Settings(mlflow_url="http://lab")
    )
