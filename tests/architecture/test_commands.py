"""Every command is tried: on a laptop, with two users, on a narrow terminal."""

import re
from collections.abc import Iterator

import click

from bptt.cli import COMMANDS, main
from tests.tried_commands import ASKING, CHANGING, ELSEWHERE, LOCAL, OF_RUNS, READING, TABLES

GROUPS = ("plugins", "users", "tokens", "database")
"""Commands that have commands of their own."""


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its words."""
    for name in COMMANDS:
        command = main.commands[name]
        loaded = command.load()  # type: ignore[attr-defined]
        subs = loaded.commands if isinstance(loaded, click.Group) else {"": loaded}
        for sub, one in subs.items():
            yield f"{name} {sub}".strip(), one


def taking(pattern: str) -> set[str]:
    """Return the commands with an argument that is called so."""
    return {
        words
        for words, command in every_command()
        if any(
            re.search(pattern, parameter.human_readable_name)
            for parameter in command.params
            if isinstance(parameter, click.Argument)
        )
    }


def test_every_command_is_tried_without_extras() -> None:
    assert {words[0] for words in ASKING} | set(LOCAL) == set(COMMANDS) == set(main.commands)


def test_every_command_that_takes_a_grid_or_a_run_is_tried_by_two_users() -> None:
    assert taking(r"\b(GRID|RUN)\b") == {*READING, *CHANGING}
    assert taking(r"\bRUN\b") == {"show", "logs", *OF_RUNS}


def test_every_command_with_a_table_is_tried_on_narrow_terminals() -> None:
    tables = set()
    for words, command in every_command():
        says = next((p.help for p in command.params if p.name == "as_json"), None) or ""  # type: ignore[attr-defined]
        if "instead of a table" in says or "instead of tables" in says:
            tables.add(words)
    tried = {" ".join(words[: 1 + (words[0] in GROUPS)]) for words in TABLES.values()}
    assert tables - ELSEWHERE <= tried
