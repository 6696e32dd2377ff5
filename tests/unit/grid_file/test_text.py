from pathlib import Path

import pytest

from bptt.errors import InvalidSpec
from bptt.file_text import read_text
from bptt.run_file import read_grid_file, read_grid_text

TEXT = "task: latch\ncell: [rnn, lstm]\nseeds: 3\n"


def test_text_spans_the_same_grid_as_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cells.yaml").write_text(TEXT)

    of_text = read_grid_text(TEXT, "cells.yaml", ["optimizer.lr=0.1"])
    of_file = read_grid_file("cells.yaml", ["optimizer.lr=0.1"])

    assert [point.identity for point in of_text] == [point.identity for point in of_file]
    assert (of_text.spec.name, of_text.spec.project) == ("cells", "latch")


def test_file_need_not_be_there():
    grid = read_grid_text(TEXT, "/nowhere/at/all/cells.yaml")

    assert (len(grid), grid.spec.name) == (6, "cells")


def test_faults_name_the_file_as_it_was_named(tmp_path):
    with pytest.raises(InvalidSpec) as caught:
        read_grid_text(TEXT.replace("latch", "ltch"), "grids/cells.yaml", ["seeds=0"])

    assert caught.value.faults[0].startswith("grids/cells.yaml:1: Unknown task 'ltch'")
    assert caught.value.faults[1].startswith("--set seeds=0: ")


def test_text_that_no_file_may_hold_is_refused():
    with pytest.raises(InvalidSpec) as caught:
        read_grid_text(TEXT + "#" * 1_000_000, "cells.yaml")

    (fault,) = caught.value.faults
    assert fault.startswith("cells.yaml: is too large for a run file")


def test_size_is_counted_in_bytes():
    with pytest.raises(InvalidSpec, match="is too large"):
        read_grid_text(TEXT + "#" + "ü" * 600_000, "cells.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "\x00", "\ud800"], ids=ascii)
def test_text_that_is_no_grid_is_a_fault(text):
    with pytest.raises(InvalidSpec) as caught:
        read_grid_text(text, "cells.yaml")

    assert caught.value.faults[0].startswith("cells.yaml:")


def test_text_of_a_file_is_read_without_its_byte_order_mark(tmp_path):
    path = tmp_path / "cells.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())

    assert read_text(path) == TEXT
