"""A person opens the links of `bptt ui GRID` and sees the grid, without a click."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Browser
from tests.browser.conftest import Pages

pytestmark = pytest.mark.browser

GROUPS = [f"{cell} {clip}" for cell in ("rnn", "lstm", "gru") for clip in ("none", "global_norm")]
CURVES = ["eval/accuracy", "eval/loss", "flow_lag/init", "flow_lag/mid", "flow_lag/final"]
CURVES += ["flow/slope", "grad/norm", "grad/clipped_norm", "grad/clip_fraction", "grad/norm_max"]
NOTHING = ("No data", "No images", "No chart data", "No runs", "no charts")


def no_placeholder(page: Page) -> None:
    for text in NOTHING:
        assert page.get_by_text(text).filter(visible=True).count() == 0, text


def scroll_to(page: Page, name: str) -> None:
    """Turn the wheel until a chart is there: they are made when they come into sight."""
    page.mouse.move(1100, 1200)
    title = page.get_by_text(name, exact=True)
    for _ in range(100):
        if title.count():
            break
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(200)
    title.first.scroll_into_view_if_needed()


def test_means_over_seeds_are_drawn_for_every_configuration(browser: Browser, pages: Pages) -> None:
    page = browser.open(pages.links["mean over seeds"])

    for name in CURVES:
        scroll_to(page, name)
        card = page.locator("[data-testid='experiment-view-compare-runs-card']").filter(
            has=page.get_by_text(name, exact=True)
        )
        for group in GROUPS:
            expect(card.get_by_text(f"{group} ({name})", exact=True).first).to_be_attached()
        # a mean and a band for each
        expect(card.locator(".scatterlayer .trace .js-line").first).to_be_attached()
        assert card.locator(".scatterlayer .trace").count() >= len(GROUPS)
    no_placeholder(page)
    browser.keep(page, "means, end of the page")
    page.mouse.wheel(0, -10_000)
    expect(page.get_by_text("eval/accuracy", exact=True).first).to_be_visible()
    expect(page.locator(".scatterlayer .trace .js-line").first).to_be_attached()
    browser.keep(page, "means")


def test_heat_maps_of_one_seed_stand_side_by_side(browser: Browser, pages: Pages) -> None:
    page = browser.open(pages.links["heat maps"])

    images = page.locator("img[src*='flow']").or_(page.locator(".rc-image img, img.ant-image-img"))
    expect(images).to_have_count(len(GROUPS))
    for image in images.element_handles():
        page.wait_for_function("image => image.naturalWidth > 300", arg=image)
    places = [images.nth(number).bounding_box() for number in range(len(GROUPS))]
    assert all(place is not None and place["width"] > 300 for place in places)
    assert len({round(place["x"]) for place in places if place}) >= 2
    names = page.locator("a").filter(has_text="-s0")
    expect(names).to_have_count(len(GROUPS))
    assert page.locator("a").filter(has_text="-s1").count() == 0
    no_placeholder(page)
    browser.keep(page, "heat maps")


def test_table_has_a_row_per_configuration_and_run(browser: Browser, pages: Pages) -> None:
    page = browser.open(pages.links["table"])

    expect(page.get_by_text("12 matching runs")).to_be_visible()
    for group in GROUPS:
        expect(page.get_by_text(f"Group: {group}").first).to_be_attached()
    for name in ("eval/accuracy", "eval/loss", "flow/slope"):
        expect(page.get_by_role("columnheader", name=name).first).to_be_visible()
    # the best first: the sort of the view is that of the page
    first = page.locator("a").filter(has_text="-s").first
    assert (first.text_content() or "").startswith(("gru", "lstm"))
    assert page.get_by_text("gates", exact=True).count() == 0
    no_placeholder(page)
    browser.keep(page, "table")


def test_description_of_the_parent_is_a_table(browser: Browser, pages: Pages) -> None:
    page = browser.open(pages.links["comparison"])

    page.get_by_text("Show more", exact=True).click()
    table = page.locator("table").filter(has_text="configuration")
    expect(table.locator("tbody tr")).to_have_count(len(GROUPS))
    for group in GROUPS:
        expect(table.get_by_text(group, exact=True)).to_be_visible()
    expect(page.get_by_text(f"bptt compare {pages.grid_id}")).to_be_visible()
    expect(page.get_by_text("12 succeeded")).to_be_visible()
    browser.keep(page, "comparison")


def test_ui_prints_links_while_another_serves(bptt, browser: Browser, pages: Pages) -> None:
    port = pages.links["table"].split(":")[2].partition("/")[0]

    told = bptt("ui", pages.grid_id, "--port", port)

    assert told.startswith(f"gates ({pages.grid_id})\n")
    assert all(link in told for link in pages.links.values())
    assert "Ctrl-C" not in told


def test_open_opens_every_page(bptt, pages: Pages, tmp_path: Path, monkeypatch) -> None:
    port = pages.links["table"].split(":")[2].partition("/")[0]
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    program.chmod(0o755)
    monkeypatch.setitem(bptt.environment, "BROWSER", str(program))

    bptt("ui", pages.grid_id, "--port", port, "--open")

    assert sorted(opened.read_text().split()) == sorted(pages.links.values())
