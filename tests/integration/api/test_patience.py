"""A server that takes long is told of while it works."""

import http.server
import json
import threading
import time

import pytest

from bptt import cli
from bptt.client import connection

REFUSAL = {"error": "TooMuchWork", "exit_code": 2, "message": "The server gave up."}


@pytest.fixture
def slow(monkeypatch):
    """A function that returns the address of a server which answers after some seconds."""
    servers = []

    def serve(seconds):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(seconds)
                body = json.dumps(REFUSAL).encode()
                self.send_response(413)
                self.send_header("Bptt-Api", "1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("options", [["--dry-run"], []], ids=["dry", "submit"])
@pytest.mark.parametrize("seconds", [0.0, 1.2])
def test_somebody_who_waits_is_told_that_the_server_works(
    slow, tmp_path, monkeypatch, capfd, seconds, options
):
    monkeypatch.setattr(connection, "PATIENCE", 0.6)
    file = tmp_path / "grid.yaml"
    file.write_text("task: latch\ncell: lstm\n")
    monkeypatch.setattr(
        "sys.argv", ["bptt", "--server", slow(seconds), "submit", str(file), *options]
    )

    with pytest.raises(SystemExit) as ended:
        cli.main()

    said = capfd.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    waits = ["The server is still at work on it; Ctrl-C gives it up."] if seconds else []
    assert [line for line in said.err.splitlines() if "at work" in line] == waits
    assert "The server gave up." in said.err.splitlines()[-1]
