"""The smallest phones: every page fits into 320 pixels, and nothing lies on something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.pictures import Album, scene

pytestmark = pytest.mark.integration

WIDTH = 320
PAGES = ["library/images/narrow/", "upload", "cluster", "trash", "settings/keys", "settings/buckets/images"]
PARTS = ["settings/transformations", "settings/usage", "settings/webhooks", "settings/upload-keys"]
LONG = "a-name-without-any-space-that-is-longer-than-a-small-phone-is-wide"


def wide(page: Page) -> int:
    return page.evaluate("() => document.documentElement.scrollWidth")


def test_every_page_fits_into_the_smallest_phone(page: Page, album: Album) -> None:
    asset = album.add(f"narrow/{LONG}", 31, title=LONG, tags=[LONG[:60]])
    page.set_viewport_size({"width": WIDTH, "height": 568})
    found = {}
    for address in [*PAGES, *PARTS, f"image/{asset.asset_id}", f"edit/{asset.asset_id}"]:
        page.goto(f"/app/{address}")
        expect(page.locator("main h1, main h2").first).to_be_attached()
        page.wait_for_load_state("networkidle") if address != "cluster" else expect(
            page.locator(".node").first
        ).to_be_visible()
        found[address] = wide(page)
    assert {address: width for address, width in found.items() if width > WIDTH} == {}


def test_how_far_all_uploads_are_is_seen_below_the_bar_however_far_one_scrolls(
    page: Page, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(16)]
    for number, file in enumerate(files):
        file.write_bytes(scene(number, (80, 60)))
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto("/app/upload?bucket=images&folder=narrow-up/")
        page.locator('input[aria-label="Choose files"]').set_input_files(files)
        expect(page.locator('.upload-row[data-state="done"]')).to_have_count(len(files))
        page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
        bar, totals = (page.locator(name).bounding_box() for name in ("header.bar", ".totals"))
        assert bar
        assert totals
        assert totals["y"] >= bar["y"] + bar["height"]
