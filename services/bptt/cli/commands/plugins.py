"""`bptt plugins`: what is installed, its options, and whether it honours its contract."""

import json
from dataclasses import asdict

import click

from bptt.api.installed import clashes, describe, list_installed
from bptt.cli.connection import connected, current_settings
from bptt.cli.listing import print_rows, say
from bptt.cli.options import json_option
from bptt.cli.plugin_check import check
from bptt.registry.wording import show as show_value

MARGIN = " " * 6
"""Before the lines of an option's text."""


@click.group()
def plugins() -> None:
    """List, describe and check the installed cells, clippers and tasks.

    If a server is named, those installed there.
    """


plugins.add_command(check)


@plugins.command("list")
@click.option("--long", is_flag=True, help="Import each plugin and show what it is.")
@json_option("list instead of a table")
def list_plugins(long: bool, as_json: bool) -> None:
    """List what is installed, from metadata alone: nothing is imported without --long."""
    if current_settings().server:
        with connected() as client:
            found = client.plugins(long)
        rows = [asdict(plugin) for plugin in found.plugins]
        if not long:
            for row in rows:
                del row["summary"]
        faults = found.clashes
    else:
        rows, faults = list_installed(long), list(clashes())
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    columns = ["kind", "name", "distribution", "version", *(["summary"] if long else [])]
    print_rows(columns, [[row[column] for column in columns] for row in rows])
    for fault in faults:
        click.echo(fault, err=True)


@plugins.command()
@click.argument("words", nargs=-1, required=True, metavar="[KIND] NAME")
@json_option("object instead of text")
def show(words: tuple[str, ...], as_json: bool) -> None:
    """Show what a plugin is and the options it takes; KIND is cell, clipper, task or claim."""
    server = current_settings().server
    if server:
        with connected() as client:
            found = client.plugin(words)
    else:
        found = describe(words)
    plugin = found.plugin
    if as_json:
        content = asdict(found)
        of_plugin = content.pop("plugin")
        del of_plugin["summary"]
        click.echo(json.dumps(of_plugin | content, indent=1))
        return
    origin = f"{plugin.distribution} {plugin.version}"
    say(f"{plugin.name}: a {plugin.kind} of {origin} ({plugin.value})\n\n{found.about}\n")
    click.echo("Options:" if found.options else "It takes no options.")
    for option in found.options:
        default = "required" if option.required else f"default {show_value(option.default)}"
        say(f"  {option.name}: {option.allowed} ({default})")
        if option.text:
            say(option.text, head=MARGIN)
    if plugin.kind == "cell":
        where = "there" if server else "on this machine"
        say(f"\nWhat runs it over time {where}: bptt plugins check {plugin.name}")
