"""Files and folders that somebody has put into a home stop no check, and are not removed."""

from contextlib import closing
from pathlib import Path

import pytest

from bptt import store
from bptt.deleted_folders import delete_folders
from bptt.doctor.contents import contents, mend_contents
from bptt.doctor.leftovers import folders, remove_leftovers, shipping
from bptt.errors import DocumentDamaged
from bptt.settings import Settings
from bptt.temporary import own_folder

DIGEST = "ab" * 32
FILES = (
    "afile",
    "runs/afile",
    "runs/abcde-0",
    "runs/.deleted",
    "data/afile",
    f"data/ab/{DIGEST}/afile",
    "data/ab/afile",
    "data/.incoming/adir/afile",
    "tmp/adir/lock/afile",
    "tmp/afile",
    "artifacts/afile",
    "log/adir/afile",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = Settings(home=tmp_path / "home")
    home.home.mkdir()
    with closing(store.open_database(home.database)) as opened:
        store.upgrade(opened)
    return home


@pytest.mark.parametrize("stray", FILES)
def test_a_stray_file_stops_no_check_and_stays(settings: Settings, stray: str) -> None:
    path = settings.home / stray
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")

    found = [*folders(settings), *shipping(settings), *contents(settings)]
    told = [remove_leftovers(settings), mend_contents(settings)]
    with own_folder(settings.home):
        delete_folders(settings.runs, ["abcde-0"])

    assert "fail" not in {finding.level for finding in found}
    assert all("\n" not in line for line in told)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("content", [None, "{}", "[]", '{"spec": 1}'])
def test_contents_stay_while_a_run_cannot_be_asked_what_it_reads(
    settings: Settings, content: str | None
) -> None:
    path = settings.runs / "fghij-0" / "run.json"
    path.parent.mkdir(parents=True)
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    kept = settings.data / "ab" / DIGEST
    kept.parent.mkdir(parents=True)
    kept.touch()

    for look in (lambda: list(contents(settings)), lambda: mend_contents(settings)):
        with pytest.raises(DocumentDamaged, match=r"run\.json is damaged: it (is|holds|has)"):
            look()

    assert kept.exists()
