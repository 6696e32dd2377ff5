"""`bptt ui`: MLflow's pages with the runs of this machine."""

import click

from bptt.settings import read_settings


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def ui(port: int) -> None:
    """Show the runs in MLflow, at http://127.0.0.1:PORT; ends with Ctrl-C.

    With BPTT_MLFLOW_URL set the runs are on that server, and only its address is printed.
    """
    from bptt.tracking.server import check_server, links, serve_ui

    settings = read_settings()
    if settings.mlflow_url:
        address = settings.mlflow_url.rstrip("/")
        click.echo(
            f"The runs are in the MLflow at {address}/#/experiments?workflowType=machine_learning"
        )
        return
    check_server(port)
    address = f"http://127.0.0.1:{port}"
    charts = links(settings, address)
    if not charts:
        click.echo("No run has been shipped yet; the pages will fill as runs train.")
    for project, url in charts.items():
        click.echo(f"{project}: {url}")
    click.echo(f"MLflow needs a few seconds to answer at {address}; Ctrl-C ends it.")
    serve_ui(settings, port)
