"""The Chromium of this machine, as somebody sees MLflow's pages in it for the first time."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, expect, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 120_000
"""Milliseconds a page may take: other tests may have the processors."""
SIZE = {"width": 1600, "height": 2000}
NAMES = ("chromium", "chromium-browser", "google-chrome")

expect.set_options(timeout=PATIENCE)


def find_chromium() -> str:
    """Return the program; fails where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no Chromium on PATH; install it with: apt-get install chromium"
    return found


class Browser:
    """Opens pages and keeps what it sees.

    Args:
        context: Playwright's, with a profile that is thrown away.
        shots: where pictures go; None: nowhere.
    """

    def __init__(self, context: Any, shots: Path | None) -> None:
        self._context = context
        self._shots = shots
        self._is_known = False

    def open(self, link: str) -> Page:
        page: Page = self._context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(link)
        expect(page.get_by_role("heading").first).to_be_visible()
        if not self._is_known:
            self._close_assistant(page)
        return page

    def read(self, file: Path, *, width: int, scheme: Literal["light", "dark"]) -> Page:
        """Open a file in a window of this width, for a reader who prefers this colour scheme."""
        page: Page = self._context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(file.as_uri())
        return page

    def _close_assistant(self, page: Page) -> None:
        """Close what MLflow opens over a third of the first page that a browser sees."""
        close = page.get_by_label("Close", exact=True).first
        expect(close).to_be_visible()
        close.click()
        expect(close).to_be_hidden()
        self._is_known = True

    def keep(self, page: Page, name: str) -> None:
        """Keep a picture of a page under a name."""
        if self._shots is not None:
            self._shots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self._shots / f"{re.sub(r'[^a-z0-9]+', '-', name)}.png")


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """Yield a browser with a new profile; pictures go to the folder that BROWSER_SHOTS names."""
    shots = os.environ.get("BROWSER_SHOTS")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=find_chromium(),
            headless=True,
            args=list(FLAGS),
            viewport=SIZE,
        )
        yield Browser(context, Path(shots) if shots else None)
        context.close()
