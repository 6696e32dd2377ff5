"""Routes of the plugins that are installed where the server is, as its workers have them too."""

import json
import subprocess
import sys
from threading import Lock
from typing import Annotated

from fastapi import Query

from bptt.api.plugin_answers import (
    Checked,
    CheckedPlugin,
    CheckPlugins,
    Installed,
    InstalledPlugin,
    PluginDetail,
    Text,
)
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.errors import BpttError, NotPossible
from bptt.settings import for_child

router = new_router("plugins")

COMMAND = (sys.executable, "-m", "bptt", "plugins", "check", "--json")
CHECKED_WITHIN = 300.0
"""Seconds; all built-ins take half a minute."""
_checking = Lock()


@router.get("/plugins")
def list_plugins(long: bool = False) -> Installed:
    """What is installed, by metadata alone; with `long`, what each is."""
    # here, as most processes of the application list no plugins
    from bptt.api.installed import clashes, list_installed

    rows = list_installed(long)
    return Installed(plugins=[InstalledPlugin(**row) for row in rows], clashes=list(clashes()))


@router.get("/plugin")
def show_plugin(
    words: Annotated[list[Text], Query(min_length=1, max_length=2, alias="word")],
) -> PluginDetail:
    """What a plugin is and the options it takes: its name, after its kind where that is needed."""
    from bptt.api.installed import describe

    return describe(words)


@router.post("/plugins/check")
def check_plugins(order: CheckPlugins, service: Shared) -> Checked:
    """Check plugins against their contracts, in a process of its own, one check at a time."""
    if not _checking.acquire(blocking=False):
        raise NotPossible("The server checks plugins for somebody else. Try again in a minute.")
    try:
        given = [part for text in order.given for part in ("--set", text)]
        done = subprocess.run(
            [*COMMAND, *given, "--", *order.names],
            env=for_child(service.settings),
            capture_output=True,
            text=True,
            timeout=CHECKED_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotPossible(f"The plugins were not checked within {CHECKED_WITHIN:g} s.") from None
    finally:
        _checking.release()
    faults = done.stderr.splitlines()
    try:
        rows = [CheckedPlugin.model_validate(row) for row in json.loads(done.stdout)]
    except ValueError:
        raise BpttError(" ".join(faults) or f"It ended with {done.returncode}.") from None
    return Checked(plugins=rows, faults=faults)
