"""What a request about plugins asks for: everything that imports them (`draft_process`)."""

import json
import subprocess
import sys
from collections.abc import Sequence

from bptt.api.desk import Desk
from bptt.api.draft_process import DraftProcesses, Errand
from bptt.api.installed import describe, summary
from bptt.api.plugin_answers import Checked, CheckedPlugin, PluginDetail
from bptt.errors import BpttError, TooMuchWork
from bptt.registry import Plugin
from bptt.settings import for_child

COMMAND = (sys.executable, "-m", "bptt", "plugins", "check", "--json")
CHECKED_WITHIN = 300.0
"""Seconds; all built-ins take half a minute."""
IMPORTED_WITHIN = 20.0
"""Seconds; the built-ins take one."""
LONGEST_SUMMARY = 1_000
ADVICE = ". Look at what it does when it is imported, or uninstall it on the server."


def summaries(processes: DraftProcesses, plugins: Sequence[Plugin]) -> list[str]:
    """Return what each plugin is, or why it cannot be imported.

    A harmful one is found by importing each distribution, then each plugin, in further processes,
    and does not affect the others.
    """
    try:
        return processes.run(_importing(_called(plugins)), _summaries, plugins)
    except TooMuchWork as refusal:
        if len(plugins) == 1:
            return [str(refusal)]
    by_plugin: dict[Plugin, str] = {}
    for part in _parts(plugins):
        by_plugin |= zip(part, summaries(processes, part), strict=True)
    return [by_plugin[plugin] for plugin in plugins]


def _called(plugins: Sequence[Plugin]) -> str:
    return plugins[0].label if len(plugins) == 1 else "plugins"


def _parts(plugins: Sequence[Plugin]) -> list[list[Plugin]]:
    """Return the plugins by distribution; if there is only one, each by itself."""
    origins = dict.fromkeys(plugin.origin for plugin in plugins)
    if len(origins) == 1:
        return [[plugin] for plugin in plugins]
    return [[plugin for plugin in plugins if plugin.origin == origin] for origin in origins]


def description(processes: DraftProcesses, words: Sequence[str]) -> PluginDetail:
    """Return what a plugin is and the options it takes.

    Raises:
        BpttError: there is none, or more than one, or it cannot be imported.
    """
    return processes.run(_importing(f"the plugin {words[-1]!r}"), _description, words)


def checked(processes: DraftProcesses, names: Sequence[str], given: Sequence[str]) -> Checked:
    """Check plugins against their contracts.

    Raises:
        BpttError: it gave no result.
    """
    errand = Errand("checking the plugins", CHECKED_WITHIN, ". Check fewer of them at a time.")
    return processes.run(errand, _checked, names, given)


def _importing(what: str) -> Errand:
    return Errand(f"importing {what}", IMPORTED_WITHIN, ADVICE)


def _summaries(desk: Desk, plugins: Sequence[Plugin]) -> list[str]:
    return [summary(plugin)[:LONGEST_SUMMARY] for plugin in plugins]


def _description(desk: Desk, words: Sequence[str]) -> PluginDetail:
    return describe(words)


def _checked(desk: Desk, names: Sequence[str], given: Sequence[str]) -> Checked:
    options = [part for text in given for part in ("--set", text)]
    done = subprocess.run(
        [*COMMAND, *options, "--", *names],
        env=for_child(desk.service.settings),
        capture_output=True,
        text=True,
        check=False,
    )
    faults = done.stderr.splitlines()
    try:
        rows = [CheckedPlugin(**row) for row in json.loads(done.stdout)]
    except ValueError:
        raise BpttError(" ".join(faults) or f"It ended with {done.returncode}.") from None
    return Checked(plugins=rows, faults=faults)
