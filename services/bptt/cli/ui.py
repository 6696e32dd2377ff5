"""`bptt ui`: MLflow's pages with everything measured so far."""

import json
from collections.abc import Mapping
from contextlib import suppress

import click

from bptt.errors import TrackingUnavailable
from bptt.settings import read_settings


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the links as one JSON object.")
def ui(port: int, as_json: bool) -> None:
    """Serve MLflow with everything measured so far, at http://127.0.0.1:PORT.

    Ctrl-C ends it. With BPTT_MLFLOW_URL set the runs are on that server, and only the links to
    them are printed.
    """
    from bptt import tracking
    from bptt.tracking import server

    settings = read_settings()
    if tracking.check_target(settings) == "down":
        raise TrackingUnavailable(f"MLflow at {settings.mlflow_url} does not answer.")
    if not settings.mlflow_url:
        server.check_server(port)
    target = tracking.target_of(settings)
    for folder in tracking.unshipped(settings.runs):
        # what cannot be sent now is no reason to hide the rest; `bptt ship` tells why
        with suppress(TrackingUnavailable):
            tracking.ship(folder, target)
    address = settings.mlflow_url.rstrip("/") or f"http://{server.HOST}:{port}"
    links = server.links(settings, address)
    if as_json:
        click.echo(json.dumps({"address": address, "projects": links}))
    else:
        _tell(links, served=not settings.mlflow_url)
    if not settings.mlflow_url:
        server.serve_ui(settings, port)


def _tell(links: Mapping[str, str], served: bool) -> None:
    for project, link in links.items():
        click.echo(f"{project}: {link}")
    if not links:
        click.echo("Nothing has been measured yet; the pages fill as runs train.")
    if served:
        click.echo("MLflow answers there in a few seconds; Ctrl-C ends it.")
