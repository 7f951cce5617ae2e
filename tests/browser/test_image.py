"""The page of one image: zoomed, described, gone back with, proven, deleted, brought back, in a browser."""

from __future__ import annotations

import re

import pytest
from client_clusters import ClusterUnderTest
from playwright.sync_api import Browser, Page, Route, StorageState, expect

from atoll.client import AssetChange
from browser.conftest import somebody
from browser.person import Person
from browser.pictures import Album

pytestmark = pytest.mark.integration


def test_it_is_seen_zoomed_and_has_nothing_in_nobodys_way(person: Person, album: Album) -> None:
    page = person.page
    asset = album.add("page/big", 11, (2400, 1600), title="Big hills", alt="Hills under a sky")
    page.goto(f"/app/image/{asset.asset_id}")
    picture = page.get_by_role("img", name="Hills under a sky")
    expect(picture).to_be_visible()
    expect(page.locator("atoll-viewer")).to_have_class("there")
    assert person.hindrances() == []
    small = picture.get_attribute("src")
    page.locator(".stage").focus()
    for _ in range(4):
        page.keyboard.press("+")
    expect(page.locator(".tools output")).to_have_text("384 %")
    expect(picture).not_to_have_attribute("src", small or "")
    page.keyboard.press("0")
    expect(page.locator(".tools output")).to_have_text("100 %")


def test_on_a_phone_nothing_of_it_is_wider_than_the_window(page: Page, album: Album) -> None:
    asset = album.add(
        "page/phone", 61, tags=["a-tag-without-any-space-that-is-long-enough-to-stick-out-of-it"]
    )
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/app/image/{asset.asset_id}")
    expect(page.locator(".world .mark")).to_have_count(3)
    expect(page.get_by_role("button", name="Copy HTML")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_words_are_changed_and_somebody_elses_change_is_not_written_over(page: Page, album: Album) -> None:
    asset = album.add("page/words", 12, title="Before")
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_label("Title").fill("After")
    page.get_by_label("Tags").fill("one, two")
    page.get_by_label("Context").fill("source = camera\nnote = a = b")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="After")).to_be_visible()
    now = album.client.asset(asset.asset_id)
    assert (now.title, set(now.tags), now.context) == (
        "After",
        {"one", "two"},
        {"source": "camera", "note": "a = b"},
    )
    album.client.edit(asset.asset_id, AssetChange(title="Meanwhile"))
    page.get_by_label("Title").fill("Too late")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody changed this image meanwhile")).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value("Too late")


def test_two_versions_are_compared_and_the_older_one_is_the_current_one_again(
    page: Page, album: Album
) -> None:
    first = album.add("page/twice", 21)
    second = album.add("page/twice", 22)
    page.goto(f"/app/image/{first.asset_id}")
    versions = page.locator("atoll-versions li")
    expect(versions).to_have_count(2)
    page.get_by_role("button", name="Compare").click()
    slider = page.get_by_role("slider", name="How much of the older version")
    slider.fill("25")
    expect(page.locator(".compare")).to_have_attribute("style", re.compile("--at: 25%"))
    page.get_by_role("button", name="Go back to this").click()
    expect(versions).to_have_count(3)
    assert album.client.asset(first.asset_id).sha256 == first.sha256 != second.sha256


def test_where_it_is_stands_on_a_map_and_every_copy_is_read_when_asked(page: Page, album: Album) -> None:
    asset = album.add("page/proven", 31)
    page.goto(f"/app/image/{asset.asset_id}")
    expect(page.locator(".world .land")).to_have_attribute("d", re.compile("^M.*Z$"))
    expect(page.locator(".world .mark")).to_have_count(3)
    page.get_by_role("button", name="Read and check every copy now").click()
    expect(page.get_by_text("all are right")).to_be_visible()


def test_addresses_are_copied_and_the_snippet_shows_the_picture(page: Page, album: Album) -> None:
    asset = album.add("page/addressed", 41, (1300, 900), alt='A "quoted" hill')
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_role("button", name="Copy HTML").click()
    snippet = page.evaluate("navigator.clipboard.readText()")
    assert 'alt="A &quot;quoted&quot; hill"' in snippet
    widths = re.findall(r"(http\S+) (\d+)w", snippet)
    assert [width for _, width in widths] == ["400", "800", "1200"]
    answer = page.context.request.get(widths[0][0].replace("&amp;", "&"))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("image/")


def test_what_is_deleted_says_so_and_comes_back(page: Page, album: Album) -> None:
    asset = album.add("page/doomed", 51)
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_role("button", name="Delete", exact=True).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/app/library/images/page/"))
    page.goto(f"/app/image/{asset.asset_id}")
    expect(page.get_by_role("heading", name="This image was deleted")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", name="doomed")).to_be_visible()


def test_an_image_that_never_was_is_told_plainly(page: Page) -> None:
    page.goto(f"/app/image/{'0' * 26}")
    expect(page.get_by_role("heading", name="There is no such thing")).to_be_visible()


def test_a_picture_comes_from_another_node_and_if_none_gives_it_that_is_said(
    page: Page, album: Album
) -> None:
    asset = album.add("page/away", 71, (900, 600))
    album.client.wait_replicated(asset.asset_id, regions=2)
    dead: list[str] = []

    def away(route: Route) -> None:
        dead.append(route.request.url.partition("/images/")[0])
        if route.request.url.startswith(dead[0]):
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route(re.compile("/c_limit,[^/]*h_1600"), away)
    page.goto(f"/app/image/{asset.asset_id}")
    expect(page.locator("atoll-viewer")).to_have_class("there")
    assert len(set(dead)) == 2
    page.route("**/images/**", lambda route: route.fulfill(status=503))
    page.reload()
    expect(page.get_by_text("The picture cannot be shown now.")).to_be_visible()


def test_a_finger_and_a_wheel_scroll_past_a_picture_that_is_seen_whole(
    page: Page, album: Album, browser: Browser, cluster: ClusterUnderTest, session: StorageState
) -> None:
    asset = album.add("page/tall", 72, (600, 900))
    with somebody(
        browser,
        cluster,
        storage_state=session,
        viewport={"width": 390, "height": 700},
        has_touch=True,
        is_mobile=True,
    ) as phone:
        seen = phone.page
        seen.goto(f"/app/image/{asset.asset_id}")
        expect(seen.locator("atoll-viewer")).to_have_class("there")
        box = seen.locator(".stage").bounding_box()
        assert box
        devtools = seen.context.new_cdp_session(seen)
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for step in range(11):
            finger = {**place, "y": place["y"] - 20 * step}
            kind = "touchMove" if step else "touchStart"
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [finger]})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        seen.wait_for_function("() => scrollY > 50")
    page.goto(f"/app/image/{asset.asset_id}")
    expect(page.locator("atoll-viewer")).to_have_class("there")
    page.locator(".stage").hover()
    page.mouse.wheel(0, 200)
    expect(page.locator(".tools output")).to_have_text("100 %")
    page.wait_for_function("() => scrollY > 50")


def test_older_versions_are_listed_once_though_they_are_asked_for_twice(page: Page, album: Album) -> None:
    asset = album.add("page/older", 73)

    def two_pages(route: Route) -> None:
        if "cursor=" in route.request.url:
            return route.fulfill(json={"versions": [], "next_cursor": None})
        answer = route.fetch()
        return route.fulfill(response=answer, json={**answer.json(), "next_cursor": "more"})

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "cursor=more" in request.url else None)
    page.route("**/versions?*", two_pages)
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_role("button", name="Older ones").dblclick()
    expect(page.get_by_role("button", name="Older ones")).to_be_hidden()
    assert len(asked) == 1
