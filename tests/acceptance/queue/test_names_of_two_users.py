"""Two users with a grid of one name: what every command that takes a grid or a run means by it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from bptt import store
from bptt.settings import Settings
from bptt.tracking import server
from tests.tried_commands import CHANGING, OF_RUNS, READING

USERS = ("ada", "bob", "eve")


class Team:
    """Users of one machine: `ada` and `bob` have a grid `bias` each, `eve` has none."""

    def __init__(self, bptt, monkeypatch, home):
        self._bptt, self._monkeypatch = bptt, monkeypatch
        self.settings = Settings(home=home)
        self.ids = {}

    def bptt(self, user, *words):
        self._monkeypatch.setenv("LOGNAME", user)
        return self._bptt(*words)

    def submit(self, user, *options):
        code, out, errors = self.bptt(user, "submit", "bias.yaml", "--json", *options)
        assert code == 0, errors
        self.ids.setdefault(user, json.loads(out)["grid_id"])
        return json.loads(out)["grid_id"]

    def state(self, grid_id):
        """Return everything that a command could change of a grid; nothing of one that is gone."""
        database = store.open_database(self.settings.database)
        try:
            rows = [row for row in store.list_grids(database) if row.grid_id == grid_id]
            runs = store.list_runs(database, grid_id=grid_id) if rows else []
            return [*map(repr, rows), *map(repr, runs)]
        finally:
            database.close()

    def first_line(self, user, *words):
        """Return the code and what is read first, on whichever stream it is."""
        code, out, errors = self.bptt(user, *words)
        lines = errors if words[0] == "logs" or "--csv" in words else out.splitlines() + errors
        return code, next(iter(lines), ""), out + "\n".join(errors)


@pytest.fixture
def team(bptt, monkeypatch, home):
    team = Team(bptt, monkeypatch, home)
    for user in USERS[:2]:
        team.submit(user)
    return team


def worded(words, grid, point):
    return [word.format(grid=grid, point=point) for word in words]


@pytest.fixture
def pages(monkeypatch):
    """Let `bptt ui` find pages of every grid, and MLflow served already."""
    monkeypatch.setattr(server, "links", lambda *_: {})
    monkeypatch.setattr(server, "is_served", lambda *_: True)
    monkeypatch.setattr("bptt.api.pages.links_of", lambda *_: {"comparison": "http://there"})


def test_what_reads_means_ones_own_and_says_whose_it_is_otherwise(team, machine, pages):
    machine().finish_all()
    own, theirs = team.ids["ada"], team.ids["bob"]
    for name, words in READING.items():
        code, _, said = team.first_line("ada", name, *worded(words, "bias", "bias/0"))
        assert code == 0, (name, said)
        assert own in said or name == "logs", name
        assert theirs not in said, name
        assert "ada/" not in said, name
        ways = [
            ("ada", "bob/bias", "bob/bias/0"),
            ("ada", theirs, f"{theirs}-0"),
            # the newest, of somebody who has none
            ("eve", "bias", "bias/0"),
        ]
        for user, grid, point in ways:
            line = [name, *worded(words, grid, point)]
            _, first, said = team.first_line(user, *line)
            assert f"bob/bias ({theirs})" in first, (user, line, first)
            assert own not in said, (user, line)
            if name != "logs":
                assert re.search(r'"bob["/]', team.bptt(user, *line, "--json")[1]), (user, line)


def test_every_file_and_format_of_a_comparison_says_whose_it_is(team, machine):
    machine().finish_all()
    theirs = team.ids["bob"]

    _, first, _ = team.first_line("ada", "compare", "bob/bias", "--csv")
    assert team.bptt("ada", "compare", "bob/bias", "--html", "theirs.html")[0] == 0
    assert team.bptt("bob", "compare", "bias", "--html", "own.html")[0] == 0

    assert f"bob/bias ({theirs})" in first
    page, own = Path("theirs.html").read_text(), Path("own.html").read_text()
    assert "<title>bob/bias: comparison</title>" in page
    assert "<h1>bob/bias</h1>" in page
    assert "<h1>bias</h1>" in own
    # whoever is handed either of them reads it
    assert f"Grid {theirs} of bob, as it stood" in page
    assert f"Grid {theirs} of bob, as it stood" in own


def test_what_changes_takes_ones_own_and_nothing_that_could_mean_something_else(
    team, machine, home
):
    owner = machine()
    for user in USERS[:2]:
        owner.fail(owner.begin())
        assert team.bptt(user, "cancel", f"{team.ids[user]}-5")[0] == 0
        assert team.bptt(user, "hold", f"{team.ids[user]}-4")[0] == 0
    own, theirs = team.ids["ada"], team.ids["bob"]
    owner.database.close()
    whole = home.with_name("whole")
    shutil.copytree(home, whole)
    ways = [("ada", "bias", own), ("eve", "bob/bias", theirs), ("ada", theirs, theirs)]
    for at, (name, words) in enumerate(CHANGING.items()):
        shutil.rmtree(home)
        shutil.copytree(whole, home)
        # one's own, and somebody else's by name or by id
        for user, called, meant in (ways[0], ways[1 + at % 2]):
            other = theirs if meant == own else own
            before = {grid: team.state(grid) for grid in (own, theirs)}
            code, first, said = team.first_line(user, name, *worded(words, called, ""))
            assert code == 0, (name, said)
            assert (f"bob/bias ({theirs})" in first) == (meant == theirs), (user, name, first)
            assert team.state(other) == before[other], name
            assert team.state(meant) != before[meant], name


def test_what_changes_refuses_what_fits_several_and_lists_them(team):
    own, theirs, newer = team.ids["ada"], team.ids["bob"], team.submit("ada", "--force")
    before = {grid: team.state(grid) for grid in (own, newer, theirs)}
    for name, words in CHANGING.items():
        # names of several, also where none is one's own, and the beginning of an id
        for user, called in (("ada", "bias"), ("eve", "bias"), ("ada", own[:4]), ("ada", "")):
            code, out, errors = team.bptt(user, name, *worded(words, called, ""))
            assert (code, out, len(errors)) == (2, "", 1), (name, called, out, errors)
            if called == "bias":
                assert own in errors[0]
                assert newer in errors[0]
                assert "nothing was changed" in errors[0]
                assert (theirs in errors[0]) == (user == "eve")
        if name in OF_RUNS:
            code, out, errors = team.bptt("ada", name, *worded(words, "bias/0", ""))
            assert (code, out, len(errors)) == (2, "", 1), (name, out, errors)
            assert own in errors[0]
    assert {grid: team.state(grid) for grid in before} == before
