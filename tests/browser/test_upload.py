"""Uploads by somebody in a browser: folders, a reload in the middle, refusals, names that look like code."""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Frame, Page, Route, expect

from atoll.client.views import AssetView
from browser.person import Person
from browser.pictures import Album, scene

pytestmark = pytest.mark.integration

CUT = "Failed to load resource: net::ERR_FAILED"  # the console notes a line that was cut on purpose
TICKETED = "**/v1/uploads?ticket=*"
HASTY = "const wait = setTimeout; window.setTimeout = (what, ms, ...given) => wait(what, ms / 10, ...given)"
KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open("atoll-uploads");
  opening.onsuccess = () => {
    const counting = opening.result.transaction("lines").objectStore("lines").count();
    counting.onsuccess = () => { opening.result.close(); resolve(counting.result > 0); };
  };
})"""  # whether the browser has an upload to go on with
PART = 8 << 20  # bytes of a large file that are sent at a time


def open_page(page: Page, folder: str) -> None:
    page.goto(f"/app/upload?bucket=images&folder={folder}")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()


def listed(album: Album, prefix: str) -> list[AssetView]:
    return list(album.client.list(album.bucket, prefix))


def choose(page: Page, label: str, files: Path | list[Path]) -> None:
    page.locator(f'input[aria-label="{label}"]').set_input_files(files)


def large_picture(path: Path) -> Path:
    """More than one part, and no compression makes it less."""
    size = (1900, 1600)
    Image.frombytes("RGB", size, random.Random(5).randbytes(size[0] * size[1] * 3)).save(
        path, compress_level=1
    )
    assert path.stat().st_size > PART
    return path


def test_a_folder_is_sent_and_seen_to_arrive_in_three_regions(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page, folder = person.page, tmp_path / "trip"
    (folder / "day one").mkdir(parents=True)
    for seed, name in enumerate(("a.jpg", "b.jpg", "day one/c.jpg")):
        (folder / name).write_bytes(scene(900 + seed, (320, 240)))
    (folder / "notes.txt").write_text("no picture")
    open_page(page, "sent/")
    page.get_by_label("Tags").fill("trip, 2026")
    choose(page, "Choose a folder", folder)
    expect(page.get_by_text("1 file left out")).to_be_visible()
    rows = page.locator(".upload-row")
    expect(rows).to_have_count(3)
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(3)
    expect(rows.first.locator(".chip")).to_have_count(3)
    expect(page.locator(".totals")).to_contain_text("3 of 3 stored")
    assert person.hindrances() == []
    found = {asset.public_id: asset for asset in listed(album, "sent/")}
    assert set(found) == {"sent/trip/a", "sent/trip/b", "sent/trip/day one/c"}
    assert set(found["sent/trip/a"].tags) == {"trip", "2026"}


def test_a_large_file_goes_on_after_a_reload_where_it_stopped(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page, picture = person.page, large_picture(tmp_path / "large.png")
    begun: list[str] = []
    reloaded: list[Frame] = []  # before that nothing more may arrive, or nothing is left to go on with

    def cut_after_the_first_part(route: Route) -> None:
        if route.request.method == "PATCH" and not reloaded:
            begun.append(route.request.headers["upload-offset"])
            if len(begun) > 1:
                return route.abort()
        return route.continue_()

    page.route("**/v1/tus/**", cut_after_the_first_part)
    open_page(page, "sent/")
    with page.expect_event("requestfailed"):
        choose(page, "Choose files", [picture])
    page.once("framenavigated", lambda frame: reloaded.append(frame))
    with page.expect_request(lambda request: request.method == "PATCH") as again:
        page.reload()
    assert begun[:2] == ["0", str(PART)]
    assert again.value.headers["upload-offset"] == str(PART)
    expect(page.get_by_text("Going on with 1 upload of before")).to_be_visible()
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(1)
    assert next(iter(listed(album, "sent/large"))).bytes == picture.stat().st_size
    page.reload()
    expect(page.locator(".totals")).to_be_hidden()
    person.complaints = [each for each in person.complaints if each != CUT]


def test_a_large_file_begins_anew_elsewhere_when_the_node_that_has_its_beginning_stays_away(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page, picture = person.page, large_picture(tmp_path / "moved.png")
    gone: list[str] = []  # the node's beginning of all addresses

    def away(route: Route) -> None:
        node = route.request.url.partition("/v1/")[0]
        if route.request.method == "PATCH" and not gone:
            gone.append(node)
        return route.abort() if node in gone else route.continue_()

    def elsewhere(route: Route) -> None:
        route.continue_(url=route.request.url + ("?region=us-east" if gone else ""))

    page.add_init_script(HASTY)
    page.route("**/v1/tus/**", away)
    page.route("**/v1/uploads", elsewhere)
    open_page(page, "sent/")
    choose(page, "Choose files", [picture])
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(1, timeout=40_000)
    assert len(gone) == 1
    assert next(iter(listed(album, "sent/moved"))).bytes == picture.stat().st_size
    person.complaints = [each for each in person.complaints if each != CUT]


def test_an_image_that_is_deleted_on_its_way_is_not_asked_for_any_more(
    page: Page, album: Album, tmp_path: Path
) -> None:
    (tmp_path / "short.jpg").write_bytes(scene(955, (160, 120)))
    asked: list[int] = []

    def one_more_is_to_have_it(route: Route) -> None:
        answer = route.fetch()
        asked.append(answer.status)
        told = answer.json()
        route.fulfill(
            response=answer, json=told | {"expected": [*told["expected"], "far"]} if answer.ok else told
        )

    page.route("**/v1/assets/*/locations", one_more_is_to_have_it)
    open_page(page, "brief/")
    choose(page, "Choose files", [tmp_path / "short.jpg"])
    row = page.locator(".upload-row")
    expect(row.locator(".chip")).to_have_count(3)
    expect(row).to_have_attribute("data-state", "arriving")
    album.client.delete(next(iter(listed(album, "brief/"))).asset_id)
    expect(row).to_contain_text("It was deleted meanwhile.")
    since_it_was_known = asked[asked.index(200) :]
    assert (since_it_was_known[-1], since_it_was_known.count(404)) == (404, 1)


def test_what_is_refused_says_why_and_is_paused_tried_again_and_taken_away(
    page: Page, tmp_path: Path
) -> None:
    broken = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    broken.write_bytes(b"not a picture at all")
    open_page(page, "sent/")
    choose(page, "Choose files", [broken])
    row = page.locator('.upload-row[data-state="failed"]')
    expect(row.locator(".name")).to_have_text(broken.name)
    expect(row.locator(".wrong")).not_to_be_empty()
    assert page.locator(".upload-row .name img").count() == 0
    broken.write_bytes(scene(950, (200, 150)))
    row.get_by_role("button", name="Try again").click()
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Do not send").click()
    expect(page.locator(".upload-row")).to_have_count(0)


def test_of_two_files_that_differ_in_their_extension_only_neither_takes_the_others_place(
    page: Page, album: Album, tmp_path: Path
) -> None:
    """As telephones make them, one picture in two formats."""
    first, second = tmp_path / "IMG_1.jpeg", tmp_path / "IMG_1.jpg"
    first.write_bytes(scene(960, (200, 150)))
    second.write_bytes(scene(961, (150, 200)))
    open_page(page, "pairs/")
    choose(page, "Choose files", [first, second])
    expect(page.locator('.upload-row[data-state="done"] .name')).to_have_text("IMG_1.jpeg")
    row = page.locator('.upload-row[data-state="failed"]')
    expect(row.locator(".name")).to_have_text("IMG_1.jpg")
    expect(row.locator(".wrong")).to_contain_text("IMG_1.jpeg goes by the same name, pairs/IMG_1")
    (stored,) = listed(album, "pairs/")
    assert stored.sha256 == sha256(first.read_bytes()).hexdigest()
    row.get_by_role("button", name="Try again").click()
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(2)
    (stored,) = listed(album, "pairs/")  # where it has arrived the catalog says
    assert stored.sha256 == sha256(second.read_bytes()).hexdigest()


def holding(page: Page) -> list[Route]:
    """Uploads that go nowhere until somebody lets them."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(TICKETED, hold)
    return held


NO_STORE = """
  const refused = () => { throw new DOMException("not here", "SecurityError"); };
  Object.defineProperty(window, "indexedDB", { get: refused });
  Object.defineProperty(navigator, "locks", { value: undefined });
  delete Crypto.prototype.randomUUID;
"""


def test_a_browser_that_keeps_nothing_and_knows_no_locks_sends_all_the_same(
    page: Page, album: Album, tmp_path: Path
) -> None:
    page.add_init_script(NO_STORE)  # as a private window, or a page without TLS
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(scene(960 + number, (160, 120)))
    open_page(page, "unkept/")
    choose(page, "Choose files", sorted(tmp_path.glob("*.jpg")))
    expect(page.get_by_text("This browser keeps nothing for later")).to_be_visible()
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(6)
    page.get_by_role("button", name="Clear away what is done").click()
    expect(page.locator(".upload-row")).to_have_count(0)
    assert len(listed(album, "unkept/")) == 6


def test_what_is_taken_away_while_it_is_sent_neither_arrives_nor_comes_back(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page = person.page
    kept = [tmp_path / f"{name}.jpg" for name in ("gone", "stays")]
    for seed, file in enumerate(kept):
        file.write_bytes(scene(970 + seed, (160, 120)))
    holding(page)
    open_page(page, "taken/")
    choose(page, "Choose files", kept)
    expect(page.locator('.upload-row[data-state="sending"]')).to_have_count(2)
    page.get_by_role("button", name="Do not send: gone.jpg").click()
    expect(page.get_by_role("button", name="Do not send: stays.jpg")).to_be_focused()
    page.route(TICKETED, Route.continue_)  # from now on; to unroute would let go of what is held, too
    page.reload()
    expect(page.get_by_text("Going on with 1 upload of before")).to_be_visible()
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(1)
    assert [asset.public_id for asset in listed(album, "taken/")] == ["taken/stays"]


def test_a_second_window_leaves_what_the_first_one_sends_alone(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page = person.page
    (tmp_path / "one.jpg").write_bytes(scene(980, (160, 120)))
    held = holding(page)
    open_page(page, "windows/")
    choose(page, "Choose files", [tmp_path / "one.jpg"])
    expect(page.locator('.upload-row[data-state="sending"]')).to_have_count(1)
    second = page.context.new_page()
    open_page(second, "windows/")
    expect(second.locator(".totals")).to_be_hidden()
    second.close()
    held[0].continue_()
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(1)
    assert len(listed(album, "windows/")) == 1


def test_what_a_window_left_unsent_another_that_is_open_sends_once_it_is_closed(
    person: Person, album: Album, tmp_path: Path
) -> None:
    first = person.page.context.new_page()
    (tmp_path / "one.jpg").write_bytes(scene(981, (160, 120)))
    holding(first)
    open_page(first, "left/")
    choose(first, "Choose files", [tmp_path / "one.jpg"])
    expect(first.locator('.upload-row[data-state="sending"]')).to_have_count(1)
    first.wait_for_function(KEPT)
    open_page(person.page, "left/")
    expect(person.page.locator(".totals")).to_be_hidden()
    first.close()
    expect(person.page.get_by_text("Going on with 1 upload of before")).to_be_visible()
    expect(person.page.locator('.upload-row[data-state="done"]')).to_have_count(1)
    assert len(listed(album, "left/")) == 1


SUMS = """async () => {
  const base = document.querySelector('script[type=module]').src.replace('main.js', '');
  const { Lines } = await import(base + 'upload/lines.js');
  const lines = new Lines(), states = ['waiting', 'sending', 'paused', 'failed', 'arriving', 'done'];
  let seed = 7;
  const some = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const all = [];
  for (let turn = 0; turn < 4000; turn += 1) {
    const line = all[some(all.length || 1)];
    if (!line || some(3) === 0) {
      all.push({ id: turn, file: { size: some(1000) }, state: 'waiting', sent: 0, asset: null });
      lines.add(all.at(-1));
    } else if (some(5) === 0) lines.remove(line);
    else {
      lines.move(line, states[some(6)]);
      Object.assign(line, { sent: some(1200), asset: line.state === 'done' ? {} : null });
      lines.count(line);
    }
  }
  const left = [...lines];
  const told = { ...lines.total, many: states.map((state) => lines.many(state)) };
  const walked = { files: left.length, done: left.filter((line) => line.asset).length,
    bytes: left.reduce((sum, line) => sum + line.file.size, 0),
    sent: left.reduce((sum, line) => sum + Math.min(line.sent, line.file.size), 0),
    many: states.map((state) => left.filter((line) => line.state === state).length) };
  return [told, walked];
}"""


def test_what_the_queue_counts_as_it_goes_is_what_a_walk_over_all_of_it_finds(page: Page) -> None:
    open_page(page, "")
    told, walked = page.evaluate(SUMS)
    assert told == walked
    assert told["files"] > 100


def test_a_file_that_is_gone_before_it_was_sent_is_said_to_be_gone(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page, file = person.page, tmp_path / "fleeting.jpg"
    file.write_bytes(scene(990, (160, 120)))

    def lost(route: Route) -> None:
        file.unlink(missing_ok=True)
        route.continue_()

    page.route("**/v1/uploads", lost)
    open_page(page, "fleeting/")
    choose(page, "Choose files", [file])
    expect(page.locator('.upload-row[data-state="failed"]')).to_contain_text("moved, deleted or changed")
    person.complaints = [each for each in person.complaints if "ERR_FILE_NOT_FOUND" not in each]


def test_the_keyboard_stays_at_the_buttons_of_an_upload_that_it_pauses(
    person: Person, tmp_path: Path
) -> None:
    page = person.page
    (tmp_path / "one.jpg").write_bytes(scene(991, (160, 120)))
    holding(page)
    open_page(page, "paused/")
    choose(page, "Choose files", [tmp_path / "one.jpg"])
    pause = page.get_by_role("button", name="Pause: one.jpg")
    pause.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Go on: one.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    every = page.get_by_role("button", name="Pause all")
    expect(every).to_be_visible()
    every.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Go on", exact=True)).to_be_focused()
    page.get_by_role("button", name="Do not send: one.jpg").click()


def test_what_was_left_unsent_goes_on_whatever_page_is_loaded_next(
    person: Person, album: Album, tmp_path: Path
) -> None:
    page = person.page
    (tmp_path / "one.jpg").write_bytes(scene(992, (160, 120)))
    holding(page)
    open_page(page, "anywhere/")
    choose(page, "Choose files", [tmp_path / "one.jpg"])
    expect(page.locator('.upload-row[data-state="sending"]')).to_have_count(1)
    page.wait_for_function(KEPT)
    page.route(TICKETED, Route.continue_)
    with page.expect_response(lambda answer: "/v1/uploads?ticket=" in answer.url):
        page.goto("/app/cluster")
    expect(page.get_by_text("Going on with 1 upload of before")).to_be_visible()
    page.get_by_role("link", name="Upload").click()
    expect(page.locator('.upload-row[data-state="done"]')).to_have_count(1)
    assert len(listed(album, "anywhere/")) == 1
