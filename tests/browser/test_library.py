"""The library: what a bucket holds is looked at, searched, chosen and changed by somebody in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from browser.person import Person
from browser.pictures import Album

pytestmark = pytest.mark.integration

FOLDER, COUNT = "hills/", 48  # and one more, which a story of folders puts in


@pytest.fixture(scope="module", autouse=True)
def hills(album: Album) -> None:
    album.fill(FOLDER, COUNT)


def tiles(page: Page) -> Locator:
    return page.get_by_role("gridcell")


def open_folder(page: Page, query: str = "") -> None:
    page.goto(f"/app/library/images/{FOLDER}{query}")
    expect(tiles(page).first).to_be_visible()


def test_a_wrong_key_is_told_and_the_right_one_opens_the_page_that_was_wanted(stranger: Person) -> None:
    page = stranger.page
    page.goto(f"/app/library/images/{FOLDER}")
    page.get_by_label("API key").fill("not a key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").get_by_text("not known here")).to_be_visible()
    assert stranger.hindrances() == []
    page.get_by_label("API key").fill(stranger.cluster.api_key)
    page.keyboard.press("Enter")
    expect(tiles(page).first).to_be_visible()
    assert stranger.cluster.api_key not in page.evaluate("JSON.stringify([localStorage, document.cookie])")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_nothing_moves_while_pictures_load_and_each_gets_there(page: Page) -> None:
    page.add_init_script(
        "window.shifts = []; const seen = (list) => shifts.push(...list.getEntries().map(e => e.value));"
        "new PerformanceObserver(seen).observe({type: 'layout-shift', buffered: true})"
    )
    open_folder(page)
    expect(page.locator(".tile img.there").nth(11)).to_be_attached()
    assert page.evaluate("shifts.reduce((a, b) => a + b, 0)") < 0.02
    assert page.evaluate(
        "[...document.querySelectorAll('.tile a')]"
        ".every(a => a.style.backgroundImage.startsWith('url(\"data:image/bmp'))"
    )


def test_however_long_the_gallery_only_what_is_near_the_window_is_in_the_document(page: Page) -> None:
    open_folder(page)
    page.evaluate("document.querySelector('atoll-gallery').style.width = '420px'")
    page.mouse.wheel(0, 100_000)
    expect(tiles(page).get_by_role("link", name=f"{COUNT - 1:03d},")).to_be_visible()
    expect(tiles(page).get_by_role("link", name=re.compile("^000,"))).to_have_count(0)


def test_what_only_passes_by_is_not_asked_for_and_what_stays_in_sight_is(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 250})
    open_folder(page)
    passed_by = page.evaluate(
        """() => new Promise((done) => {
          let passed = 0;
          const turn = () => {
            const before = scrollY;
            scrollBy(0, 300);
            passed += [...document.querySelectorAll(".tile")].filter((each) => !each.tile.asked).length;
            if (scrollY > before) requestAnimationFrame(turn); else done(passed);
          };
          turn();
        })"""
    )
    assert passed_by > 0
    last = tiles(page).filter(has=page.get_by_role("link", name=f"{COUNT - 1:03d},"))
    expect(last.locator("img.there")).to_be_visible()
    assert page.evaluate("() => [...document.querySelectorAll('.tile')].every((each) => each.tile.asked)")


def test_a_gallery_that_was_left_brings_nothing_in_and_asks_for_nothing_any_more(page: Page) -> None:
    open_folder(page)
    left_with = page.evaluate(
        """async () => {
          const gallery = document.querySelector("atoll-gallery");
          dispatchEvent(new Event("scroll"));
          gallery.remove();
          for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
          return gallery.querySelectorAll(".tile").length;
        }"""
    )
    assert left_with == 0


def test_after_a_rush_the_rows_are_in_order_and_each_picture_is_the_one_its_name_says(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 250})
    open_folder(page)
    rough = page.evaluate(
        """() => new Promise((done) => {
          let [left, most] = [60, 0];
          const turn = () => {
            scrollBy(0, left > 30 ? 300 : -300);
            most = Math.max(most, document.querySelectorAll(".tile.rough").length);
            if (left -= 1) requestAnimationFrame(turn); else done(most);
          };
          turn();
        })"""
    )
    assert rough > 0
    expect(page.locator(".tile.rough")).to_have_count(0)
    expect(tiles(page).first.get_by_role("link", name="000,")).to_be_visible()
    found = page.evaluate(
        """() => [...document.querySelectorAll(".line")].map((line) => {
          const shown = [...line.children].map((each) => each.tile);
          const left = shown.map((tile) => tile.element.offsetLeft);
          return [Number(line.ariaRowIndex),
            shown.every((tile) => tile.link.pathname.endsWith(tile.asset.asset_id))
            && left.every((each, place) => !place || each > left[place - 1])];
        })"""
    )
    assert [row for row, _ in found] == list(range(1, len(found) + 1))
    assert all(right for _, right in found)


def test_who_jumps_by_the_keyboard_has_the_focus_on_what_is_seen_however_fast(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 250})
    open_folder(page)
    tiles(page).first.get_by_role("link").focus()
    for key in ("End", "Home") * 4 + ("End",):
        page.keyboard.press(key)
    expect(page.get_by_role("link", name=f"{COUNT - 1:03d},")).to_be_focused()
    expect(page.locator(".tile.rough")).to_have_count(0)


SCROLLED = """(y) => new Promise((ended) => {
  addEventListener("scrollend", ended, { once: true });
  const turn = () => {
    scrollTo(0, y);
    if (scrollY < y) requestAnimationFrame(turn); // the page is not as long yet
  };
  turn();
})"""


def test_going_back_at_once_after_scrolling_finds_the_place_that_was_left(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 250})
    open_folder(page)
    page.evaluate(SCROLLED, 400)
    tiles(page).get_by_role("link").nth(5).evaluate("(link) => link.click()")
    expect(page.locator("atoll-image h1")).to_be_visible()
    page.evaluate(f"() => ({SCROLLED})(60).then(() => history.back())")
    expect(page).to_have_url(re.compile("/app/library/"))
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")  # by then it was written down
    assert page.evaluate("() => [history.state.scroll, scrollY]") == [400, 400]


def test_a_scroll_that_ends_while_the_page_before_comes_is_not_that_pages_own(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 250})
    open_folder(page)
    page.evaluate(SCROLLED, 400)
    tiles(page).get_by_role("link").nth(5).evaluate("(link) => link.click()")
    expect(page.locator("atoll-image h1")).to_be_visible()
    page.evaluate(SCROLLED, 60)
    held: list[Route] = []
    page.route("**/v1/buckets", lambda route: held.append(route))  # the library shows its place after this
    with page.expect_request("**/v1/buckets"):
        page.evaluate("() => history.back()")
    page.evaluate("() => dispatchEvent(new Event('scrollend'))")
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")  # by then it would be written down
    for route in held:
        route.continue_()
    expect(tiles(page).first).to_be_visible()
    page.wait_for_function("() => history.state.scroll === 400 && scrollY === 400")


def test_who_goes_back_before_an_image_is_there_stays_in_the_library(page: Page) -> None:
    open_folder(page)
    held: list[Route] = []
    page.route(re.compile(r"/v1/assets/\w+$"), lambda route: held.append(route))
    with page.expect_request(re.compile(r"/v1/assets/\w+$")):
        tiles(page).get_by_role("link").nth(5).click()
    page.evaluate("() => history.back()")
    expect(page).to_have_title("hills · Atoll")
    with page.expect_response(re.compile(r"/v1/assets/\w+$")):
        for route in held:
            route.continue_()
    expect(tiles(page).first).to_be_visible()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page).to_have_title("hills · Atoll")


def test_folders_lead_down_and_up_and_words_find_while_they_are_typed(page: Page, album: Album) -> None:
    album.add("hills/south/valley", 900, title="Vineyards in the evening", tags=["wine"])
    page.goto("/app/library/images/")
    folders = page.get_by_role("navigation", name="Folders")
    folders.get_by_role("link", name="hills").click()
    folders.get_by_role("link", name="south").click()
    expect(tiles(page)).to_have_count(1)
    page.get_by_role("navigation", name="Folder", exact=True).get_by_role("link", name="hills").click()
    page.get_by_label("Search").press_sequentially("viney")
    expect(tiles(page)).to_have_count(1)
    expect(page).to_have_url(re.compile("q=viney"))
    page.get_by_label("Search").fill("")
    expect(tiles(page).nth(20)).to_be_attached()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Tags (all of them)").fill("wine")
    page.keyboard.press("Enter")
    expect(tiles(page)).to_have_count(1)
    page.get_by_label("Tags (all of them)").fill("beer")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing fits")).to_be_visible()


def test_the_keyboard_is_enough(page: Page, person: Person) -> None:
    open_folder(page)
    tiles(page).first.get_by_role("link").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_text("3 images")).to_be_visible()
    assert person.hindrances() == []
    page.keyboard.press("Control+a")
    expect(page.get_by_text(re.compile(rf"^({COUNT}|{COUNT + 1}) images"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("gridcell", selected=True)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/app/image/"))
    page.go_back()
    expect(tiles(page).first).to_be_visible()


def test_many_are_tagged_moved_deleted_and_brought_back(page: Page, album: Album) -> None:
    for number in range(4):
        album.add(f"many/{number}", 500 + number)
    page.goto("/app/library/images/many/")
    choose(page, 0, 3)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Add these").fill("north, Küste")
    page.get_by_role("dialog").get_by_role("button", name="Tag").click()
    expect(page.get_by_text("4 images tagged.")).to_be_visible()
    assert set(album.client.asset_by_name("images", "many/2").tags) == {"north", "Küste"}
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_label("To the folder").fill("elsewhere/deep")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_text("No images here yet")).to_be_visible()
    page.goto("/app/library/images/elsewhere/deep/")
    choose(page, 1, 2)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tiles(page)).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 images restored.")).to_be_visible()
    for number in range(4):
        album.wait(f"elsewhere/deep/{number}")
    page.reload()
    expect(tiles(page)).to_have_count(4)


def test_jobs_that_were_ordered_are_followed_until_they_have_ended(page: Page, tmp_path: Path) -> None:
    open_folder(page)
    choose(page, 0, 2)
    page.get_by_role("button", name="Transform", exact=True).click()
    page.get_by_label("Transformations").fill("c_fill,w_64,h_64/e_sepia")
    page.get_by_role("dialog").get_by_role("button", name="Begin").click()
    expect(page.get_by_text("Transform 3 images: done")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Close").first.click()
    page.get_by_role("button", name="Download", exact=True).click()
    expect(page.get_by_text("Download of 3 images: done")).to_be_visible(timeout=30_000)
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(r"\.zip$")).click()
    assert started.value.suggested_filename.endswith(".zip")


def test_a_job_is_followed_to_its_end_where_its_stream_is_refused(page: Page) -> None:
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503, content_type="application/problem+json", body="{}")

    page.route("**/v1/jobs/*/events", refuse)
    held = Held(page, "**/v1/jobs/*")
    open_folder(page)
    transform(page, "c_fill,w_65,h_65")
    toast = page.locator("[data-job]")
    expect(toast.get_by_text("running, 0 of 3 images")).to_be_visible()
    expect(toast.get_by_role("button", name="Cancel")).to_be_visible()
    held.let_go()
    expect(page.get_by_text("Transform 3 images: done")).to_be_visible(timeout=30_000)
    assert refused


def test_many_jobs_leave_the_page_connections_for_everything_else(page: Page) -> None:
    streams: list[str] = []
    page.route("**/v1/jobs/*/events", lambda route: streams.append(route.request.url))  # answered by nobody
    open_folder(page)
    for side in range(70, 78):
        transform(page, f"c_fill,w_{side},h_70")
    expect(page.get_by_text("Transform 3 images: done")).to_have_count(6, timeout=30_000)
    assert len(streams) == 2


class Held:
    """Answers to a look at a job say that it runs, until they are let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._held = True
        page.route(pattern, self._answer)

    def let_go(self) -> None:
        self._held = False

    def _answer(self, route: Route) -> None:
        if not self._held:
            return route.continue_()
        answer = route.fetch()
        job = answer.json()
        job |= {"state": "running", "finished_at": None, "progress": job["progress"] | {"done": 0}}
        return route.fulfill(response=answer, json=job)


def transform(page: Page, transformation: str) -> None:
    """Of three images."""
    choose(page, 0, 2)
    page.get_by_role("button", name="Transform", exact=True).click()
    page.get_by_label("Transformations").fill(transformation)
    page.get_by_role("dialog").get_by_role("button", name="Begin").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")


def choose(page: Page, first: int, last: int) -> None:
    """From one to another, with the mouse."""
    tiles(page).nth(first).hover()
    tiles(page).nth(first).locator(".pick").click()
    tiles(page).nth(last).click(modifiers=["Shift"])
    expect(page.get_by_role("gridcell", selected=True)).to_have_count(last - first + 1)


def test_a_hostile_name_or_title_is_text_and_never_markup(page: Page, album: Album) -> None:
    evil = "<img src=x onerror=alert(1)>"
    asset = album.add(
        "evil/it", 700, title=evil, alt=f"{evil}&amp;", tags=[evil[:60]], filename=f"{evil}.jpg"
    )
    page.goto("/app/library/images/evil/")
    expect(page.get_by_role("link", name=f"{evil},")).to_be_visible()
    page.goto(f"/app/image/{asset.asset_id}")
    expect(page.get_by_role("heading", name=evil)).to_be_visible()
    expect(page.get_by_text(f"{evil}.jpg")).to_be_visible()
    expect(page.locator("img[src=x]")).to_have_count(0)


def test_a_thumbnail_that_no_node_could_draw_just_then_is_asked_for_again(page: Page, album: Album) -> None:
    album.add("busy/one", 880)
    refused: list[str] = []

    def busy(route: Route) -> None:
        refused.append(route.request.url)
        if len(refused) > 3:  # each node of the set once
            return route.continue_()
        return route.fulfill(status=503, headers={"Retry-After": "1"})

    page.route("**/c_limit,*h_360*/**", busy)
    page.goto("/app/library/images/busy/")
    expect(page.locator(".tile.broken")).to_have_count(1)
    expect(page.locator(".tile img.there")).to_have_count(1)
    assert len(refused) == 4


def test_what_was_typed_last_does_not_lead_somebody_back_who_went_on(page: Page) -> None:
    open_folder(page)
    page.get_by_label("Search").fill("viney")
    page.evaluate("() => document.querySelector('nav a[href=\"/app/upload\"]').click()")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")  # by then it would be searched for
    expect(page).to_have_url(re.compile("/app/upload$"))


def test_who_goes_back_before_a_page_could_be_loaded_finds_this_one_as_it_was(page: Page) -> None:
    open_folder(page)
    held: list[Route] = []
    page.route("**/image/page.js", lambda route: held.append(route))
    with page.expect_request("**/image/page.js"):
        tiles(page).get_by_role("link").nth(5).click()
    page.evaluate("() => history.back()")
    expect(page).to_have_url(re.compile(f"/app/library/images/{FOLDER}$"))
    expect(page.locator("main[aria-busy]")).to_have_count(0)
    for route in held:
        route.continue_()


def test_who_comes_by_a_link_sees_what_there_is_now_and_who_goes_back_where_they_were(
    page: Page, album: Album
) -> None:
    gone = album.add("fresh/one", 881)
    album.add("fresh/two", 882)
    page.goto("/app/library/images/fresh/")
    expect(tiles(page)).to_have_count(2)
    tiles(page).first.get_by_role("link").click()
    page.get_by_role("button", name="Delete", exact=True).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/app/library/images/fresh/$"))
    expect(tiles(page)).to_have_count(1)
    assert gone.public_id == "fresh/one"
    page.get_by_role("link", name="Upload").click()
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    album.add("fresh/three", 883)
    page.get_by_role("link", name="Library").click()
    page.get_by_role("navigation", name="Folders").get_by_role("link", name="fresh").click()
    expect(tiles(page)).to_have_count(2)


def test_a_gallery_that_was_left_shows_nothing_that_its_feed_brings_later(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "limit=" in route.request.url and "fields=" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    page.route("**/v1/assets?*", hold)
    with page.expect_request("**/v1/assets?*"):
        page.goto(f"/app/library/images/{FOLDER}")
    page.evaluate("() => { window.left = document.querySelector('atoll-gallery'); }")
    page.evaluate("() => document.querySelector('nav a[href=\"/app/upload\"]').click()")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    with page.expect_response("**/v1/assets?*"):
        for route in held:
            route.continue_()
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert page.evaluate("() => left.querySelectorAll('.tile').length") == 0


def test_an_address_of_a_thumbnail_that_is_good_no_more_is_asked_for_anew(page: Page) -> None:
    asked: list[int] = []

    def short(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        asked.append(len(told["results"]))
        for result in told["results"]:
            result["expires_at"] = "2020-01-01T00:00:00Z"
        route.fulfill(response=answer, json=told)

    page.route("**/v1/resolve", short)
    open_folder(page)
    expect(page.locator(".tile img.there").nth(5)).to_be_attached()
    before = len(asked)
    tiles(page).first.get_by_role("link").click()
    expect(page.locator("atoll-image h1")).to_be_visible()
    asked.clear()
    page.evaluate("() => history.back()")
    expect(page.locator(".tile img.there").nth(5)).to_be_attached()
    assert before
    assert sum(asked) > 5


def test_thumbnails_whose_addresses_could_not_be_had_are_asked_for_again(page: Page, album: Album) -> None:
    album.add("hasty/one", 890)
    refused: list[str] = []

    def away(route: Route) -> None:
        refused.append(route.request.url)
        if len(refused) > 1:
            return route.continue_()
        return route.fulfill(status=400, content_type="application/problem+json", body='{"title": "Not now"}')

    page.route("**/v1/resolve", away)
    page.goto("/app/library/images/hasty/")
    expect(page.locator(".tile.broken")).to_have_count(1)
    expect(page.locator(".tile img.there")).to_have_count(1)


def test_a_window_that_changes_its_width_is_no_mistake_of_the_page(page: Page) -> None:
    open_folder(page)
    for width in (900, 620, 500, 1100, 760):
        page.set_viewport_size({"width": width, "height": 500})
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page.locator(".toast")).to_have_count(0)


def test_nothing_is_chosen_in_the_bar_before_it_is_known_where_somebody_is(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/buckets", lambda route: held.append(route))
    with page.expect_request("**/v1/buckets"):
        page.goto(f"/app/library/images/{FOLDER}")
    order = page.get_by_label("Order", exact=True)
    expect(page.locator(".library-bar")).to_have_attribute("inert", "")
    for route in held:
        route.continue_()
    expect(tiles(page).first).to_be_visible()
    order.select_option("Newest first")
    expect(page).to_have_url(re.compile(f"/app/library/images/{FOLDER}.sort=-created_at$"))
