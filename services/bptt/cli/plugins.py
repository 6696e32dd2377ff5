"""`bptt plugins`: what is installed, which options it takes, whether it keeps its contract."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from bptt import registry
from bptt.cli.listing import print_rows
from bptt.cli.plugin_check import check, unknown
from bptt.errors import BpttError, DuplicatePlugin, UserError
from bptt.registry import Kind, Plugin
from bptt.registry.wording import show as show_value

MARGIN = " " * 6
"""Before the lines of an option's text."""


@click.group()
def plugins() -> None:
    """List, describe and check the installed cells, clippers and tasks."""


plugins.add_command(check)


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
    print_rows(columns, [[row[column] for column in columns] for row in rows])
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
    if plugin.kind == "cell":
        click.echo(f"\nWhat runs it over time on this machine: bptt plugins check {plugin.name}")


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
        raise UserError(unknown(name))
    return registry.find(wanted[0], name)
