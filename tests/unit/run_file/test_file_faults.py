import subprocess
import sys

import pytest

from bptt.errors import InvalidSpec
from bptt.file_text import LARGEST
from bptt.run_file import read_run_file
from bptt.run_file.document import DEEPEST, MOST_VALUES

LEAST = "task: adding\ncell: lstm\n"

SYNTAX = {
    "a colon too many": ("task: adding\ncell: lstm: 3\n", "2:11", "mapping values are not allowed"),
    "a tab": ("task:\n\tname: adding\n", "2:1", "Indent with spaces, not tabs."),
    "an open bracket": (LEAST + "model: {layers: 1\n", "4:1", "flow mapping"),
    "an open quote": (LEAST + "name: 'x\n", "4:1", "quoted scalar"),
    "a wrong indent": ("task:\n    name: adding\n  length: 3\n", "3:3", "expected"),
    "an unknown escape": (LEAST + 'name: "\\y"\n', "3:9", "unknown escape"),
}


@pytest.mark.parametrize(("content", "place", "what"), SYNTAX.values(), ids=SYNTAX.keys())
def test_yaml_error_is_told_with_line_and_column(faults_of, content, place, what):
    (fault,) = faults_of(content)

    assert fault.startswith(f"run.yaml:{place}: is not YAML: ")
    assert what in fault


def test_missing_file_is_told_with_the_folder_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidSpec) as caught:
        read_run_file("absent.yaml")

    assert caught.value.faults == [f"absent.yaml: no such file in {tmp_path}."]


def test_folder_is_not_a_run_file(tmp_path):
    with pytest.raises(InvalidSpec) as caught:
        read_run_file(tmp_path)

    assert caught.value.faults == [f"{tmp_path}: is a folder, not a run file. Name a file in it."]


def test_device_without_end_is_not_read():
    with pytest.raises(InvalidSpec, match="is a device, not a run file"):
        read_run_file("/dev/zero")


def test_file_name_with_a_nul_byte_is_one_fault():
    with pytest.raises(InvalidSpec, match="cannot be read"):
        read_run_file("run\0.yaml")


@pytest.mark.parametrize("content", ["", "# only a comment\n", "---\n", "\n\n", "null\n"])
def test_empty_file_is_told_with_the_least_content(faults_of, content):
    assert faults_of(content) == [
        "run.yaml: is empty. It needs at least `task: adding` and, on another line, `cell: lstm`."
    ]


def test_binary_file_is_told_with_line_and_byte(faults_of):
    assert faults_of(b"task: adding\n\x89PNG\r\n\x1a\n") == [
        "run.yaml:2: is not a text file in UTF-8 (byte 0x89 at 13)."
    ]


def test_control_character_is_told_with_its_line(faults_of):
    assert faults_of("task: adding\ncell: \0\n") == [
        "run.yaml:2: is not a text file (it holds the character '\\x00')."
    ]


def test_large_file_is_refused_by_its_size_alone(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10_000_000)

    with pytest.raises(InvalidSpec) as caught:
        read_run_file(path)

    assert caught.value.faults == [
        f"{path}: is too large for a run file: at most {LARGEST:,} bytes, got 10,000,000 bytes."
    ]


def test_alias_bomb_is_refused_by_what_it_would_expand_to(faults_of):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for name, inner in zip("bcdefgh", "abcdefg", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{inner}'] * 9)}]")

    faults = faults_of("\n".join(lines))

    # 9 + 90 + 819 values are in the first three lines, ten times as many in the first four
    assert faults[-1] == (
        f"run.yaml:4: holds more than {MOST_VALUES:,} values, counting an alias each time it "
        "is used."
    )


def test_deep_nesting_is_refused(faults_of):
    (fault,) = faults_of(LEAST + "name: " + "[" * 100_000)

    assert fault == f"run.yaml:3: is nested more than {DEEPEST} levels deep."


def test_unknown_plugins_are_told_without_importing_torch(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("task: addign\ncell: lstmm\nclipper: nome\n")
    code = (
        "import sys\n"
        "from bptt.errors import InvalidSpec\n"
        "from bptt.run_file import read_run_file\n"
        f"try: read_run_file({str(path)!r})\n"
        "except InvalidSpec as error: print(len(error.faults), 'torch' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["3", "False"]
