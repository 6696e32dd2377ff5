"""Options that are files: declared by their type, and opened by no other way."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from bptt import conformance, registry
from bptt.contracts import DataFile, Ge
from bptt.errors import ContractViolation, DataChanged, InvalidSpec
from bptt.registry.files import is_file
from bptt_plugins.tasks.char_lm import CharacterLanguageModel

TEXT = "".join(f"the quick brown fox {n} jumps over the lazy dog " for n in range(100))


class OpensText(CharacterLanguageModel):
    def __init__(self, *, text: str) -> None:
        super().__init__(text=Path(text), window=64)


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    return "text.txt"


@pytest.mark.parametrize("path", ["text.txt", "./text.txt"])
def test_a_plugin_that_opens_a_file_named_by_a_mere_text_breaks_the_contract(text, path):
    with pytest.raises(ContractViolation, match="file that its option 'text' names: declare it as"):
        conformance.check_task(OpensText, {"text": path})


def test_a_plugin_with_a_declared_file_keeps_it(text):
    conformance.check_task(CharacterLanguageModel, {"text": text})


def test_any_type_with_a_path_in_it_is_a_file():
    for annotation in (Path, DataFile, Path | None, Annotated[Path, "of mine"], str | Path):
        assert is_file(annotation)
    for annotation in (str, int | None, Annotated[int, Ge(1)], Literal["Path"], list[str]):
        assert not is_file(annotation)


def test_a_content_that_is_not_here_is_said_by_its_name():
    digest = "0" * 64
    with (
        registry.files_at({}, {digest: "book.txt"}),
        pytest.raises(DataChanged, match=r"The content of book\.txt \(sha256:0000"),
    ):
        registry.construct("task", "char_lm", {"text": f"sha256:{digest}"})


def test_what_a_plugin_says_of_a_file_calls_it_by_the_name_its_owner_gave_it(tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("short")

    with (
        registry.files_at({"1" * 64: kept}, {"1" * 64: "book.txt"}),
        pytest.raises(InvalidSpec, match=r"in 'book\.txt'") as caught,
    ):
        registry.construct("task", "char_lm", {"text": f"sha256:{'1' * 64}"})

    assert str(kept) not in str(caught.value)
