"""`bptt api`: serves grids and runs over HTTP."""

import click

from bptt.settings import read_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
def api(host: str, port: int) -> None:
    """Serve this machine's queue over HTTP, for bptt --server; described at /docs.

    Ctrl-C ends it. Commands on this machine need no server.
    """
    from bptt.api.serving import is_loopback, serve

    if not is_loopback(host):
        click.echo(
            f"Warning: whoever reaches {host}:{port} can queue and delete: nobody is asked for a "
            "password. Let only people in whom you trust.",
            err=True,
        )
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"Serving at http://{shown}:{port}; try: bptt --server http://{shown}:{port} grids")
    serve(read_settings(), host, port)
