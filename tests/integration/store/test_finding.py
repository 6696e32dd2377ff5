import pytest

from bptt import store
from bptt.errors import GridNotFound, RunNotFound
from bptt.store import Database
from tests.integration.store.queueing import put_grid
from tests.integration.store.submitting import GRID, submit


def find_grid(database: Database, text: str, asker: str = "ada", **how: bool) -> str:
    return store.find(database, text, kind="grid", asker=asker, **how).id


def find_run(database: Database, text: str, asker: str = "ada", **how: bool) -> str:
    return store.find(database, text, kind="run", asker=asker, **how).id


def test_a_grid_is_found_by_id_beginning_or_name(database: Database) -> None:
    put_grid(database, "abcde", size=1)
    grid_id = submit(database).grid_id

    assert find_grid(database, "abcde") == "abcde"
    assert find_grid(database, "abc") == "abcde"
    assert find_grid(database, grid_id) == grid_id
    assert find_grid(database, "small") == grid_id


def test_a_name_stands_for_the_newest_grid_that_has_it(database: Database) -> None:
    submit(database)
    newest = submit(database, GRID, "seeds=3")

    assert find_grid(database, "small") == newest.grid_id


def test_an_id_wins_over_a_name_and_a_name_over_a_beginning(database: Database) -> None:
    put_grid(database, "abcde")
    submit(database, GRID, "name=abcde")
    named = submit(database, GRID, "name=abcd")

    assert find_grid(database, "abcde") == "abcde"
    assert find_grid(database, "abcd") == named.grid_id


def test_the_beginning_of_two_ids_is_refused_with_both(database: Database) -> None:
    put_grid(database, "abcde")
    put_grid(database, "abxyz")

    with pytest.raises(GridNotFound, match=r"several grids: abxyz \(abxyz\), abcde \(abcde\)"):
        find_grid(database, "ab")


@pytest.mark.parametrize("text", ["zzz", "", "%", "a_cde", "\0", "\ud800", "ABCDE", "abcde-"])
def test_an_unknown_grid_is_answered_with_the_latest(database: Database, text: str) -> None:
    put_grid(database, "abcde")

    with pytest.raises(GridNotFound, match=r"The latest are abcde \(abcde\)") as error:
        find_grid(database, text)

    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


def test_in_an_empty_queue_the_way_to_a_grid_is_told(database: Database) -> None:
    with pytest.raises(GridNotFound, match="bptt submit"):
        find_grid(database, "abcde")


def test_a_run_is_found_by_id_or_by_the_beginning_of_one_id(database: Database) -> None:
    put_grid(database, "abcde", size=12)
    put_grid(database, "fghij", size=1)

    assert find_run(database, "abcde-1") == "abcde-1"
    assert find_run(database, "abcde-11") == "abcde-11"
    assert find_run(database, "fgh") == "fghij-0"


def test_the_beginning_of_several_runs_is_refused_with_some_of_them(database: Database) -> None:
    put_grid(database, "abcde", size=12)

    with pytest.raises(RunNotFound, match=r"several runs: abcde-.*, \.\.\.\. Give the whole id"):
        find_run(database, "abcde-")


@pytest.mark.parametrize("text", ["zzz", "", "%", "abcde_0", "\0", "\ud800", "abcde-99"])
def test_an_unknown_run_is_said_to_be_unknown(database: Database, text: str) -> None:
    put_grid(database, "abcde", size=12)

    with pytest.raises(RunNotFound, match="No run has the id"):
        find_run(database, text)


def test_a_name_means_ones_own_and_changes_nothing_where_several_are_meant(
    database: Database,
) -> None:
    own = submit(database, user="ada").grid_id
    theirs = submit(database, user="bob").grid_id

    assert find_grid(database, "small") == own
    assert find_grid(database, "small", asker="bob") == theirs
    assert find_grid(database, "small", asker="eve") == theirs
    assert find_grid(database, "bob/small") == theirs
    assert find_grid(database, "small", change=True) == own
    with pytest.raises(GridNotFound, match="several grids"):
        find_grid(database, "small", asker="eve", change=True)
    with pytest.raises(GridNotFound, match="give its whole id"):
        find_grid(database, own[:4], change=True)
    newer = submit(database, GRID, "seeds=3").grid_id
    with pytest.raises(GridNotFound, match=f"{newer}.*{own}"):
        find_grid(database, "small", change=True)
    assert find_run(database, "bob/small/0") == f"{theirs}-0"


@pytest.mark.parametrize("number", ["99", "9" * 23, "9" * 5000, "-1", "01", "-0"])
def test_a_point_that_is_none_is_told_which_there_are(database: Database, number: str) -> None:
    grid_id = submit(database, GRID, "name=pärity").grid_id

    for text in (f"pärity/{number}", f"ada/pärity/{number}"):
        with pytest.raises(RunNotFound, match=rf"\({grid_id}\) are numbered 0 to \d+: bptt runs"):
            store.find(database, text, asker="ada")
