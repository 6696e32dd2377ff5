"""Somebody opens the page of `bptt compare --html`: on a screen, on a phone, in the dark."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page

from bptt import store
from bptt.settings import Settings
from tests.browser.chromium import Browser
from tests.browser.conftest import PATIENCE
from tests.servers import until

pytestmark = pytest.mark.browser

GRID = """
name: problems
task: {name: latch, length: [8, 12]}
cell: [rnn, {name: gru, forget_bias: 3}]
optimizer: {name: adam, lr: [3e-3, 3e-2]}
model: {hidden_size: 8}
training: {steps: 200, batch_size: 32, evaluate_every: 20}
statistics: {interval: 50}
seeds: 3
"""
WIDTHS = (1280, 390)
PAPER = {"light": (255, 255, 255), "dark": (22, 24, 29)}


@pytest.fixture(scope="module")
def page_file(bptt: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a grid of two problems and write its page."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "problems.yaml").write_text(GRID)
    bptt("up", "-d")
    try:
        bptt("submit", str(folder / "problems.yaml"))
        database = store.open_database(Settings(home=bptt.home).database)
        assert until(lambda: _has_ended(database), PATIENCE)
        database.close()
        bptt("compare", "problems", "--html", str(folder / "page.html"))
    finally:
        bptt("down")
    return folder / "page.html"


def _has_ended(database: store.Database) -> bool:
    (grid,) = (one for one in store.list_grids(database) if one.name == "problems")
    return grid.ended_at is not None


def background(page: Page, place: int) -> tuple[int, ...]:
    """Return the colour of a picture's upper left corner."""
    shot = page.locator("figure img").nth(place).screenshot()
    found = Image.open(io.BytesIO(shot)).convert("RGB").getpixel((3, 3))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("scheme", PAPER)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways_and_every_picture_can_be_read(
    browser: Browser, page_file: Path, width: int, scheme: Any
) -> None:
    page = browser.read(page_file, width=width, scheme=scheme)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for picture in page.locator("figure img").all():
        box = picture.bounding_box()
        natural = picture.evaluate("image => image.naturalWidth")
        # words of 11 points are never drawn smaller than two thirds of that
        assert box is not None
        assert box["width"] >= min(natural * 2 / 3, 640)
    browser.keep(page, f"comparison {width} {scheme}")
    page.close()


@pytest.mark.parametrize("scheme", PAPER)
def test_page_and_pictures_are_light_or_dark_as_asked(
    browser: Browser, page_file: Path, scheme: Any
) -> None:
    page = browser.read(page_file, width=1280, scheme=scheme)

    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == f"rgb{PAPER[scheme]}"
    for place in range(page.locator("figure img").count()):
        assert background(page, place) == PAPER[scheme]
    page.close()


def test_pictures_stand_below_their_problem_and_no_two_are_described_alike(
    browser: Browser, page_file: Path
) -> None:
    page = browser.read(page_file, width=WIDTHS[1], scheme="light")

    # each picture with the last heading before it
    found = page.evaluate(
        """() => { let section = ""; const found = [];
        for (const one of document.querySelectorAll("h2, figure img, figcaption")) {
            if (one.tagName === "H2") section = one.textContent;
            else found.push([section, one.alt || one.textContent]); }
        return found; }"""
    )
    assert len({words for _, words in found}) == len(found)
    sections = {section for section, _ in found}
    assert sections == {"Task latch length=8", "Task latch length=12", "Over 2 problems"}
    for section, words in found:
        assert words.lower().startswith(section.lower().removeprefix("task "))
    page.close()
