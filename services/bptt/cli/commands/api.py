"""`bptt api`: serves grids and runs over HTTP."""

import click

from bptt.cli.options import port_option
from bptt.imported import importing
from bptt.settings import read_settings
from bptt.temporary import own_folder


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@port_option(8080)
@click.option(
    "--require-tokens",
    is_flag=True,
    help="Require tokens on this machine, too; always use it behind a proxy.",
)
def api(host: str, port: int, require_tokens: bool) -> None:
    """Serve this machine's queue over HTTP, for bptt --server; documented at /docs.

    At an address that other machines can reach, everybody needs a token (bptt tokens create); at
    a loopback address nobody does, and anyone with an account here can queue and delete. Ctrl-C
    stops it. Commands on this machine need no server.
    """
    with importing():
        from bptt.api.serving import asks_for_tokens, serve

    settings = read_settings(api_tokens="required" if require_tokens else None)
    shown = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    asked = "with" if asks_for_tokens(settings, host) else "without"

    def say() -> None:
        click.echo(f"Serving at {shown}, {asked} tokens; try: bptt --server {shown} grids")

    with own_folder(settings.home):
        serve(settings, host, port, say)
