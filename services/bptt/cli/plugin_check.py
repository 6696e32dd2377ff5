"""`bptt plugins check`: do plugins honour their contracts, and what runs a cell here."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bptt import registry
from bptt.api.installed import unknown
from bptt.cli.connection import connected, current_settings
from bptt.cli.listing import print_rows
from bptt.cli.options import json_option
from bptt.errors import BpttError, InvalidSetting, InvalidSpec, UserError
from bptt.registry import Kind

if TYPE_CHECKING:
    from bptt.api.plugin_answers import CheckedPlugin

SIZES = (3, 8)
"""Features of the input and of the state; what runs a cell depends on neither."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--set", "given", multiple=True, metavar="OPTION=VALUE", help="For a single NAME.")
@json_option("list instead of a table")
def check(names: tuple[str, ...], given: tuple[str, ...], as_json: bool) -> None:
    """Check plugins against their contracts, all or those NAMEd, each on a few small inputs.

    For a cell it says what runs it over time on this machine: compiled, sequence or autograd, and
    why it cannot be compiled.

    Exit code 2 and one line on stderr for each that fails; the others are checked anyway.
    """
    if given and len(names) != 1:
        raise UserError("--set needs exactly one NAME whose options it gives.")
    if current_settings().server:
        with connected() as client:
            answer = client.check_plugins(names, given)
        checked, faults = answer.plugins, answer.faults
    else:
        checked, faults = _check_here(names, given)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in checked], indent=1))
    else:
        print_rows(
            ["kind", "name", "distribution", "verdict", "runs by"],
            [[c.kind, c.name, c.origin, *_told(c, bool(names))] for c in checked],
            needed=4,
        )
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise click.exceptions.Exit(UserError.exit_code)


def _check_here(
    names: Sequence[str], given: Sequence[str]
) -> tuple[list["CheckedPlugin"], list[str]]:
    options = dict(_assignment(text) for text in given)
    checked = [_check(kind, name, options) for kind, name in _chosen(names)]
    known = {result.name for result in checked}
    bad = {"broken", "not checked"} if names else {"broken"}
    faults = [result.reason for result in checked if result.verdict in bad]
    faults += [c.backend_reason for c in checked if c.backend == "none" and names]
    faults += [unknown(name) for name in dict.fromkeys(names) if name not in known]
    return checked, faults


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


def _check(kind: Kind, name: str, options: Mapping[str, Any]) -> "CheckedPlugin":
    from bptt import conformance

    origin = " and ".join(plugin.origin for plugin in registry.discover(kind)[name])
    try:
        conformance.check(registry.find(kind, name), options)
    except InvalidSpec as error:
        return _verdict(kind, name, origin, "not checked", str(error))
    except BpttError as error:
        return _verdict(kind, name, origin, "broken", str(error))
    backend = _backend(name, options) if kind == "cell" else ("", "")
    return _verdict(kind, name, origin, "ok", "", *backend)


def _verdict(*fields: str) -> "CheckedPlugin":
    from bptt.api.plugin_answers import CheckedPlugin

    return CheckedPlugin(*fields)


def _backend(name: str, options: Mapping[str, Any]) -> tuple[str, str]:
    """Return what runs a cell here, and why it is not the fastest."""
    import torch

    from bptt.kernels import Runner
    from bptt.settings import read_settings

    runner = Runner(read_settings().backend)
    try:
        runner.prepare(registry.construct_cell(name, options, *SIZES), torch.float32)
    except InvalidSetting as refusal:
        return "none", str(refusal)
    return runner.backend, runner.reason


def _told(checked: "CheckedPlugin", asked: bool) -> tuple[str, str]:
    """Return what the table says; what becomes a line on stderr needs no repetition."""
    verdict, backend = checked.verdict, checked.backend
    if verdict == "not checked" and not asked:
        verdict = f"not checked: {checked.reason}"
    if checked.backend_reason and not (backend == "none" and asked):
        backend = f"{backend}: {checked.backend_reason}"
    return verdict, backend
