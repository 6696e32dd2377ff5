"""Every number that a command or a request takes has bounds, and says so in a line."""

import math
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

from bptt.api.application import create_app
from bptt.cli import COMMANDS, Deferred, main
from bptt.settings import Settings

GIVEN = ("0", "-1", str(10**20), "nan", "inf", "1e400", "", "²", "9" * 5_000)
STARTED = ("up", "worker", "ui", "api")
"""Commands that would go on for ever with a number that they take."""
NUMBERS = (
    click.types.IntParamType,
    click.types.FloatParamType,
    click.types._NumberRangeBase,
)


def commands(found=main, words=()):
    """Yield every command that does something, with the words it is called by."""
    if isinstance(found, Deferred):
        found = found.load()
    if isinstance(found, click.Group):
        for name, command in found.commands.items():
            yield from commands(command, (*words, name))
    else:
        yield words, found


def parameters():
    for words, command in commands():
        for parameter in command.params:
            # how a number or a word is said
            numbers = isinstance(parameter.type, NUMBERS) or "N|" in (parameter.metavar or "")
            if numbers:
                yield words, command, parameter


def test_every_number_of_the_command_line_has_bounds():
    found = {" ".join((*words, parameter.name)) for words, _, parameter in parameters()}

    assert {"runs limit", "logs attempt", "tokens create days", "up slots"} <= found
    for words, _, parameter in parameters():
        kind = parameter.type
        if isinstance(kind, NUMBERS):
            assert isinstance(kind, click.types._NumberRangeBase), words
            assert None not in (kind.min, kind.max), words
            assert math.isfinite(kind.max)


@pytest.fixture
def bptt(tmp_path, monkeypatch):
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def bptt(*words):
        return CliRunner().invoke(main, words)

    return bptt


def test_number_beyond_its_bounds_is_refused_in_a_line(bptt):
    asked = 0
    for words, command, parameter in parameters():
        needed = [p for p in command.params if isinstance(p, click.Argument) and p.required]
        for text in GIVEN:
            within = text in ("0", "-1")
            if within and words[0] in STARTED:
                continue
            if isinstance(parameter, click.Option):
                given = [f"{max(parameter.opts, key=len)}={text}", *("x" for _ in needed)]
            else:
                given = ["--", *(text if p is parameter else "x" for p in needed)]
            result = bptt(*words, *given)
            told = f"{words} {given}: {result.exit_code} {result.stderr} {result.exception!r}"
            # 0: what is within the bounds, as no runs at all for somebody
            assert result.exit_code in ((0, 2) if within else (2,)), told
            assert isinstance(result.exception, SystemExit | None), told
            assert "Traceback" not in result.output, told
            if result.exit_code:
                # click puts how a command is called before what is wrong
                assert len(result.stderr.strip().split("\n")[-1]) < 500, told
            asked += 1
    assert asked > 80


def schemas(part):
    """Yield every schema of a number within a part of the document."""
    if isinstance(part, dict):
        if part.get("type") in ("integer", "number"):
            yield part
        for value in part.values():
            yield from schemas(value)
    elif isinstance(part, list):
        for value in part:
            yield from schemas(value)


def referred(part, document):
    """Return the names of all schemas that a part of the document leads to."""
    found, open_ = set(), [part]
    while open_:
        one = open_.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                open_.append(document["components"]["schemas"][name])
            open_ += one.values()
        elif isinstance(one, list):
            open_ += one
    return found


def test_every_number_of_a_request_has_bounds(tmp_path):
    document = create_app(Settings(home=tmp_path), "tokens").openapi()
    asked = []
    for operations in document["paths"].values():
        for operation in operations.values():
            parts = [operation.get("parameters", []), operation.get("requestBody", {})]
            names = referred(parts, document)
            parts += [document["components"]["schemas"][name] for name in names]
            asked += schemas(parts)

    assert len(asked) > 10
    for schema in asked:
        assert {"minimum", "exclusiveMinimum"} & set(schema), schema
        assert {"maximum", "exclusiveMaximum"} & set(schema), schema


@pytest.mark.parametrize(
    "variable",
    [
        f.metadata["variable"]
        for f in fields(Settings)
        if isinstance(f.default, int | float) and not isinstance(f.default, bool)
    ],
)
def test_setting_beyond_its_bounds_is_refused_in_a_line(bptt, monkeypatch, variable):
    for text in set(GIVEN) - {"0", ""}:
        monkeypatch.setenv(variable, text)
        result = bptt("grids")
        assert result.exit_code == 2, (text, result.output)
        assert result.stderr.count("\n") == 1
        assert variable in result.stderr


def test_all_commands_were_looked_at():
    assert {words[0] for words, _ in commands()} == set(COMMANDS)
