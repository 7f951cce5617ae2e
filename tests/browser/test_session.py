"""Sessions that end, and people who follow each other at one browser: nothing is left for the next one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from browser.person import Person
from browser.pictures import Album, scene

pytestmark = pytest.mark.integration

FOLDER = "session/"
AT_ONCE = 8  # requests of one order


@pytest.fixture(scope="module", autouse=True)
def shown(album: Album) -> None:
    album.fill(FOLDER, 24)


def open_folder(page: Page) -> None:
    page.goto(f"/app/library/images/{FOLDER}")
    expect(page.get_by_role("gridcell").first).to_be_visible()


def sign_in_here(page: Page, key: str) -> None:
    """Without a new load of the page."""
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def ended(route: Route) -> None:
    route.fulfill(status=401, content_type="application/problem+json", body='{"title": "Sign in again"}')


def test_who_signs_in_after_somebody_else_sees_nothing_that_they_saw(stranger: Person, album: Album) -> None:
    page = stranger.page
    made = album.client.keys.create("next", ["read"], prefixes=["elsewhere/"])
    stranger.sign_in(stranger.cluster.api_key)
    open_folder(page)
    page.get_by_role("gridcell").first.get_by_role("link").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Sign out").click()
    sign_in_here(page, made.secret or "")
    expect(page.get_by_label("Search")).to_be_visible()
    expect(page.locator(".note")).not_to_have_text("")  # refused or empty, but said
    expect(page.get_by_role("gridcell")).to_have_count(0)
    expect(page.get_by_role("region", name="What is chosen")).to_be_hidden()


def test_messages_of_somebody_who_signed_out_are_not_there_for_the_next_one(
    stranger: Person, album: Album
) -> None:
    page = stranger.page
    asset = album.add("session-gone/one", 71)
    stranger.sign_in(stranger.cluster.api_key)
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_role("button", name="Delete", exact=True).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_who_signs_out_in_one_window_is_signed_out_in_all_of_them(stranger: Person) -> None:
    page = stranger.page
    stranger.sign_in(stranger.cluster.api_key)
    open_folder(page)
    second = page.context.new_page()
    second.goto("/app/upload")
    second.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_role("gridcell")).to_have_count(0)
    sign_in_here(second, stranger.cluster.api_key)
    expect(page.get_by_role("gridcell").first).to_be_visible()


def test_an_order_for_many_stops_when_the_session_has_ended(page: Page) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        ended(route)

    open_folder(page)
    page.get_by_role("gridcell").first.get_by_role("link").focus()
    page.keyboard.press("Control+a")
    page.route("**/v1/assets/*", refuse)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_text("stopped after 0 of 24")).to_be_visible()
    assert 0 < len(asked) <= AT_ONCE


def test_uploads_wait_while_nobody_is_signed_in_and_go_on_by_themselves(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page, over = person.page, [True]
    files = [tmp_path / f"{name}.jpg" for name in "abcdefg"]
    for seed, file in enumerate(files):
        file.write_bytes(scene(720 + seed, (160, 120)))
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        ended(route) if over else route.continue_()

    page.route("**/v1/uploads", refuse)
    page.goto("/app/upload?bucket=images&folder=session-up/")
    page.locator('input[aria-label="Choose files"]').set_input_files(files)
    expect(page.get_by_label("API key")).to_be_visible()
    assert len(asked) <= 4
    over.clear()
    sign_in_here(page, person.cluster.api_key)
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(len(files))
    assert len(list(album.client.list(album.bucket, "session-up/"))) == len(files)


def test_the_trash_of_somebody_whose_session_has_ended_says_only_that(person: Person) -> None:
    page = person.page
    page.goto("/app/upload")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    page.route("**/v1/**", ended)
    page.get_by_role("link", name="Trash").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.parametrize("address", ["library/images/session/", "upload", "edit/ID", "image/ID"])
def test_a_page_whose_first_question_fails_says_why_and_asks_again(
    person: Person, album: Album, address: str
) -> None:
    page, away = person.page, [True]
    address = address.replace("ID", album.add("session-first/one", 73).asset_id)

    def refuse(route: Route) -> None:
        if away:
            route.fulfill(
                status=500, content_type="application/problem+json", body='{"title": "Out of order"}'
            )
        else:
            route.continue_()

    page.route(re.compile(r"/v1/(buckets|assets/\w+)$"), refuse)
    page.goto(f"/app/{address}")
    expect(page.get_by_role("heading", name="Out of order")).to_be_visible()
    away.clear()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Out of order")).to_have_count(0)
    expect(page.locator(".tile, .drop, .edit-stage, atoll-viewer").first).to_be_visible()
