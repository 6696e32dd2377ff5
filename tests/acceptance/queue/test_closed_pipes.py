"""Whoever reads what a command prints may have had enough: `bptt runs | head -1`."""

import os
import subprocess

import pytest

from tests.servers.warm import start

SIZE = "seeds=300"
"""Runs whose list is far longer than what a pipe holds."""


def call(*arguments, reads, which="stdout"):
    """Run a command into a pipe that is closed after so many bytes were read."""
    reader, writer = os.pipe()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, which: writer}
    if not reads:
        os.close(reader)
    process = start(*arguments, **streams)
    os.close(writer)
    if reads:
        assert os.read(reader, reads)
        os.close(reader)
    said, complained = process.communicate(timeout=120)
    return process.returncode, (said if which == "stderr" else complained)


@pytest.mark.parametrize("reads", [0, 1])
@pytest.mark.parametrize(
    "arguments",
    [("runs", "--json", "--limit", "300"), ("show", "bias"), ("grid", "bias.yaml")],
    ids=" ".join,
)
def test_a_pipe_that_is_closed_ends_a_command_quietly(bptt, arguments, reads):
    assert bptt("submit", "bias.yaml", "--set", SIZE)[0] == 0

    code, complained = call(*arguments, reads=reads)

    assert code in (0, 141)
    assert complained == ""


@pytest.mark.parametrize("arguments", [("--help",), ("plugins", "list"), ("status",)], ids=" ".join)
def test_so_does_one_that_prints_little(arguments):
    code, complained = call(*arguments, reads=0)

    assert code in (0, 141)
    assert complained == ""


def test_the_page_is_written_all_the_same(bptt, tmp_path):
    assert bptt("submit", "bias.yaml")[0] == 0
    page = tmp_path / "page.html"

    code, complained = call("compare", "bias", "--html", str(page), reads=0)

    assert code in (0, 141)
    assert complained.startswith(f"Wrote {page}")
    assert page.read_text().rstrip().endswith("</html>")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("show", "nothing"), ("compare", "--at", "noon", "x")],
    ids=" ".join,
)
def test_nobody_who_reads_errors_is_no_error_of_its_own(arguments):
    code, said = call(*arguments, reads=0, which="stderr")

    assert code in (2, 141)
    assert said == ""
