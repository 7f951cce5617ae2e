"""Every page as a picture, light and dark, wide and on a phone: for people to look at, and for the README.

Told only when ATOLL_SCREENSHOTS names a folder: `make screenshots`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from client_clusters import ClusterUnderTest
from PIL import Image
from playwright.sync_api import Browser, Page, StorageState, expect

from browser.conftest import somebody
from browser.pictures import Album

FOLDER = os.environ.get("ATOLL_SCREENSHOTS")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not FOLDER, reason="screenshots are made by `make screenshots`"),
]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}


@pytest.fixture(scope="module")
def holiday(album: Album) -> str:
    """A folder that is worth a look; the id of one image in it, which has two versions."""
    album.fill("holiday/2026/", 24)
    for name in ("harbour/a", "market/b", "mountains/c"):
        album.add(f"holiday/{name}", hash(name) % 1000)
    photographs = files("atoll.local") / "pictures"
    for each in sorted(photographs.iterdir(), key=lambda p: p.name):
        if each.name.endswith(".jpg"):
            album.add_bytes(f"holiday/{each.name[:-4]}", each.read_bytes(), title=each.name[:-4].title())
    gray = Image.open(io.BytesIO((photographs / "coffee.jpg").read_bytes())).convert("L")
    out = io.BytesIO()
    gray.save(out, "JPEG", quality=88)
    words = {
        "title": "Coffee",
        "alt": "A cup of coffee on a table",
        "tags": ["cup", "morning"],
        "context": {"place": "Basel"},
    }
    album.add_bytes("holiday/coffee", out.getvalue(), **words)
    return album.add_bytes("holiday/coffee", (photographs / "coffee.jpg").read_bytes(), **words).asset_id


def sign_in(page: Page, _: str) -> None:
    page.goto("/app/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()


def library(page: Page, _: str) -> None:
    page.goto("/app/library/images/holiday/")
    expect(page.get_by_role("gridcell").first).to_be_visible()
    expect(page.locator(".tile img:not(.there)")).to_have_count(0)


def chosen(page: Page, image: str) -> None:
    library(page, image)
    page.get_by_role("button", name="Filters").click()
    for place in (1, 3):
        page.get_by_role("gridcell").nth(place).locator(".pick").click(force=True)


def one_image(page: Page, image: str) -> None:
    page.goto(f"/app/image/{image}")
    expect(page.locator("atoll-viewer")).to_have_class("there")
    expect(page.locator(".world .mark")).to_have_count(3)


def compared(page: Page, image: str) -> None:
    one_image(page, image)
    page.get_by_role("button", name="Compare").first.click()
    expect(page.locator(".compare img").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def question(page: Page, image: str) -> None:
    chosen(page, image)
    page.get_by_role("button", name="Transform", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def edited(page: Page, image: str) -> None:
    page.goto(f"/app/edit/{image}")
    page.locator("summary").get_by_text("Filters", exact=True).click()
    page.get_by_role("button", name="Clarendon").click()
    expect(page.locator(".spelt code")).to_have_text("e_art:clarendon")
    expect(page.locator(".outcome")).to_contain_text("the original")
    page.wait_for_load_state("networkidle")


def cut(page: Page, image: str) -> None:
    page.goto(f"/app/edit/{image}")
    page.locator("summary").get_by_text("Cut", exact=True).click()
    page.get_by_role("button", name="Shape 4 : 3").click()
    page.get_by_label("From the left, %").fill("20")
    page.keyboard.press("Tab")
    page.get_by_label("Width, %").fill("60")
    page.keyboard.press("Tab")
    expect(page.locator(".crop-box")).to_be_visible()
    expect(page.locator(".outcome")).to_contain_text("the original")


def upload(page: Page, _: str) -> None:
    page.goto("/app/upload?bucket=images&folder=holiday/new/")
    photographs = sorted(Path(str(files("atoll.local") / "pictures")).glob("*.jpg"))
    page.locator('input[aria-label="Choose files"]').set_input_files([*photographs[:4], Path(__file__)])
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(4)


def cluster_page(page: Page, _: str) -> None:
    page.goto("/app/cluster")
    expect(page.locator(".node")).to_have_count(3)
    expect(page.locator("table.matrix tbody tr")).to_have_count(3, timeout=100_000)
    page.get_by_label("City").select_option("Tokyo")
    expect(page.locator(".whom-answer")).to_contain_text("ap-southeast-1")


def bucket(page: Page, _: str) -> None:
    page.goto("/app/settings/buckets/images")
    expect(page.get_by_label("Quota")).to_be_visible()


def named(page: Page, _: str) -> None:
    page.goto("/app/settings/transformations/images")
    expect(page.get_by_role("button", name="New transformation")).to_be_visible()
    if not page.get_by_text("t_poster").count():
        page.get_by_role("button", name="New transformation").click()
        page.get_by_label("Name", exact=True).fill("poster")
        page.get_by_label("Transformation", exact=True).fill("c_fill,g_auto,h_300,w_400/e_sepia")
        page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.locator(".preview img").first).to_have_js_property("naturalWidth", 400)


def keys(page: Page, _: str) -> None:
    page.goto("/app/settings/keys")
    expect(page.get_by_role("table", name="API keys")).to_be_visible()
    if not page.get_by_text("shop", exact=True).count():
        page.get_by_role("button", name="New key").click()
        page.get_by_label("Name", exact=True).fill("shop")
        page.get_by_label("write", exact=True).check()
        page.get_by_label("Only names that begin so").fill("shop/")
        page.get_by_label("It ends").select_option("In 90 days")
        page.get_by_role("dialog").get_by_role("button", name="Make the key").click()
        page.get_by_role("dialog").get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text("shop", exact=True)).to_be_visible()


def new_key(page: Page, _: str) -> None:
    keys(page, _)
    page.get_by_role("button", name="New key").click()


def webhooks(page: Page, _: str) -> None:
    page.goto("/app/settings/webhooks")
    expect(page.get_by_role("button", name="New webhook")).to_be_visible()
    if not page.get_by_role("table").count():
        page.get_by_role("button", name="New webhook").click()
        page.get_by_label("Address").fill("https://shop.example.org/atoll")
        page.get_by_role("dialog").get_by_role("button", name="Make the webhook").click()
        page.get_by_role("dialog").get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("table")).to_be_visible()


def usage(page: Page, _: str) -> None:
    page.goto("/app/settings/usage")
    expect(page.locator(".bars")).to_be_visible()


def trash(page: Page, _: str) -> None:
    page.goto("/app/library/images/holiday/2026/")
    page.get_by_role("gridcell").first.locator(".pick").click(force=True)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.goto("/app/trash/images")
    expect(page.get_by_role("table")).to_be_visible()


SCREENS: dict[str, Callable[[Page, str], None]] = {
    "library": library,
    "chosen": chosen,
    "question": question,
    "image": one_image,
    "compared": compared,
    "edited": edited,
    "cut": cut,
    "upload": upload,
    "cluster": cluster_page,
    "bucket": bucket,
    "named": named,
    "keys": keys,
    "new-key": new_key,
    "webhooks": webhooks,
    "usage": usage,
    "trash": trash,
    "sign-in": sign_in,
}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("look", LOOKS)
def test_a_page_has_its_picture_taken(
    browser: Browser, cluster: ClusterUnderTest, session: StorageState, holiday: str, look: str, screen: str
) -> None:
    with somebody(browser, cluster, storage_state=session, **LOOKS[look]) as person:
        SCREENS[screen](person.page, holiday)
        folder = Path(FOLDER or "")
        folder.mkdir(parents=True, exist_ok=True)
        whole = screen in {"cluster", "image", "compared", "edited"}
        person.page.evaluate("() => scrollTo(0, 0)")
        person.page.screenshot(path=folder / f"{screen}-{look}.png", full_page=whole)
