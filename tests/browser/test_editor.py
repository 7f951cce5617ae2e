"""The editor: an image is cut, turned and written on in a browser, and what is seen is what comes of it."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse
from browser.person import Person
from browser.pictures import Album

pytestmark = pytest.mark.integration


def open_editor(page: Page, asset_id: str) -> None:
    """Until the picture is drawn."""
    page.goto(f"/app/edit/{asset_id}")
    expect(page.locator(".edit-stage.there")).to_be_visible()


def fold(page: Page, name: str) -> None:
    page.locator("summary").get_by_text(name, exact=True).click()


def holding(page: Page, path: str) -> list[Route]:
    """Requests that go nowhere until somebody lets them."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(path, hold)
    return held


def spelt(page: Page, text: str | re.Pattern[str]) -> None:
    """The canonical form, as the server says it."""
    expect(page.locator(".spelt code")).to_have_text(text)


def test_what_is_edited_is_spelt_weighed_and_found_at_its_address(person: Person, album: Album) -> None:
    page = person.page
    asset = album.add("edit/hills", 301, (800, 600))
    page.goto(f"/app/image/{asset.asset_id}")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.locator(".edit-stage.there")).to_be_visible()
    assert person.hindrances() == []
    fold(page, "Cut")
    page.get_by_role("button", name="Shape 1 : 1").click()
    spelt(page, "c_crop,h_600,w_600,x_100")
    page.locator(".crop-box").focus()
    page.keyboard.press("ArrowLeft")
    spelt(page, "c_crop,h_600,w_600,x_92")
    assert person.hindrances() == []
    fold(page, "Size")
    page.get_by_label("Width", exact=True).fill("200")
    page.keyboard.press("Tab")
    fold(page, "Filters")
    expect(page.locator(".filter img[src]")).to_have_count(30)
    page.get_by_role("button", name="Sepia").click()
    fold(page, "File")
    page.get_by_label("Format").select_option("PNG")
    spelt(page, "c_crop,h_600,w_600,x_92/c_limit,e_sepia,f_png,w_200")
    expect(page.locator(".outcome")).to_contain_text(
        re.compile("less than the original|more than the original")
    )
    assert person.hindrances() == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy address").click()
    answer = page.context.request.get(page.evaluate("navigator.clipboard.readText()"))
    assert Image.open(io.BytesIO(answer.body())).size == (200, 200)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == "hills.png"


def test_the_section_is_drawn_with_the_mouse_and_steps_are_taken_back(page: Page, album: Album) -> None:
    asset = album.add("edit/dragged", 302, (800, 600))
    open_editor(page, asset.asset_id)
    fold(page, "Turn")
    page.get_by_role("button", name="Turn right").click()
    spelt(page, "a_90")
    fold(page, "Cut")
    grip = page.locator('.grip[data-grip="se"]')
    expect(grip).to_be_visible()
    box = page.locator(".crop-box").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    spelt(page, "a_90/c_crop,g_north_west,h_400,w_300")
    page.get_by_label("From the top, %").fill("25")
    page.keyboard.press("Tab")
    spelt(page, "a_90/c_crop,h_400,w_300,y_200")
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Undo").click()
    spelt(page, "a_90")
    page.get_by_role("button", name="Redo").click()
    spelt(page, "a_90/c_crop,g_north_west,h_400,w_300")
    page.get_by_role("button", name="Reset").click()
    spelt(page, "nothing yet")


def test_it_is_saved_as_a_new_version_and_the_one_before_stays(page: Page, album: Album) -> None:
    asset = album.add("edit/saved", 303, (640, 480), title="Saved", tags=["kept"])
    open_editor(page, asset.asset_id)
    fold(page, "Turn")
    page.get_by_role("button", name="Turn left").click()
    spelt(page, "a_270")
    held = holding(page, "**/v1/jobs")
    drawn: list[str] = []
    page.on("request", lambda request: drawn.append(request.url) if "/v1/resolve" in request.url else None)
    page.get_by_role("button", name="Save as new version").click()
    expect(page.locator(".folds")).to_have_js_property("inert", True)  # a change would be lost
    page.keyboard.press("Control+z")
    spelt(page, "a_270")
    assert drawn == []
    held[0].continue_()
    expect(page.get_by_text("1 image saved.")).to_be_visible(timeout=30_000)
    expect(page.locator(".folds")).to_have_js_property("inert", False)
    now = album.client.asset(asset.asset_id)
    assert (now.width, now.height, now.title, list(now.tags)) == (480, 640, "Saved", ["kept"])
    spelt(page, "nothing yet")
    expect(page.locator(".outcome")).to_contain_text("as much as the original")
    assert len(drawn) == 1
    assert len(list(album.client.versions(asset.asset_id))) == 2


def test_a_node_that_is_busy_is_asked_again_what_the_result_weighs(page: Page, album: Album) -> None:
    asset = album.add("edit/weighed", 306, (320, 240))
    heads: list[str] = []

    def busy(route: Route) -> None:
        if route.request.method != "HEAD":
            return route.continue_()
        heads.append(route.request.url)
        if len(heads) > 1:
            return route.continue_()
        return route.fulfill(status=503, headers={"Access-Control-Allow-Origin": "*"})

    page.route(lambda url: "/images/" in url and "/v1/" not in url, busy)
    open_editor(page, asset.asset_id)
    expect(page.locator(".outcome")).to_contain_text("The node is busy")
    expect(page.locator(".outcome")).to_contain_text("as much as the original")


def test_a_text_on_the_picture_is_text_whatever_it_says(page: Page, album: Album) -> None:
    asset = album.add("edit/written", 304, (640, 480))
    open_editor(page, asset.asset_id)
    fold(page, "Text")
    page.get_by_label("Text", exact=True).fill("<img src=x onerror=alert(1)>, 100%41/e_sepia & c_fill")
    spelt(
        page, re.compile(r"^co_rgb:ffffff,l_text:sans_48_bold:.*/fl_layer_apply,g_south_east,o_80,x_16,y_16$")
    )
    expect(page.locator(".wrong:visible")).to_have_count(0)
    assert "<" not in (page.locator(".spelt code").text_content() or "")
    expect(page.locator("img[src=x]")).to_have_count(0)


def test_what_cannot_be_drawn_says_why_and_goes_nowhere(page: Page, album: Album) -> None:
    asset = album.add("edit/wrong", 305, (640, 480))
    open_editor(page, asset.asset_id)
    fold(page, "Image on it")
    page.get_by_label("Image", exact=True).fill("nobody/there")
    expect(page.locator(".outcome .wrong")).to_contain_text("nobody/there")
    expect(page.get_by_role("button", name="Save as new version")).to_be_disabled()
    page.get_by_label("Image", exact=True).fill("edit/wrong")
    spelt(page, re.compile("^l_edit:wrong/"))
    expect(page.get_by_role("button", name="Save as new version")).to_be_enabled()


def test_several_are_edited_the_same_way_and_the_job_is_followed(page: Page, album: Album) -> None:
    assets = [
        album.add(f"edited/{n}", 310 + n, size) for n, size in enumerate([(640, 480), (480, 640), (600, 600)])
    ]
    page.goto("/app/library/images/edited/")
    expect(page.get_by_role("gridcell")).to_have_count(3)
    page.get_by_role("gridcell").first.get_by_role("link").focus()
    page.keyboard.press("Control+a")
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(page.get_by_role("heading", name="Edit 3 images")).to_be_visible()
    fold(page, "Cut")
    page.get_by_label("Width, %").fill("50")
    page.keyboard.press("Tab")
    spelt(page, "c_crop,g_north_west,h_1.0,w_0.5")
    page.get_by_role("button", name="The next image").click()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    page.get_by_role("button", name="Renditions of all").click()
    expect(page.get_by_text("Renditions of 3 images: done")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="New version of all 3").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("3 images saved.")).to_be_visible(timeout=30_000)
    sizes = [(now.width, now.height) for now in (album.client.asset(a.asset_id) for a in assets)]
    assert sizes == [(320, 480), (240, 640), (300, 600)]


def test_an_image_that_comes_late_does_not_take_the_place_of_the_one_that_is_shown(
    page: Page, album: Album
) -> None:
    ids = [album.add(f"late/{n}", 330 + n).asset_id for n in range(3)]
    page.goto("/app/upload")
    page.evaluate("(ids) => sessionStorage.setItem('atoll.edited', JSON.stringify(ids))", ids)
    page.goto(f"/app/edit/{ids[1]}?together")
    expect(page.get_by_text("2 of 3")).to_be_visible()
    last = f"**/v1/assets/{ids[2]}"
    held: list[Route] = []
    page.route(last, lambda route: held.append(route))
    with page.expect_request(last):
        page.get_by_role("button", name="The next image").click()
    page.get_by_role("button", name="The image before").click()
    expect(page.get_by_text("1 of 3")).to_be_visible()
    with page.expect_response(last) as late:
        held[0].continue_()
    late.value.finished()
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    expect(page.get_by_text("1 of 3")).to_be_visible()


def test_it_is_kept_under_a_name_that_makes_it_of_other_images(page: Page, album: Album) -> None:
    asset = album.add("edit/named", 320)
    open_editor(page, asset.asset_id)
    fold(page, "Adjust")
    page.get_by_label("Brightness").fill("30")
    spelt(page, "e_brightness:30")
    page.get_by_role("button", name="Keep under a name").click()
    page.get_by_label("Name", exact=True).fill("lit")
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.get_by_text("t_lit is known in images")).to_be_visible()
    assert "/t_lit/" in album.client.url(asset.asset_id, transformation="t_lit").url


RECIPES: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({}, {}, ""),
    ({"turn": 270, "hflip": True, "straighten": -2.5}, {}, "a_hflip.267.5"),
    ({"cut": "auto", "shape": "16:9"}, {}, "ar_16:9,c_fill,g_auto"),
    ({"cut": "auto"}, {}, ""),
    ({"cut": "face", "shape": "4:3", "zoom": 0.8}, {}, "c_thumb,g_face,h_450,w_600,z_0.8"),
    ({"cut": "face", "height": "90"}, {}, "c_thumb,g_face,h_90,w_90"),
    ({"box": {"x": 0.1, "y": 0, "w": 0.5, "h": 0.25}}, {}, "c_crop,h_0.25,w_0.5,x_0.1"),
    (
        {"box": {"x": 0.1, "y": 0, "w": 0.5, "h": 0.25}},
        {"size": {"width": 1001, "height": 700}},
        "c_crop,h_175,w_501,x_100",
    ),
    ({"box": {"x": 0, "y": 0, "w": 1, "h": 0.5}, "turn": 90}, {"uncut": True}, "a_90"),
    ({"mode": "pad", "width": "300", "height": "200", "auto": True}, {}, "c_pad,e_auto_contrast,h_200,w_300"),
    ({"brightness": -20, "gamma": 10, "filter": "art:moon"}, {}, "e_brightness:-20/e_gamma:10/e_art:moon"),
    (
        {"mark": "brand/a,b", "markWidth": 100, "markOpacity": 100},
        {},
        "l_brand:a%2Cb/fl_layer_apply.relative,g_south_east,w_1.0,x_16,y_16",
    ),
    ({"mark": "x", "markTiled": True}, {}, "l_x/fl_layer_apply.relative.tiled,o_60,w_0.25"),
    ({"format": "auto", "quality": "auto:eco"}, {}, "f_auto,q_auto:eco"),
    ({"format": "auto", "quality": "75"}, {"stored": True}, "q_75"),
]
TRANSFORMED = """async (recipes) => {
  const base = document.querySelector('script[type=module]').src.replace('main.js', '');
  const { transformationOf, UNTOUCHED } = await import(base + 'editor/recipe.js');
  return recipes.map(([recipe, how]) => transformationOf({ ...UNTOUCHED, ...recipe }, how));
}"""


def test_every_recipe_is_one_that_the_grammar_knows(page: Page) -> None:
    page.goto("/app/upload")
    said = page.evaluate(TRANSFORMED, [[recipe, how] for recipe, how, _ in RECIPES])
    read = [canonical(parse(text)) if text else "" for text in said]
    assert read == [wanted for _, _, wanted in RECIPES]


def test_who_goes_back_to_another_image_edits_that_one(page: Page, album: Album) -> None:
    first, second = album.add("edit/jump-a", 321), album.add("edit/jump-b", 322)
    open_editor(page, first.asset_id)
    go = (
        "(id) => { const link = document.createElement('a'); link.href = `/app/edit/${id}`;"
        " document.body.append(link); link.click(); link.remove(); }"
    )
    page.evaluate(go, second.asset_id)
    expect(page.get_by_role("heading", name="Edit jump-b")).to_be_visible()
    fold(page, "Turn")
    page.get_by_role("button", name="Turn left").click()
    spelt(page, "a_270")
    page.evaluate("() => history.back()")
    expect(page.get_by_role("heading", name="Edit jump-a")).to_be_visible()
    spelt(page, "nothing yet")
    fold(page, "Turn")
    page.get_by_role("button", name="Turn right").click()
    spelt(page, "a_90")
    with page.expect_request(re.compile("/v1/jobs$")) as ordered:
        page.get_by_role("button", name="Save as new version").click()
    assert ordered.value.post_data_json["asset_ids"] == [first.asset_id]
    expect(page.get_by_text("1 image saved.")).to_be_visible(timeout=30_000)
