"""A server that takes long is told of while it works."""

import json

import pytest

from bptt import cli
from bptt.client import connection

REFUSAL = {"error": "TooMuchWork", "exit_code": 2, "message": "The server gave up."}


@pytest.mark.parametrize("options", [["--dry-run"], []], ids=["dry", "submit"])
@pytest.mark.parametrize("seconds", [0.0, 1.2])
def test_somebody_who_waits_is_told_that_the_server_works(
    answering, tmp_path, monkeypatch, capfd, seconds, options
):
    monkeypatch.setattr(connection, "PATIENCE", 0.6)
    file = tmp_path / "grid.yaml"
    file.write_text("task: latch\ncell: lstm\n")
    address = answering(413, [("Bptt-Api", "1")], json.dumps(REFUSAL).encode(), seconds)
    monkeypatch.setattr("sys.argv", ["bptt", "--server", address, "submit", str(file), *options])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    said = capfd.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    waits = ["The server is still at work on it; Ctrl-C gives it up."] if seconds else []
    assert [line for line in said.err.splitlines() if "at work" in line] == waits
    assert "The server gave up." in said.err.splitlines()[-1]
