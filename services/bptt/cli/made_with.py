"""What a run was computed with, and whether that is what is installed now."""

from typing import cast

from bptt import registry
from bptt.cli.summary import Summary
from bptt.errors import PluginError
from bptt.records.documents import RunDocument


def changed_since(run: RunDocument) -> dict[str, str]:
    """Return in words what is installed now instead of each plugin of a run, by `kind:name`."""
    found: dict[str, str] = {}
    for section, was in run.plugins.items():
        try:
            found |= registry.changes({section: was}, run.code, " now")
            kind, _, name = section.partition(":")
            now = registry.code_of(registry.find(cast(registry.Kind, kind), name))
        except PluginError as error:
            found[section] = f"of {registry.released(was)}: {error}"
            continue
        if section not in found and run.code is None and now.text != was:
            # it may be the same, which nobody knows
            found[section] = registry.told_change(was, now.text, None, now.files)
    return found


def made_with(summary: Summary) -> list[tuple[str, str]]:
    """Return the lines of a run about its plugins, torch, Python and processor."""
    run = summary.run
    plugins = ", ".join(dict.fromkeys(map(registry.released, run.plugins.values())))
    changed = [f"{s.replace(':', ' ')} {words}" for s, words in changed_since(run).items()]
    versions = {"torch": run.torch, "Python": run.python}
    told = [f"{name} {version}" for name, version in versions.items() if version]
    programs = [
        f"{section.replace(':', ' ')} {program}"
        for section, text in run.plugins.items()
        if (program := registry.program_of(text)) and text != registry.released(text)
    ]
    return [
        ("plugins", "; ".join(filter(None, [plugins, *changed]))),
        # as `compare` tells two of them apart
        ("programs", ", ".join(programs)),
        ("made with", ", ".join(filter(None, [*told, run.processor]))),
    ]
