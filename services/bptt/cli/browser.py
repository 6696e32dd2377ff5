"""Opens pages in the local user's browser, once a server answers.

Run as `python -m bptt.cli.browser ADDRESS LINK...` alongside a server that is about to start.
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Sequence

UP_WITHIN = 120.0
"""Seconds a server may take to start."""


def open_pages(links: Sequence[str]) -> bool:
    """Open each link in its own tab; return whether a browser was found."""
    # all() stops at the first that fails: then there is no browser
    return all(webbrowser.open_new_tab(link) for link in links)


def open_later(address: str, links: Sequence[str]) -> None:
    """Open the links from another process as soon as a server at `address` answers."""
    subprocess.Popen(
        [sys.executable, "-m", "bptt.cli.browser", address, *links],
        stdin=subprocess.DEVNULL,
        # a browser's output does not belong between the links
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is meant for the server
        start_new_session=True,
    )


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _main(address: str, *links: str) -> None:
    give_up = time.monotonic() + UP_WITHIN
    while not _answers(address):
        if time.monotonic() > give_up:
            return
        time.sleep(0.2)
    open_pages(links)


if __name__ == "__main__":
    _main(*sys.argv[1:])
