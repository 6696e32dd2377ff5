import json
import socket
import traceback

import pytest

from bptt import __version__
from bptt.client import connect
from bptt.errors import GridNotFound, NotPossible, ServerUnavailable
from bptt.settings import Settings


def refusal(address):
    with connect(Settings(server=address)) as client, pytest.raises(ServerUnavailable) as caught:
        client.queue()
    assert caught.value.exit_code == 75
    return str(caught.value)


def test_nothing_that_listens_is_one_clear_line():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"

        line = refusal(address)

    assert line.startswith(f"The server {address} does not answer: ")
    assert "BPTT_SERVER" in line
    assert "\n" not in line


def test_something_else_that_answers_is_no_bptt(answering):
    address = answering(body=b"<html>hello</html>")

    assert refusal(address) == (
        f"What answers at {address} is not bptt: HTTP 200. Check --server or BPTT_SERVER."
    )


def test_redirection_is_told_with_its_target(answering):
    address = answering(302, [("Location", "https://login.lab/")])

    assert "HTTP 302 and sends us to https://login.lab/." in refusal(address)


@pytest.mark.parametrize(("number", "older"), [("99", "this program"), ("0", "the server")])
def test_server_of_another_time_is_refused_and_who_is_behind_is_told(answering, number, older):
    address = answering(headers=[("Bptt-Api", number), ("Bptt-Version", "9.9.9")])

    line = refusal(address)

    assert line.startswith(f"The server {address} is bptt 9.9.9, this program is ")
    assert line.endswith(f"Upgrade {older}.")


def test_answer_that_is_no_json_is_told(answering):
    address = answering(headers=[("Bptt-Api", "1")], body=b"<html>")

    assert f"The server {address} sent something that cannot be understood" in refusal(address)


def test_error_that_is_none_of_ours_is_told(answering):
    address = answering(500, [("Bptt-Api", "1")], b'{"detail": "gone"}')

    assert f"The server {address} sent something that cannot be understood" in refusal(address)


def test_server_that_lacks_what_is_asked_for_is_older_and_that_is_told(answering):
    body = b'{"error": "BpttError", "exit_code": 1, "message": "GET /api/users: Not Found."}'
    address = answering(404, [("Bptt-Api", "1"), ("Bptt-Version", "0.0.1")], body)

    with connect(Settings(server=address)) as client, pytest.raises(ServerUnavailable) as caught:
        client.users()

    assert str(caught.value) == (
        f"The server {address} is bptt 0.0.1, this program is {__version__}: "
        "it does not know GET /api/users. Upgrade the server."
    )


def test_an_order_holds_only_what_is_not_as_usual_so_that_an_older_server_takes_it(answering):
    asked = []
    body = b'{"error": "NotPossible", "exit_code": 2, "message": "Not now."}'
    address = answering(409, [("Bptt-Api", "1")], body, asked=asked)

    with connect(Settings(server=address)) as client:
        for call in (
            lambda: client.extend("3f8a2b01", overrides=["seeds=3"]),
            lambda: client.extend("3f8a2b01", tuned=["lr"], seeds=5),
            lambda: client.retry_grid("3f8a2b01"),
        ):
            with pytest.raises(NotPossible):
                call()

    orders = [json.loads(content) for content in asked]
    assert orders == [{"overrides": ["seeds=3"]}, {"tuned": ["lr"]}, {}]


def test_what_is_not_found_by_an_older_server_is_told_as_ever(answering):
    body = b'{"error": "GridNotFound", "exit_code": 2, "message": "No grid x."}'
    address = answering(404, [("Bptt-Api", "1"), ("Bptt-Version", "0.0.1")], body)

    with (
        connect(Settings(server=address)) as client,
        pytest.raises(GridNotFound, match=r"^No grid x\.$"),
    ):
        client.grid("x")


def test_no_error_of_a_server_that_is_none_shows_the_token(answering):
    token = f"bptt_{'T' * 43}"
    for status, headers, body in (
        (200, [], b""),
        (500, [("Bptt-Api", "99")], b""),
        (200, [("Bptt-Api", "1")], b"<html>"),
        (302, [("Location", "http://127.0.0.1:1/")], b""),
    ):
        address = answering(status, headers, body)
        with (
            connect(Settings(server=address, token=token)) as client,
            pytest.raises(ServerUnavailable) as caught,
        ):
            client.queue()
        told = "".join(traceback.format_exception(caught.value))
        assert "T" * 43 not in told
