from pathlib import Path

import pytest

from bptt.errors import InvalidSpec
from bptt.run_file import read_run_file


@pytest.fixture
def faults_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(content, *overrides):
        data = content if isinstance(content, bytes) else content.encode()
        Path("run.yaml").write_bytes(data)
        with pytest.raises(InvalidSpec) as caught:
            read_run_file("run.yaml", overrides)
        return caught.value.faults

    return read


@pytest.fixture
def read_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(content, *overrides):
        Path("run.yaml").write_text(content)
        return read_run_file("run.yaml", overrides)

    return read
