"""`bptt plugins`: what is installed, which options it takes, whether it keeps its contract."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from bptt import registry
from bptt.errors import BpttError, DuplicatePlugin, InvalidSpec, UnknownPlugin, UserError
from bptt.registry import Kind, Plugin
from bptt.registry.wording import show as show_value

MARGIN = " " * 6
"""Before the lines of an option's text."""


@click.group()
def plugins() -> None:
    """List, describe and check the installed cells, clippers and tasks."""


@plugins.command("list")
@click.option("--long", is_flag=True, help="Import each plugin and show what it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of a table.")
def list_plugins(long: bool, as_json: bool) -> None:
    """List what is installed, by metadata alone: nothing is imported without --long."""
    found = [plugin for kind in registry.KINDS for plugin in _installed(kind)]
    rows = [asdict(plugin) | ({"summary": _summary(plugin)} if long else {}) for plugin in found]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    columns = ["kind", "name", "distribution", "version", *(["summary"] if long else [])]
    _print_table(columns, [[row[column] for column in columns] for row in rows])
    for kind in registry.KINDS:
        for name, clashing in registry.discover(kind).items():
            if len(clashing) > 1:
                click.echo(DuplicatePlugin(kind, name, [p.origin for p in clashing]), err=True)


@plugins.command()
@click.argument("words", nargs=-1, required=True, metavar="[KIND] NAME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(words: tuple[str, ...], as_json: bool) -> None:
    """Show what a plugin is and the options it takes; KIND is cell, clipper, task or claim."""
    plugin = _named(words)
    plugin_class = registry.load_plugin(plugin)
    about = registry.description(plugin_class)
    options = list(registry.options(plugin_class).values())
    if as_json:
        listed = [
            {
                "name": option.name,
                "allowed": option.allowed,
                "required": option.required,
                "default": None if option.required else option.default,
                "text": option.text,
            }
            for option in options
        ]
        click.echo(json.dumps(asdict(plugin) | {"about": about, "options": listed}, indent=1))
        return
    click.echo(f"{plugin.name}: a {plugin.kind} of {plugin.origin} ({plugin.value})\n\n{about}\n")
    click.echo("Options:" if options else "It takes no options.")
    for option in options:
        default = "required" if option.required else f"default {show_value(option.default)}"
        click.echo(f"  {option.name}: {option.allowed} ({default})")
        if option.text:
            click.echo(
                click.wrap_text(option.text, 96, initial_indent=MARGIN, subsequent_indent=MARGIN)
            )


@dataclass(frozen=True)
class _Checked:
    kind: str
    name: str
    origin: str
    verdict: str
    """`ok`, `broken`, or `not checked` where an option does not fit or is missing."""
    reason: str = ""


@plugins.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--set", "given", multiple=True, metavar="OPTION=VALUE", help="For a single NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of a table.")
def check(names: tuple[str, ...], given: tuple[str, ...], as_json: bool) -> None:
    """Check plugins against their contracts, all or those NAMEd, each on a few small inputs.

    Exit code 2 and one line on stderr for each that fails; the others are checked all the same.
    """
    if given and len(names) != 1:
        raise UserError("--set needs exactly one NAME whose options it gives.")
    options = dict(_assignment(text) for text in given)
    checked = [_check(kind, name, options) for kind, name in _chosen(names)]
    known = {result.name for result in checked}
    bad = {"broken", "not checked"} if names else {"broken"}
    faults = [result.reason for result in checked if result.verdict in bad]
    faults += [_unknown(name) for name in dict.fromkeys(names) if name not in known]
    if as_json:
        click.echo(json.dumps([asdict(result) for result in checked], indent=1))
    else:
        _print_table(
            ["kind", "name", "distribution", "verdict"],
            [[c.kind, c.name, c.origin, _verdict(c)] for c in checked],
        )
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise click.exceptions.Exit(UserError.exit_code)


def _installed(kind: Kind) -> Iterator[Plugin]:
    for sharing_a_name in registry.discover(kind).values():
        yield from sharing_a_name


def _summary(plugin: Plugin) -> str:
    try:
        return registry.summary(registry.load_plugin(plugin))
    except BpttError as error:
        return str(error)


def _named(words: Sequence[str]) -> Plugin:
    *kinds, name = words
    if len(kinds) > 1 or not set(kinds) <= set(registry.KINDS):
        raise UserError(
            f"Expected [KIND] NAME with one of the kinds {', '.join(registry.KINDS)}, "
            f"got {' '.join(words)!r}."
        )
    having = [kind for kind in registry.KINDS if name in registry.discover(kind)]
    wanted = [kind for kind in registry.KINDS if kind in kinds] or having
    if len(wanted) > 1:
        raise UserError(
            f"{name!r} is the name of a {' and of a '.join(wanted)}. "
            f"Say which: bptt plugins show {wanted[0]} {name}"
        )
    if not wanted:
        raise UserError(_unknown(name))
    return registry.find(wanted[0], name)


def _unknown(name: str) -> str:
    installed = {name for kind in registry.KINDS for name in registry.discover(kind)}
    return str(UnknownPlugin("plugin", name, sorted(installed)))


def _chosen(names: Sequence[str]) -> Iterator[tuple[Kind, str]]:
    for kind in registry.KINDS:
        for name in registry.discover(kind):
            if not names or name in names:
                yield kind, name


def _assignment(text: str) -> tuple[str, Any]:
    from bptt.run_file.document import read_scalar

    option, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set must be OPTION=VALUE, got {text!r}.")
    return option.strip(), read_scalar(value.strip())


def _check(kind: Kind, name: str, options: Mapping[str, Any]) -> _Checked:
    from bptt import conformance

    origin = " and ".join(plugin.origin for plugin in registry.discover(kind)[name])
    try:
        conformance.check(registry.find(kind, name), options)
    except InvalidSpec as error:
        return _Checked(kind, name, origin, "not checked", str(error))
    except BpttError as error:
        return _Checked(kind, name, origin, "broken", str(error))
    return _Checked(kind, name, origin, "ok")


def _verdict(checked: _Checked) -> str:
    """Return what the table says; a fault stands on stderr in full."""
    if checked.verdict == "not checked":
        return f"not checked: {checked.reason}"
    return checked.verdict


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        # what goes into a pipe or a file keeps one line per plugin
        console = Console(width=1000)
    console.print(table)
