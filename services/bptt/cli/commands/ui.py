"""`bptt ui`: MLflow's pages with everything measured so far."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

import click

from bptt.cli.browser import open_later, open_pages
from bptt.cli.connection import connected, current_settings
from bptt.cli.options import json_option, port_option
from bptt.cli.run_words import title_of
from bptt.cli.unsent import find_unsent
from bptt.errors import TrackingUnavailable
from bptt.settings import Settings
from bptt.temporary import own_folder


@click.command()
@click.argument("grid", required=False)
@port_option(5000)
@click.option("--open", "opens", is_flag=True, help="Open the pages in the browser too.")
@json_option("object instead of lines")
def ui(grid: str | None, port: int, opens: bool, as_json: bool) -> None:
    """Serve MLflow with everything measured so far, at http://127.0.0.1:PORT.

    With GRID (its id, a prefix of one, its name, or USER/NAME) the links lead to the pages of that
    grid: its comparison, means over seeds, heat maps and a table. Without, to each project.

    It first says how many runs have not reached MLflow yet, and why. Exit code 2 if the database
    belongs to another version of MLflow; the message gives the command that upgrades it.

    Ctrl-C stops it. Only the links are printed if another bptt ui already serves the same at PORT,
    if BPTT_MLFLOW_URL is set, or if a server is named, whose MLflow is then meant.
    """
    settings = current_settings()
    if settings.server:
        address, title, links = _of_server(grid)
        _show(address, title, links, [], as_json, is_grid=grid is not None)
        if opens:
            _open(address, _first(links, grid), serves=False)
        return
    with own_folder(settings.home):
        _serve(settings, grid, port, opens, as_json)


def _serve(settings: Settings, grid: str | None, port: int, opens: bool, as_json: bool) -> None:
    """Say where the pages of this machine or of the configured MLflow are, and serve them."""
    from bptt import tracking
    from bptt.tracking import server

    if tracking.check_target(settings) == "down":
        raise TrackingUnavailable(f"MLflow at {settings.mlflow_url} does not answer.")
    target = tracking.target_of(settings)
    address = settings.mlflow_url.rstrip("/") or f"http://{server.HOST}:{port}"
    serves = not settings.mlflow_url and not server.is_served(target, address)
    if serves:
        server.check_server(port)
    newest = reversed(tracking.unqueued(settings.runs))
    tracking.forget(tracking.find_lost(newest, target), target)
    for folder in tracking.unshipped(settings.runs):
        # what cannot be sent now is no reason to hide the rest; `bptt ship` says why
        with suppress(TrackingUnavailable):
            tracking.ship(folder, target)
    unsent = find_unsent(settings)
    title, links = "", server.links(settings, address)
    if grid is not None:
        title, links = _of_grid(settings, address, grid)
    _show(address, title, links, unsent, as_json, is_grid=grid is not None, serves=serves)
    if opens:
        _open(address, _first(links, grid), serves)
    if serves:
        from bptt.embedded.foreground import run_in_foreground

        command = server.server_command(settings, port)
        raise SystemExit(run_in_foreground(command, tracking.environment.for_server()))


def _of_server(text: str | None) -> tuple[str, str, Mapping[str, str]]:
    """Return where a server's MLflow is, a grid's name, and links to pages."""
    with connected() as client:
        if text is None:
            pages = client.pages()
            return pages.address, "", pages.links
        meant = client.find(text, "grid")
        pages = client.pages(meant.id)
    title = title_of(meant)
    _refuse_none(title, pages.links)
    return pages.address, title, pages.links


def _of_grid(settings: Settings, address: str, text: str) -> tuple[str, dict[str, str]]:
    """Return the name of a grid and the links to its pages."""
    from bptt.api.pages import links_of

    with connected() as client:
        meant = client.find(text, "grid")
        found = client.grid(meant.id)
    title = title_of(meant)
    # it waits for a free processor, or was to be drawn when the worker ended
    with suppress(TrackingUnavailable):
        _draw(settings, meant.id)
    links = links_of(settings, address, found)
    _refuse_none(title, links)
    return title, links


def _draw(settings: Settings, grid_id: str) -> None:
    from bptt import store
    from bptt.shipping.queue import QueueRounds

    database = store.open_database(settings.database)
    try:
        QueueRounds(settings, database, worker_id="").grids.draw(grid_id)
    finally:
        database.close()


def _refuse_none(title: str, links: Mapping[str, str]) -> None:
    if not links:
        raise TrackingUnavailable(
            f"Nothing of grid {title} is in MLflow yet. A worker sends it within a minute; "
            "bptt status tells whether one is up."
        )


def _first(links: Mapping[str, str], grid: str | None) -> list[str]:
    """Return which pages are opened: of projects, the most recently active one."""
    return list(links.values()) if grid is not None else list(links.values())[:1]


def _show(
    address: str,
    title: str,
    links: Mapping[str, str],
    unsent: Sequence[str],
    as_json: bool,
    *,
    is_grid: bool,
    serves: bool = False,
) -> None:
    if as_json:
        named = {"grid": title, "pages": dict(links)} if is_grid else {"projects": dict(links)}
        click.echo(json.dumps({"address": address, **named, "unsent": list(unsent)}))
    else:
        for line in unsent:
            click.echo(line, err=True)
        _tell(title, links, serves)


def _tell(title: str, links: Mapping[str, str], serves: bool) -> None:
    if title:
        click.echo(title)
    width = max(map(len, links), default=0) + 1 if title else 0
    for name, link in links.items():
        click.echo(f"{name + ':':<{width}} {link}")
    if not links:
        click.echo("Nothing has been measured yet; the pages fill as runs train.")
    if serves:
        click.echo("MLflow answers there in a few seconds; Ctrl-C ends it.")


def _open(address: str, pages: list[str], serves: bool) -> None:
    if serves:
        open_later(address, pages)
    elif not open_pages(pages):
        click.echo("There is no browser here: open the links on another machine.", err=True)
