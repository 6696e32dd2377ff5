"""Routes of the plugins installed on the server, and so on its workers.

They are imported only when somebody asks, in separate processes.
"""

from dataclasses import asdict, replace
from threading import Lock
from typing import Annotated

from fastapi import Query
from starlette.concurrency import run_in_threadpool

from bptt.api.asking import Reader
from bptt.api.drafting import Drafts, Leaving
from bptt.api.plugin_answers import (
    Checked,
    CheckPlugins,
    Installed,
    InstalledPlugin,
    PluginDetail,
    Text,
)
from bptt.api.routing import new_router
from bptt.errors import NotPossible

router = new_router("plugins")

_checking = Lock()


@router.get("/plugins")
async def list_plugins(
    drafting: Drafts, reader: Reader, leaving: Leaving, long: bool = False
) -> Installed:
    """What is installed, from metadata alone; with `long`, what each is."""
    # here, as most processes of the application list no plugins
    from bptt.api.installed import clashes, installed

    found = await run_in_threadpool(installed)
    rows = [InstalledPlugin(**asdict(plugin)) for plugin in found]
    if long:
        from bptt.api.plugin_drafts import summaries

        texts = await drafting.in_turn(reader or "", leaving, lambda made: summaries(made, found))
        rows = [replace(row, summary=text) for row, text in zip(rows, texts, strict=True)]
    return Installed(plugins=rows, clashes=await run_in_threadpool(lambda: list(clashes())))


@router.get("/plugin")
async def show_plugin(
    words: Annotated[list[Text], Query(min_length=1, max_length=2, alias="word")],
    drafting: Drafts,
    reader: Reader,
    leaving: Leaving,
) -> PluginDetail:
    """What a plugin is and the options it takes: its name, after its kind where that is needed."""
    from bptt.api.plugin_drafts import description

    return await drafting.in_turn(reader or "", leaving, lambda made: description(made, words))


@router.post("/plugins/check")
async def check_plugins(order: CheckPlugins, drafting: Drafts, leaving: Leaving) -> Checked:
    """Check plugins against their contracts, one check at a time."""
    from bptt.api.plugin_drafts import checked

    if not _checking.acquire(blocking=False):
        raise NotPossible(
            "The server is checking plugins for somebody else. Try again in a minute."
        )
    try:
        return await drafting.beside(leaving, lambda made: checked(made, order.names, order.given))
    finally:
        _checking.release()
