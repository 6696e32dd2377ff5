from pathlib import Path

import pytest

from bptt.errors import InvalidSpec
from bptt.run_file import read_grid_file, read_run_file


@pytest.fixture
def grid_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(content, *overrides):
        Path("grid.yaml").write_text(content)
        return read_grid_file("grid.yaml", overrides)

    return read


@pytest.fixture
def faults_of(grid_of):
    def read(content, *overrides):
        with pytest.raises(InvalidSpec) as caught:
            grid_of(content, *overrides)
        return caught.value.faults

    return read


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(content, *overrides):
        Path("run.yaml").write_text(content)
        return read_run_file("run.yaml", overrides)

    return read
