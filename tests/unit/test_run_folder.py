"""A run's folder after crashes at any moment."""

import pytest

from bptt.errors import CheckpointDamaged, DocumentDamaged, JournalDamaged, RunNotFound
from bptt.execution.checkpoint import from_bytes, to_bytes
from bptt.run_folder import RunFolder, find_run


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "runs" / "r1")
    made.create({"run_id": "r1"})
    return made


def test_records_come_back_with_the_offset_behind_them(folder):
    journal = folder.open_journal()
    journal.append({"step": 1})
    journal.append({"step": 2})

    records = list(folder.records())

    assert [record["step"] for _, record in records] == [1, 2]
    assert records[-1][0] == journal.length == folder.journal.stat().st_size
    assert list(folder.records(start=records[0][0])) == records[1:]
    assert list(folder.records(end=records[0][0])) == records[:1]
    journal.close()


def test_torn_last_line_is_not_read(folder):
    journal = folder.open_journal()
    journal.append({"step": 1})
    journal.close()
    with folder.journal.open("ab") as file:
        file.write(b'{"step": 2')

    steps = [record["step"] for _, record in folder.records()]

    assert steps == [1]


def test_reopened_journal_forgets_what_lies_behind_the_checkpoint(folder):
    journal = folder.open_journal()
    journal.append({"step": 1})
    committed = journal.sync()
    journal.append({"step": 2})
    journal.close()

    reopened = folder.open_journal(committed)
    reopened.append({"step": 3})
    reopened.close()

    assert [record["step"] for _, record in folder.records()] == [1, 3]


DAMAGED = [
    b'{"step": 2',
    b"\0" * 12,
    b"[2]",
    b'{"time": 3}',
    b'{"step": 1}{"step": 2}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("line", DAMAGED)
def test_journal_is_read_up_to_the_last_whole_line_before_a_damaged_one(folder, line):
    folder.journal.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')

    read = folder.records()

    assert next(read) == (12, {"step": 1})
    with pytest.raises(JournalDamaged, match="the line at byte 12 is no record") as caught:
        next(read)
    assert caught.value.offset == folder.whole_length() == 12
    assert [record["step"] for _, record in folder.readable_records()] == [1]
    assert folder.damage() is not None
    with pytest.raises(JournalDamaged):
        folder.finished_records()


def test_damage_behind_the_end_that_is_asked_for_does_not_matter(folder):
    folder.journal.write_bytes(b'{"step": 1}\n\0\0\n')

    assert len(list(folder.records(end=12))) == 1


def test_whole_journal_has_no_damage(folder):
    folder.journal.write_bytes(b'{"step": 1}\n{"step": 2}\n{"ste')

    assert folder.damage() is None
    assert folder.finished_records() == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize("content", [b"", b"{", b"\0\0", b"[]", b"3", b"\xff"])
@pytest.mark.parametrize("name", ["run", "result", "shipped", "committed", "failure"])
def test_document_that_is_not_what_was_written_is_named(folder, name, content):
    (folder.path / f"{name}.json").write_bytes(content)

    with pytest.raises(DocumentDamaged, match=rf"{name}\.json is damaged: "):
        folder.read(name)


def test_missing_journal_has_no_records(folder):
    assert list(folder.records()) == []


def test_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    folder = RunFolder(tmp_path / "r1")

    with pytest.raises(TypeError):
        folder.create({"not json": object()})

    assert not folder.path.exists()


def test_document_is_replaced_whole(folder):
    folder.write("result", {"step": 1})
    folder.write("result", {"step": 2})

    assert folder.read("result") == {"step": 2}
    assert folder.is_finished
    assert sorted(p.name for p in folder.path.iterdir()) == ["result.json", "run.json"]


def test_run_is_found_by_the_start_of_its_id(tmp_path):
    for name in ("261123-a", "261123-b", "261124-c"):
        (tmp_path / name).mkdir()

    assert find_run(tmp_path, "261124").run_id == "261124-c"
    assert find_run(tmp_path, "261123-a").run_id == "261123-a"


def test_unknown_or_ambiguous_id_is_refused(tmp_path):
    for name in ("261123-a", "261123-b"):
        (tmp_path / name).mkdir()

    with pytest.raises(RunNotFound, match="matches 2 runs: 261123-a, 261123-b"):
        find_run(tmp_path, "2611")
    with pytest.raises(RunNotFound, match=r"No run 'x'.*the latest there: 261123-a, 261123-b"):
        find_run(tmp_path, "x")
    with pytest.raises(RunNotFound, match="none"):
        find_run(tmp_path / "nowhere", "x")
    with pytest.raises(RunNotFound):
        find_run(tmp_path, "")


@pytest.mark.parametrize("keep", [0, 10, 100, -1])
def test_checkpoint_cut_anywhere_is_damaged(keep):
    data = to_bytes({"step": 3})

    with pytest.raises(CheckpointDamaged):
        from_bytes(data[:keep])


def test_checkpoint_with_a_flipped_bit_is_damaged():
    data = bytearray(to_bytes({"step": 3}))
    data[-20] ^= 1

    with pytest.raises(CheckpointDamaged):
        from_bytes(bytes(data))


def test_whole_checkpoint_comes_back():
    assert from_bytes(to_bytes({"step": 3}))["step"] == 3
