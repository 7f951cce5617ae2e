"""Settings and the trash in a browser: keys, buckets, transformations, webhooks, usage, deleted images."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator

import pytest
from client_clusters import ClusterUnderTest
from playwright.sync_api import Page, Route, expect

from atoll import Client
from atoll.bucket import Bucket, Quota
from atoll.errors import Unauthorized
from browser.person import Person
from browser.pictures import SHOWN_WITHIN, Album, scene

pytestmark = pytest.mark.integration

EVIL = "<img src=x onerror=alert(1)>"
KINDS = ["settings/keys", "settings/transformations", "settings/usage", "settings/buckets/images", "trash"]


def dialog_button(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def room(album: Album) -> Iterator[str]:
    """A bucket of the story's own."""
    name = f"room-{uuid.uuid4().hex[:8]}"
    album.client.create_bucket(name, "private")
    yield name
    if name in {bucket.name for bucket in album.client.buckets()}:
        album.client.delete_bucket(name, force=True)


def test_a_key_is_made_its_secret_seen_once_used_and_revoked(page: Page, cluster: ClusterUnderTest) -> None:
    page.goto("/app/settings/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("kiosk")
    page.get_by_label("Only names that begin so").fill(f"kiosk/\n{EVIL}")
    dialog_button(page, "Make the key")
    secret = page.get_by_label("Secret", exact=True).inner_text()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Secret", exact=True)).to_be_visible()
    with Client(cluster.query_urls, secret) as kiosk:
        assert kiosk.buckets()
        dialog_button(page, "I have kept it")
        row = page.get_by_role("row").filter(has_text="kiosk")
        expect(row.get_by_text(f"{EVIL}…")).to_be_visible()
        page.reload()
        expect(row).to_be_visible()
        assert secret not in page.content()
        row.get_by_role("button", name="Rotate").click()
        page.get_by_label("The old one ends").select_option("At once")
        dialog_button(page, "Rotate")
        expect(page.get_by_label("Secret", exact=True)).not_to_have_text(secret)
        dialog_button(page, "I have kept it")
        row.get_by_role("button", name="Revoke").click()
        dialog_button(page, "Revoke")
        page.get_by_text(re.compile(r"^Revoked \(")).click()
        expect(page.get_by_role("table", name="Revoked keys").get_by_text("kiosk")).to_be_visible()
        with pytest.raises(Unauthorized):
            kiosk.buckets()


def test_an_administrators_key_that_reads_nothing_makes_keys_for_buckets_it_does_not_see(
    stranger: Person, album: Album, room: str
) -> None:
    page = stranger.page
    made = album.client.keys.create("keeper", ["admin"])
    assert made.secret
    stranger.sign_in(made.secret)
    page.goto("/app/settings/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("blind")
    page.get_by_label("Only in these buckets").fill(f"{room}\n")
    dialog_button(page, "Make the key")
    dialog_button(page, "I have kept it")
    row = page.get_by_role("row").filter(has_text="blind")
    row.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Only in these buckets")).to_have_value(room)
    (key,) = [key for key in album.client.keys.all() if key.name == "blind"]
    assert key.buckets == (room,)


def test_a_key_keeps_its_limits_when_something_else_is_changed(page: Page, album: Album, room: str) -> None:
    album.client.keys.create("narrow", ["read"], buckets=[room], prefixes=["my "])
    album.client.delete_bucket(room)
    page.goto("/app/settings/keys")
    row = page.get_by_role("row").filter(has_text="narrow")
    row.get_by_role("button", name="Change").click()
    expect(page.get_by_role("dialog").get_by_label(room)).to_be_checked()
    page.get_by_label("It ends").select_option("In a day")
    dialog_button(page, "Change")
    expect(row).not_to_contain_text("No end")
    (key,) = [key for key in album.client.keys.all() if key.name == "narrow"]
    assert (key.buckets, key.prefixes) == ((room,), ("my ",))
    album.client.keys.revoke("narrow")


def test_a_quota_is_read_at_a_glance_whatever_it_was_written_in(page: Page, album: Album, room: str) -> None:
    album.client.put_bucket(Bucket(room, "private", quota=Quota(bytes=4 * 2**20, assets=1000)))
    page.goto("/app/settings/buckets")
    expect(page.get_by_role("row").filter(has_text=room)).to_contain_text("4.2 MB, 1,000 images")


def test_a_bucket_is_made_gets_another_policy_and_an_empty_one_is_deleted(page: Page, album: Album) -> None:
    page.goto("/app/settings")
    page.get_by_role("button", name="New bucket").click()
    page.get_by_label("Name", exact=True).fill("posters")
    dialog_button(page, "Make the bucket")
    expect(page).to_have_url(re.compile("/app/settings/buckets/posters"))
    page.get_by_label("Quota").fill("1.5 GB")
    page.get_by_label("png").first.check()
    page.get_by_label("Keep older versions").uncheck()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Name begins so").fill(EVIL)
    page.get_by_label("Web pages that may upload").fill("https://shop.example.org")
    page.get_by_role("button", name="Save the policy").click()
    expect(page.get_by_text("The policy of posters is changed.")).to_be_visible()
    now = album.client.bucket("posters")
    assert (now.quota.bytes, now.allowed, now.versioning) == (1_500_000_000, ("png",), False)
    assert (now.lifecycle[0].prefix, now.cors) == (EVIL, ("https://shop.example.org",))
    assert now.visibility == "private"
    expect(page.get_by_label("Quota")).to_have_value("1500 MB")
    page.get_by_label("Largest file").fill("huge")
    page.get_by_role("button", name="Save the policy").click()
    expect(page.get_by_text("“huge” is no size")).to_be_visible()
    page.get_by_role("button", name="Delete the bucket").click()
    dialog_button(page, "Delete")
    expect(page.get_by_text("The bucket posters is deleted.")).to_be_visible()
    assert "posters" not in {bucket.name for bucket in album.client.buckets()}


def test_what_somebody_else_changed_is_not_written_over_and_a_bucket_with_images_goes_by_its_name(
    page: Page, album: Album, room: str
) -> None:
    album.client.upload(scene(4, (64, 48)), bucket=room, public_id="one")
    page.goto(f"/app/settings/buckets/{room}")
    expect(page.get_by_label("Quota")).to_be_visible()
    album.client.create_bucket(room, "public")
    page.get_by_label("Quota").fill("1 GB")
    page.get_by_role("button", name="Save the policy").click()
    expect(page.get_by_text("Somebody changed this bucket meanwhile")).to_be_visible()
    assert album.client.bucket(room).visibility == "public"
    expect(page.get_by_text("It has 1 image")).to_be_visible()
    page.get_by_role("button", name="Delete the bucket").click()
    page.get_by_label(f"Write {room}").fill("another")
    dialog_button(page, "Delete everything")
    expect(page.get_by_text("That is not the bucket's name.")).to_be_visible()
    page.get_by_label(f"Write {room}").fill(room)
    dialog_button(page, "Delete everything")
    expect(page.get_by_text(f"The bucket {room} is deleted.")).to_be_visible(timeout=60_000)
    assert room not in {bucket.name for bucket in album.client.buckets()}


def test_a_named_transformation_is_seen_before_it_is_kept(page: Page, album: Album) -> None:
    album.add("settings/shown", 71)
    page.goto(f"/app/settings/transformations/{album.bucket}")
    page.get_by_role("button", name="New transformation").click()
    page.get_by_label("Name", exact=True).fill("poster")
    page.get_by_label("Transformation", exact=True).fill("e_nonsense")
    question = page.get_by_role("dialog")
    expect(question.get_by_role("status")).to_contain_text("nonsense")
    page.get_by_label("Transformation", exact=True).fill("c_fill,w_60,h_40/e_sepia")
    expect(question.locator("img")).to_have_js_property("naturalWidth", 60)
    dialog_button(page, "Keep")
    expect(page.get_by_text("t_poster is known")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="t_poster")
    expect(row.locator("img")).to_have_js_property("naturalWidth", 60)
    assert "poster" in album.client.bucket(album.bucket).transformations
    row.get_by_role("button", name="Delete").click()
    dialog_button(page, "Delete")
    expect(row).to_have_count(0)


def test_a_webhook_has_a_log_in_which_what_is_hostile_is_text(page: Page, album: Album, room: str) -> None:
    page.goto("/app/settings/webhooks")
    page.get_by_role("button", name="New webhook").click()
    page.get_by_label("Address").fill("https://nobody.invalid/hook")
    page.get_by_label("asset.stored").check()
    page.get_by_label(room).check()
    dialog_button(page, "Make the webhook")
    expect(page.get_by_label("Secret", exact=True)).not_to_be_empty()
    dialog_button(page, "I have kept it")
    album.client.upload(scene(5, (64, 48)), bucket=room, public_id="told", tags=[EVIL])
    row = page.get_by_role("row").filter(has_text="nobody.invalid")
    row.get_by_role("link", name="Deliveries").click()
    delivery = page.locator(".delivery")
    wait_for_a_try(album)
    page.get_by_role("button", name="Refresh").click()
    delivery.get_by_text(re.compile("tr(y|ies)$")).click()
    expect(delivery.locator("details li").first).to_be_visible()
    expect(delivery.get_by_label("What is sent")).to_contain_text(EVIL)
    with page.expect_response(re.compile("/redeliver")) as answer:
        delivery.get_by_role("button", name="Send again").click()
    assert answer.value.status == 202
    page.get_by_role("link", name="All webhooks").click()
    row.get_by_role("button", name="Remove").click()
    dialog_button(page, "Remove")
    expect(row).to_have_count(0)


def wait_for_a_try(album: Album) -> None:
    (hook,) = album.client.webhooks.all()
    end = time.monotonic() + SHOWN_WITHIN
    while not any(found.attempts for found in album.client.webhooks.deliveries(hook.id).deliveries):
        assert time.monotonic() < end, "nothing was sent"
        time.sleep(0.05)


def test_signing_and_upload_keys_are_made_and_end(page: Page, room: str) -> None:
    page.goto("/app/settings/signing-keys")
    page.get_by_role("button", name="New signing key").click()
    page.get_by_label("Name", exact=True).fill("partner")
    dialog_button(page, "Make the key")
    dialog_button(page, "I have kept it")
    row = page.get_by_role("row").filter(has_text="partner")
    for action in ("Retire", "Take back", "Revoke"):
        row.get_by_role("button", name=action).click()
        dialog_button(page, action)
        expect(row.get_by_role("button", name=action)).to_have_count(0)
    expect(row).to_contain_text("revoked")
    page.get_by_role("link", name="Upload keys").click()
    page.get_by_role("button", name="New upload key").click()
    page.get_by_label("Name", exact=True).fill("camera")
    page.get_by_label(room).check()
    page.get_by_label("Largest file").fill("10 MB")
    dialog_button(page, "Make the key")
    dialog_button(page, "I have kept it")
    row = page.get_by_role("row").filter(has_text="camera")
    expect(row).to_contain_text("10.0 MB each")
    row.get_by_role("button", name="Revoke").click()
    dialog_button(page, "Revoke")
    expect(row).to_contain_text("revoked")


def test_no_kind_of_part_is_in_anybodys_way_or_wider_than_a_phone(person: Person) -> None:
    page = person.page
    for address in KINDS:
        page.goto(f"/app/{address}")
        expect(page.locator(".part h2, atoll-trash h1").first).to_be_visible()
        assert person.hindrances() == [], address
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, address
        page.set_viewport_size({"width": 1280, "height": 800})


def test_a_key_that_may_only_read_is_offered_what_it_may_see(stranger: Person, album: Album) -> None:
    made = album.client.keys.create("visitor", ["read"])
    stranger.sign_in(made.secret or "")
    page = stranger.page
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link", name="Trash")).to_have_count(0)
    pages.get_by_role(
        "link", name="Settings"
    ).click()  # the library has a folder of that name, once it is there
    parts = page.get_by_role("navigation", name="Settings").get_by_role("link")
    expect(parts).to_have_text(["Buckets", "Named transformations", "Usage"])
    expect(page.get_by_role("button", name="New bucket")).to_have_count(0)
    page.get_by_role("link", name=album.bucket, exact=True).click()
    expect(page.get_by_label("Quota")).to_be_disabled()
    page.goto("/app/settings/keys")
    expect(page.get_by_text("There is no such part")).to_be_visible()
    album.client.keys.revoke("visitor")


def test_what_was_deleted_is_listed_in_the_trash_and_comes_back(page: Page, album: Album) -> None:
    for number in range(3):
        asset = album.add(f"thrown/{number}", 80 + number, title=EVIL)
        album.client.delete(asset.asset_id)
    page.goto(f"/app/trash/{album.bucket}?prefix=thrown/")
    rows = page.get_by_role("table", name="Deleted images").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first.get_by_role("link", name=EVIL)).to_be_visible()
    page.get_by_role("button", name="Restore thrown/1").click()
    expect(rows).to_have_count(2)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Restore those that are ticked").click()
    expect(page.get_by_text("Nothing was deleted that could be brought back")).to_be_visible()
    for number in range(3):
        album.wait(f"thrown/{number}")


def test_the_pages_of_a_trash_are_one_list_and_what_was_silent_at_one_of_them_stays_said(page: Page) -> None:
    facts = {"title": "", "bytes": 1, "width": 1, "height": 1, "format": "jpg"}
    facts |= {"deleted_at": "2026-01-01T00:00:00Z", "erased_at": "2026-01-02T00:00:00Z"}

    def one(name: str, cursor: str | None, unasked: dict[str, str]) -> dict[str, object]:
        assets = [{"asset_id": name * 26, "public_id": name, **facts}]
        return {"assets": assets, "next_cursor": cursor, "complete": not unasked, "unasked": unasked}

    def answer(route: Route) -> None:
        further = "cursor=on" in route.request.url
        route.fulfill(json=one("b", None, {}) if further else one("a", "on", {"eu-2": "late"}))

    page.route("**/v1/trash?*", answer)
    page.goto("/app/trash/images")
    page.get_by_label("Choose a").check()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_label("Choose b")).to_be_visible()
    expect(page.get_by_label("Choose a")).to_be_checked()
    expect(page.get_by_text("2 images. No answer from eu-2")).to_be_visible()
