import http.server
import os
import threading
from pathlib import Path

import pytest

from bptt.cli import main
from tests.servers import warm

GOOD = "task: latch\ncell: rnn\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("BPTT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    monkeypatch.setenv("BPTT_HOME", str(home))
    return home


@pytest.fixture
def bptt(home, capsys):
    """Run the command in this process, as the installed script does; return code and lines."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        assert captured.out == ""
        return ended.value.code, captured.err.splitlines()

    return call


def bptt_process(*arguments):
    return warm.run(*arguments)


BAD_FILES = {
    "unknown cell": ("task: latch\ncell: lstmm\n", "Unknown cell 'lstmm'; did you mean 'lstm'?"),
    "unknown option": ("task: latch\ncell: {name: rnn, x: 1}\n", "is not an option of the cell"),
    "wrong type": (
        GOOD + "training: {steps: many}\n",
        "must be an integer >= 0 and <= 2000000000, got 'many'.",
    ),
    "negative size": (
        GOOD + "model: {hidden_size: -1}\n",
        "must be an integer > 0 and <= 16384, got -1.",
    ),
    "NaN": ("task: latch\ncell: {name: lstm, forget_bias: .nan}\n", "must be finite, got .nan."),
    "YAML error": ("task: latch\ncell: [rnn\n", "run.yaml:3:1: is not YAML: "),
    "duplicate key": (GOOD + "cell: gru\n", "run.yaml:3: cell is given twice, first in line 2."),
    "empty file": ("", "run.yaml: is empty."),
    "binary file": (b"\x7fELF\x02\x01\xff\xff\n", "run.yaml:1: is not a text file in UTF-8"),
    "10 MB": (GOOD + "#" * 10_000_000, "run.yaml: is too large for a run file"),
    "missing text": ("task: {name: char_lm, text: absent.txt}\ncell: rnn\n", "found none at"),
    "empty text": ("task: {name: char_lm, text: empty.txt}\ncell: rnn\n", "must not be empty"),
    "binary text": ("task: {name: char_lm, text: binary.txt}\ncell: rnn\n", "with NUL bytes"),
    "bidirectional language model": (
        "task: agreement\ncell: lstm\nmodel: {bidirectional: true}\n",
        "does not work with the causal task 'agreement'",
    ),
}


@pytest.mark.parametrize(("content", "fault"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_run_file_is_one_line_and_exit_code_2_and_nothing_is_written(
    bptt, home, content, fault
):
    Path("run.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    Path("empty.txt").write_text("")
    Path("binary.txt").write_bytes(bytes(range(256)) * 10)

    code, lines = bptt("run", "run.yaml")

    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("run.yaml")
    assert fault in lines[0]
    assert not home.exists()


def test_faults_of_all_files_are_told_before_any_run_begins(bptt, home):
    Path("good.yaml").write_text(GOOD)
    Path("one.yaml").write_text(GOOD + "seed: -1\n")
    Path("two.yaml").write_text(GOOD + "model: {layers: 0}\nstatistics: {sequences: 0}\n")

    code, lines = bptt("run", "good.yaml", "one.yaml", "absent.yaml", "two.yaml")

    assert code == 2
    assert [line.split(": ")[0] for line in lines] == [
        "one.yaml:3",
        "absent.yaml",
        "two.yaml:3",
        "two.yaml:4",
    ]
    assert not home.exists()


def test_fault_of_an_override_is_told_once_for_several_files(bptt, home):
    Path("a.yaml").write_text(GOOD)
    Path("b.yaml").write_text(GOOD)

    code, lines = bptt("run", "a.yaml", "b.yaml", "--set", "training.steps=-1")

    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("--set training.steps=-1: training.steps must be ")


@pytest.mark.parametrize(
    "place", ["file", "file/below", "/proc/bptt-home", "/dev/null/home"], ids=lambda p: p
)
def test_home_that_cannot_be_written_is_one_line(bptt, monkeypatch, tmp_path, place):
    Path("run.yaml").write_text(GOOD)
    Path("file").write_text("here already")
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / place))

    code, (line,) = bptt("run", "run.yaml")

    assert code == 2
    assert line.startswith(f"The home folder {str(tmp_path / place)!r} cannot be written: ")
    assert line.endswith("Set BPTT_HOME to a folder that can.")


class _Nonsense(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome to my blog</html>")

    def log_message(self, *_):
        pass


@pytest.fixture
def blog():
    server = http.server.HTTPServer(("127.0.0.1", 0), _Nonsense)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_mlflow_url_that_answers_nonsense_is_one_line_and_nothing_is_written(
    bptt, home, blog, monkeypatch
):
    Path("run.yaml").write_text(GOOD)
    monkeypatch.setenv("BPTT_MLFLOW_URL", blog)

    code, (line,) = bptt("run", "run.yaml")

    assert code == 2
    assert line.startswith(f"BPTT_MLFLOW_URL: what answers at {blog} is not MLflow")
    assert not home.exists()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("BPTT_MLFLOW_URL", "localhost:5000", "must start with http:// or https://"),
        ("BPTT_CHECKPOINT_SECONDS", "often", "must be a number of seconds"),
        ("BPTT_HOEM", "/tmp", "did you mean 'BPTT_HOME'?"),
    ],
)
def test_bad_setting_is_one_line(bptt, monkeypatch, variable, value, told):
    Path("run.yaml").write_text(GOOD)
    monkeypatch.setenv(variable, value)

    code, (line,) = bptt("run", "run.yaml")

    assert code == 2
    assert variable in line
    assert told in line


@pytest.mark.parametrize("arguments", [("show", "x1"), ("run", "--resume", "x1")], ids=" ".join)
def test_unknown_run_is_one_line(bptt, home, arguments):
    code, lines = bptt(*arguments)

    assert (code, lines) == (2, [f"No run 'x1' in {home / 'runs'}; the latest there: none."])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rnu",), "No such command 'rnu'. Did you mean 'run'?"),
        (("run",), "Give a run file, or --resume RUN."),
        (("run", "a.yaml", "--resume", "x1"), "leave FILE and --set out."),
        (("run", "--quite", "a.yaml"), "No such option '--quite'. Did you mean '--quiet'?"),
        (("compare", "a", "--at", "middle"), "'middle' is not one of 'init', 'best', 'end'."),
        (("compare", "a", "--format", "xml"), "'xml' is not one of 'table', 'csv',"),
        (("compare", "a", "--tune-seeds", "x"), "'x' is no list of seeds: give whole numbers"),
        (("compare", "a", "--tune-seeds", "0,0"), "'0,0' names seed 0 twice."),
        (("compare", "a", "--at", "best", "--at", "init"), "--at is given twice: give it once."),
        (("compare", "a", "--html", "a.png"), "Cannot write a.png: --html writes a page"),
        (("extend", "a", "--tuned", "lr", "--seeds", "0"), "0 is not in the range 1<=x<=1000."),
        (("plugins", "show"), "Missing argument '[KIND] NAME'. See bptt plugins show -h."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_misuse_of_a_command_is_told_with_exit_code_2(bptt, arguments, told):
    code, lines = bptt(*arguments)

    assert code == 2
    assert len(lines) == 1
    assert told in lines[0]


def test_installed_command_tells_faults_without_a_traceback(home):
    Path("run.yaml").write_text("task: addign\ncell: lstmm\n")

    done = bptt_process("run", "run.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(";")[0] for line in done.stderr.splitlines()] == [
        "run.yaml:1: Unknown task 'addign'",
        "run.yaml:2: Unknown cell 'lstmm'",
    ]


def test_debug_shows_where_an_error_comes_from(home):
    Path("run.yaml").write_text("task: addign\n")

    done = bptt_process("--debug", "run", "run.yaml")

    assert "Traceback" in done.stderr
    assert "Unknown task 'addign'" in done.stderr
