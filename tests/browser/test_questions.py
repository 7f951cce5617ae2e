"""Questions and buttons: who presses twice, or goes away in the middle, gets what they asked for, once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from browser.person import Person
from browser.pictures import Album

pytestmark = pytest.mark.integration

FOLDER = "asked/"


@pytest.fixture(scope="module", autouse=True)
def asked(album: Album) -> None:
    album.fill(FOLDER, 6)


def open_folder(page: Page) -> None:
    page.goto(f"/app/library/images/{FOLDER}")
    expect(page.get_by_role("gridcell").first).to_be_visible()


def choose_all(page: Page) -> None:
    page.get_by_role("gridcell").first.get_by_role("link").focus()
    page.keyboard.press("Control+a")


def holding(page: Page, pattern: str, method: str) -> list[Route]:
    """What is sent there waits from now on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == method:
            held.append(route)
        else:
            route.continue_()

    page.route(pattern, hold)
    return held


def counted(page: Page, pattern: str, method: str) -> list[str]:
    found: list[str] = []
    page.on(
        "request",
        lambda request: (
            found.append(request.url)
            if request.method == method and re.search(pattern, request.url)
            else None
        ),
    )
    return found


def test_a_secret_is_shown_though_the_question_was_left_while_the_key_was_made(page: Page) -> None:
    page.goto("/app/settings/keys")
    held = holding(page, "**/v1/keys", "POST")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("hasty")
    with page.expect_request(lambda request: request.method == "POST"):
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    held[0].continue_()
    expect(page.get_by_label("Secret", exact=True)).to_contain_text("atoll_")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Secret", exact=True)).to_be_visible()


def test_a_question_that_was_left_while_it_was_sent_still_tells_what_went_wrong(page: Page) -> None:
    page.goto("/app/settings/keys")
    held = holding(page, "**/v1/keys", "POST")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("refused")
    with page.expect_request(lambda request: request.method == "POST"):
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    held[0].fulfill(
        status=409,
        content_type="application/problem+json",
        body='{"title": "Taken", "detail": "Two of them"}',
    )
    expect(page.get_by_role("alert").get_by_text("Two of them")).to_be_visible()


def test_a_question_goes_with_its_page_when_somebody_goes_back(page: Page) -> None:
    page.goto("/app/upload")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="New bucket").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("() => history.back()")
    expect(page.get_by_role("heading", name="Trash")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_download_that_is_pressed_twice_is_one_download(page: Page) -> None:
    jobs = counted(page, r"/v1/jobs$", "POST")
    open_folder(page)
    choose_all(page)
    page.get_by_role("button", name="Download", exact=True).dblclick()
    expect(page.get_by_text("Download of 6 images: done")).to_have_count(1, timeout=30_000)
    assert len(jobs) == 1


def test_an_edited_image_that_is_saved_by_two_presses_has_one_new_version(page: Page, album: Album) -> None:
    asset = album.add("asked-once/edited", 41)
    jobs = counted(page, r"/v1/jobs$", "POST")
    page.goto(f"/app/edit/{asset.asset_id}")
    page.locator("summary").get_by_text("Turn", exact=True).click()
    page.get_by_role("button", name="Turn left").click()
    expect(page.locator(".spelt code")).to_have_text("a_270")
    page.get_by_role("button", name="Save as new version").dblclick()
    expect(page.get_by_text("1 image saved.")).to_be_visible(timeout=30_000)
    assert len(jobs) == 1


def test_words_that_are_saved_by_two_presses_are_nobody_elses_change(page: Page, album: Album) -> None:
    asset = album.add("asked-once/words", 42, title="Before")
    sent = counted(page, asset.asset_id, "PATCH")
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_label("Title").fill("After")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.get_by_role("heading", name="After")).to_be_visible()
    expect(page.get_by_text("Somebody changed this image meanwhile")).to_have_count(0)
    assert len(sent) == 1


def test_an_older_version_is_gone_back_to_once_though_it_is_pressed_twice(page: Page, album: Album) -> None:
    album.add("asked-once/back", 43)
    asset = album.add("asked-once/back", 44)
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_role("button", name="Go back to this").dblclick()
    expect(page.get_by_text("the current one again")).to_be_visible()
    expect(page.locator("atoll-versions li")).to_have_count(3)
    assert len(list(album.client.versions(asset.asset_id))) == 3


def test_the_focus_is_at_the_button_again_when_a_question_was_declined(person: Person) -> None:
    page = person.page
    page.goto("/app/cluster")
    button = page.get_by_role("button", name=re.compile("^Seal the set")).first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_what_a_job_made_is_not_pushed_away_by_later_messages(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 420})
    open_folder(page)
    for _ in range(3):
        choose_all(page)
        page.get_by_role("button", name="Download", exact=True).click()
        expect(page.get_by_text("Download of 6 images")).not_to_have_count(0)
    expect(page.get_by_text("Download of 6 images: done")).to_have_count(3, timeout=30_000)
    page.get_by_role("gridcell").first.get_by_role("link").focus()
    for number in range(5):
        page.get_by_role("button", name="Tag", exact=True).click()
        page.get_by_label("Add these").fill(f"turn{number}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("6 images tagged.").last).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"\.zip$"))).to_have_count(3)
    top = page.locator("atoll-toasts").evaluate("(toasts) => toasts.getBoundingClientRect().top")
    assert top >= 0
