"""Transformed images through the query service: policies, URLs, signatures and `/i/…`, over real engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import KEYS, Answer, QueryStage, query_stage

from atoll.delivery_keys import cluster_key, ring_of
from atoll.ids import now_ms
from atoll.model import AssetRecord
from atoll.signing import open_ticket
from atoll.transformation.signature import check, sign

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

PUBLIC = "https://images.example.org"
SETTINGS = {"redirect_seconds": 30, "fallback_seconds": 5, "public_url": PUBLIC, "max_ticket_eager": 2}
POLICY = {
    "visibility": "public",
    "transformations": {"thumb": "h_0100,w_100,c_fill", "safe": "w_50,d_default", "png": "f_png,w_9"},
    "eager": ["t_thumb", "w_20,c_scale"],
    "rendering": {"max_side": 500, "max_layers": 0},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    """The service with three buckets beside its usual ones: one with names, one free, one private."""
    directory = tmp_path_factory.mktemp("query")
    with EngineThread(tmp_path_factory.mktemp("query-engines")) as engines:
        async with query_stage(directory, engines.urls, "atoll_transformations", **SETTINGS) as running:
            for name, policy in (
                ("named", POLICY),
                ("free", {"visibility": "public", "unsigned_transformations": True}),
                ("hidden", POLICY | {"visibility": "private"}),
            ):
                assert (await running.ask("PUT", f"/v1/buckets/{name}", policy)).status == 201
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tom(stage: QueryStage) -> AssetRecord:
    """A picture in the bucket with names; its source is a JPEG."""
    return await stage.indexed(await stage.upload("cats/tom", bucket="named"))


def opens(url: str) -> int:
    """When the signature of this URL ends; it opens the URL's own path now."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    check(parts.path, query["exp"], query["key"], query["sig"], ring_of(KEYS, {}).accepted, now_ms() / 1000)
    return int(query["exp"])


def signed(path: str, seconds: int = 600) -> str:
    return f"{path}?{sign(path, now_ms() // 1000 + seconds, cluster_key(KEYS))}"


async def anonymous(stage: QueryStage, path: str) -> Answer:
    return await stage.get(path, key=None)


async def test_a_buckets_transformations_are_kept_in_canonical_form(stage: QueryStage) -> None:
    buckets = {bucket["name"]: bucket for bucket in (await stage.get("/v1/buckets")).body["buckets"]}
    assert buckets["named"]["transformations"]["thumb"] == "c_fill,h_100,w_100"
    assert buckets["named"]["eager"] == ["t_thumb", "w_20"]
    assert buckets["named"]["rendering"]["max_side"] == 500
    assert buckets["free"]["unsigned_transformations"] is True
    assert buckets["named"]["durability"] == "local"


@pytest.mark.parametrize(
    ("policy", "member", "parameter"),
    [
        ({"transformations": {"a": "w_zero"}}, "transformations.a", "w"),
        ({"transformations": {"a": "t_b", "b": "w_1"}}, "transformations.a", "t"),
        ({"transformations": {"a": "w_501"}, "rendering": {"max_side": 500}}, "transformations.a", "w"),
        ({"transformations": {"a": ""}}, "transformations.a", "/"),
        ({"eager": ["w_10", "w_auto"]}, "eager[1]", "w"),
        ({"eager": ["f_auto"]}, "eager[0]", "f"),
        ({"eager": ["t_a"], "transformations": {"a": "dpr_auto,w_10"}}, "eager[0]", "dpr"),
        ({"eager": ["t_nobody"]}, "eager[0]", "t"),
    ],
)
async def test_a_policy_that_cannot_be_done_is_refused_by_name(
    stage: QueryStage, policy: dict, member: str, parameter: str
) -> None:
    answer = await stage.ask("PUT", "/v1/buckets/wrong", {"visibility": "public"} | policy)
    problem = answer.problem(400, "bad-transformation")
    assert (problem["member"], problem["parameter"]) == (member, parameter)
    assert member in problem["detail"]


@pytest.mark.parametrize(
    "policy",
    [
        {"rendering": {"max_sides": 5}},
        {"rendering": {"max_side": 0}},
        {"transformations": {"a/b": "w_1"}},
        {"transformations": {f"n{n}": "w_1" for n in range(201)}},
        {"eager": [f"w_{n}" for n in range(1, 18)]},
    ],
)
async def test_a_policy_of_another_shape_is_refused(stage: QueryStage, policy: dict) -> None:
    answer = await stage.ask("PUT", "/v1/buckets/wrong", {"visibility": "public"} | policy)
    answer.problem(400, "bad-request")


async def test_a_url_with_a_transformation_is_signed_and_the_same_for_a_while(
    stage: QueryStage, tom: AssetRecord
) -> None:
    path = f"/v1/assets/{tom.asset_id}/url?t="
    first, again = [(await stage.get(f"{path}{text}")).body for text in ("w_0300,c_fit", "c_fit%2Cw_300")]
    assert first == again
    assert first["transformation"] == "c_fit,w_300"
    address = urlsplit(first["url"])
    assert address.path == f"/named/c_fit,w_300/main/{tom.blob.sha256}.jpg"
    ends = opens(first["url"])
    assert ends % 86400 == 0
    assert 7 * 86400 <= ends - now_ms() / 1000 <= 8 * 86400 + 1
    assert first["expires_at"] is not None
    assert first["image_url"].startswith(f"{PUBLIC}/i/named/c_fit,w_300/cats/tom?")
    assert opens(first["image_url"]) == ends


async def test_names_and_free_buckets_need_no_signature(stage: QueryStage, tom: AssetRecord) -> None:
    named = (await stage.get(f"/v1/assets/{tom.asset_id}/url?t=t_thumb")).body
    assert (urlsplit(named["url"]).query, named["expires_at"]) == ("", None)
    assert named["image_url"] == f"{PUBLIC}/i/named/t_thumb/cats/tom"
    other = await stage.indexed(await stage.upload("x", bucket="free"))
    free = (await stage.get(f"/v1/assets/{other.asset_id}/url?t=e_sepia/w_7")).body
    assert free["url"].endswith(f"/free/e_sepia/w_7/main/{other.blob.sha256}.jpg")


async def test_a_url_without_a_transformation_says_nothing_of_one(
    stage: QueryStage, tom: AssetRecord
) -> None:
    plain = (await stage.get(f"/v1/assets/{tom.asset_id}/url")).body
    assert not {"transformation", "image_url"} & set(plain)


async def test_a_private_derivative_is_signed_for_as_long_as_asked(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("me", bucket="hidden"))
    found = (await stage.get(f"/v1/assets/{record.asset_id}/url?t=t_thumb&expires_in=60")).body
    for url in (found["url"], found["image_url"]):
        assert 0 < opens(url) - now_ms() / 1000 <= 60


@pytest.mark.parametrize(
    ("text", "parameter"), [("w_501", "w"), ("w_1,w_2", "w"), ("", "/"), ("t_thum", "t"), ("l_logo", "l")]
)
async def test_a_wrong_transformation_is_the_askers_mistake(
    stage: QueryStage, tom: AssetRecord, text: str, parameter: str
) -> None:
    for _ in range(2):
        answer = await stage.get(f"/v1/assets/{tom.asset_id}/url?t={text}")
        assert answer.problem(400, "bad-transformation")["parameter"] == parameter


async def test_an_unknown_name_is_told_with_the_nearest_one(stage: QueryStage, tom: AssetRecord) -> None:
    answer = await stage.get(f"/v1/assets/{tom.asset_id}/url?t=t_thum")
    assert answer.problem(400, "bad-transformation")["nearest"] == "t_thumb"


async def test_a_batch_has_a_transformation_for_all_and_items_have_their_own(
    stage: QueryStage, tom: AssetRecord
) -> None:
    name = {"bucket": "named", "public_id": "cats/tom"}
    items = [
        {"asset_id": tom.asset_id},
        name | {"t": "e_sepia"},
        {"bucket": "named", "handle": f"main/{tom.blob.sha256}.jpg", "t": "t_thumb"},
        name | {"t": "w_0"},
        name | {"t": "x" * 20_000},
        {"bucket": "named", "public_id": "nobody"},
    ]
    answer = await stage.ask("POST", "/v1/resolve", {"items": items, "t": "w_10"})
    assert answer.status == 200
    results = answer.body["results"]
    assert [r.get("transformation") for r in results] == ["w_10", "e_sepia", "t_thumb", None, None, None]
    assert ["image_url" in r for r in results[:3]] == [True, True, False]
    assert urlsplit(results[2]["url"]).path == f"/named/t_thumb/main/{tom.blob.sha256}.jpg"
    assert [r["problem"]["status"] for r in results[3:]] == [400, 400, 404]


async def test_a_changed_policy_counts_at_once(stage: QueryStage, tom: AssetRecord) -> None:
    record = await stage.indexed(await stage.upload("x", bucket="free"))
    path = f"/v1/assets/{record.asset_id}/url?t=t_now"
    (await stage.get(path)).problem(400, "bad-transformation")
    policy = {"visibility": "public", "unsigned_transformations": True, "transformations": {"now": "w_3"}}
    assert (await stage.ask("PUT", "/v1/buckets/free", policy)).status == 200
    assert (await stage.get(path)).status == 200


async def test_an_image_address_with_a_name_redirects_anybody(stage: QueryStage, tom: AssetRecord) -> None:
    answer = await anonymous(stage, "/i/named/t_thumb/cats/tom")
    assert answer.status == 302
    assert answer.headers["Location"].endswith(f"/named/t_thumb/main/{tom.blob.sha256}.jpg")
    assert answer.headers["Cache-Control"] == "public, max-age=30"
    assert "Vary" not in answer.headers


async def test_any_other_transformation_needs_a_signature_or_a_key(
    stage: QueryStage, tom: AssetRecord
) -> None:
    path = "/i/named/w_10/cats/tom"
    refused = await anonymous(stage, path)
    assert "t=" in refused.problem(401, "unauthorized")["detail"]
    assert refused.headers["Vary"] == "Authorization"
    assert (await stage.get(path, key="writer")).status == 403
    by_key = await stage.get(path, key="reader")
    assert by_key.status == 302
    assert (by_key.headers["Cache-Control"], by_key.headers["Vary"]) == (
        "private, max-age=30",
        "Authorization",
    )
    by_signature = await anonymous(stage, signed(path))
    assert by_signature.status == 302
    assert by_signature.headers["Cache-Control"] == "public, max-age=30"
    assert urlsplit(by_key.headers["Location"]).path == urlsplit(by_signature.headers["Location"]).path


async def test_the_given_image_url_works_as_it_is(stage: QueryStage, tom: AssetRecord) -> None:
    image_url = (await stage.get(f"/v1/assets/{tom.asset_id}/url?t=w_11")).body["image_url"]
    answer = await anonymous(stage, image_url.removeprefix(PUBLIC))
    assert answer.status == 302
    assert opens(answer.headers["Location"]) == opens(image_url)


async def test_what_a_signature_opens_ends_with_it(stage: QueryStage, tom: AssetRecord) -> None:
    answer = await anonymous(stage, signed("/i/named/w_10/cats/tom", seconds=20))
    assert 0 < int(answer.headers["Cache-Control"].removeprefix("public, max-age=")) <= 20
    assert opens(answer.headers["Location"]) <= now_ms() / 1000 + 20
    late = await anonymous(stage, signed("/i/named/w_10/cats/tom", seconds=-1))
    late.problem(401, "unauthorized")


@pytest.mark.parametrize(
    "path", ["/i/named/w_11/cats/tom", "/i/named/w_10/cats/tim", "/i/free2/w_10/cats/tom"]
)
async def test_a_signature_opens_nothing_else(stage: QueryStage, tom: AssetRecord, path: str) -> None:
    query = signed("/i/named/w_10/cats/tom").partition("?")[2]
    assert (await anonymous(stage, f"{path}?{query}")).status in {401, 404}


async def test_a_private_image_opens_by_signature_and_stays_out_of_shared_caches(stage: QueryStage) -> None:
    await stage.indexed(await stage.upload("door", bucket="hidden"))
    for path in ("/i/hidden/t_thumb/door", "/i/hidden/door"):
        (await anonymous(stage, path)).problem(401, "unauthorized")
        answer = await anonymous(stage, signed(path, seconds=10))
        assert answer.status == 302
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        assert int(parse_qs(urlsplit(answer.headers["Location"]).query)["exp"][0]) <= now_ms() / 1000 + 10


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("h_9,c_fill,w_0010/cats/tom", "c_fill,h_9,w_10/cats/tom"),
        ("w%5F10/cats/tom?v=3", "w_10/cats/tom?v=3"),
        ("w_10/cats%2Ftom", "w_10/cats/tom"),
        ("w_10/_/cats/tom", "w_10/cats/tom"),
        ("w_10/%63ats/tom?v=%3d&v=%41", "w_10/cats/tom?v=%3d&v=%41"),
        ("cats/tom?w=10", "c_fit,w_10/cats/tom"),
        ("cats/tom?v=3&w=10&h=20&fit=cover&x=w", "c_fill,h_20,w_10/cats/tom?v=3&x=w"),
        ("cats/tom?%77=10", "c_fit,w_10/cats/tom"),
        ("_/w_10/tom?w=10", "c_fit,w_10/_/w_10/tom"),
    ],
)
async def test_the_same_request_has_one_address(stage: QueryStage, asked: str, canonical: str) -> None:
    answer = await anonymous(stage, f"/i/free/{asked}")
    assert (answer.status, answer.headers["Location"]) == (301, f"/i/free/{canonical}")
    assert answer.headers["Cache-Control"] == "public, max-age=30"


async def test_another_spelling_of_what_was_signed_is_signed_and_keeps_its_signature(
    stage: QueryStage, tom: AssetRecord
) -> None:
    query = signed("/i/named/c_fit,w_10/cats/tom").partition("?")[2]
    for asked in (f"w_10,c_fit/cats/tom?{query}", f"cats/tom?w=10&{query}"):
        answer = await anonymous(stage, f"/i/named/{asked}")
        assert (answer.status, answer.headers["Location"]) == (301, f"/i/named/c_fit,w_10/cats/tom?{query}")
    assert (await anonymous(stage, answer.headers["Location"])).status == 302
    (await anonymous(stage, "/i/named/w_10,c_fit/cats/tom")).problem(401, "unauthorized")


async def test_an_extension_asks_for_a_format_unless_something_else_does(
    stage: QueryStage, tom: AssetRecord
) -> None:
    formats = {
        "t_thumb/cats/tom.webp": "f_webp",
        "t_thumb/cats/tom.AVIF": "f_avif",
        "t_thumb/cats/tom.jpeg": "",
        "t_thumb/cats/tom.heic": "",
        "t_png/cats/tom.webp": "",
    }
    for path, expected in formats.items():
        location = (await anonymous(stage, f"/i/named/{path}")).headers["Location"]
        assert expected in location, path
        assert bool(expected) == ("f_" in location), path
        if expected:
            opens(location)


async def test_a_name_that_ends_like_an_extension_is_a_name_first(stage: QueryStage) -> None:
    await stage.indexed(await stage.upload("tim.webp", bucket="named"))
    location = (await anonymous(stage, "/i/named/t_thumb/tim.webp")).headers["Location"]
    assert "f_webp" not in location


async def test_the_plain_image_keeps_its_format_whatever_the_extension(
    stage: QueryStage, tom: AssetRecord
) -> None:
    location = (await anonymous(stage, "/i/named/cats/tom.webp")).headers["Location"]
    assert urlsplit(location).path == f"/named/main/{tom.blob.sha256}.jpg"


async def test_a_missing_image_leads_to_its_fallback_for_a_short_time(stage: QueryStage) -> None:
    (await anonymous(stage, "/i/named/t_safe/nobody")).problem(404, "not-found")
    fallback = await stage.indexed(await stage.upload("default", bucket="named"))
    answer = await anonymous(stage, "/i/named/t_safe/nobody")
    assert answer.status == 302
    assert urlsplit(answer.headers["Location"]).path == f"/named/t_safe/main/{fallback.blob.sha256}.jpg"
    assert answer.headers["Cache-Control"] == "public, max-age=5"
    by_key = await stage.get("/i/named/d_default,w_30/nobody.webp")
    assert f"/named/w_30/main/{fallback.blob.sha256}.jpg" in by_key.headers["Location"]
    (await stage.get("/i/named/d_nothing,w_30/nobody")).problem(404, "not-found")
    (await anonymous(stage, "/i/named/nobody")).problem(404, "not-found")


async def test_a_folder_that_looks_like_a_component_is_reached_behind_the_separator(
    stage: QueryStage,
) -> None:
    record = await stage.indexed(await stage.upload("w_300/tom", bucket="free"))
    image_url = (await stage.get(f"/v1/assets/{record.asset_id}/url?t=e_sepia")).body["image_url"]
    assert image_url == f"{PUBLIC}/i/free/e_sepia/_/w_300/tom"
    for path in ("/i/free/e_sepia/_/w_300/tom", "/i/free/_/w_300/tom"):
        answer = await anonymous(stage, path)
        assert (answer.status, record.blob.sha256 in answer.headers["Location"]) == (302, True)
    (await anonymous(stage, "/i/free/w_300/tom")).problem(404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/i/free/w_10%2Fe_sepia/tom",
        "/i/free/w_10/%2e%2e/tom",
        "/i/free/w_10/..%2f..%2fsecret",
        "/i/free/w_10/tom%00",
        "/i/free/w_10/tom%zz",
        "/i/free/w_10/tom%",
        "/i/free/w_10/%2541",
        "/i/free/w_10/%ff",
        "/i/free/w_10//tom",
        "/i/free//w_10/tom",
        "/i/free/w_10/tom/",
        "/i/free/w_10/",
        "/i/free/%77_10%2c%77_11/tom",
        "/i/%66ree/w_10/tom",
        "/i/free/w_99999/tom",
        "/i/free/tom?w=abc",
        "/i/free/tom?w=1&w=2",
        "/i/free/tom?w=10&fit=none",
        "/i/free/tom?fit=cover",
        "/i/free/w_10/tom?w=10",
        "/i/free/l_text:sans_40:%2500/tom",
        "/i/free/" + "/".join(["e_sepia"] * 9) + "/tom",
        "/i/free/" + quote("w_10,\udcff", errors="surrogateescape") + "/tom",
    ],
)
async def test_hostile_addresses_are_mistakes_of_who_asks(stage: QueryStage, path: str) -> None:
    answer = await anonymous(stage, path)
    assert answer.status == 400, answer.body
    assert answer.body["detail"]


async def test_letters_beyond_ascii_are_escaped_in_addresses(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("größe", bucket="free"))
    found = (await stage.get(f"/v1/assets/{record.asset_id}/url?t=w_10")).body
    assert found["image_url"] == f"{PUBLIC}/i/free/w_10/gr%C3%B6%C3%9Fe"
    answer = await anonymous(stage, found["image_url"].removeprefix(PUBLIC))
    assert (answer.status, record.blob.sha256 in answer.headers["Location"]) == (302, True)
    moved = await anonymous(stage, "/i/free/gro%CC%88%C3%9Fe?w=10&v=%C3%A4")  # the same name, not in NFC
    assert moved.headers["Location"] == "/i/free/c_fit,w_10/gr%C3%B6%C3%9Fe?v=%C3%A4"
    assert (await anonymous(stage, "/i/free/größe?w=10")).status == 400


async def test_a_ticket_carries_eager_transformations_in_canonical_form(stage: QueryStage) -> None:
    order = {"bucket": "named", "eager": ["w_030", "c_scale,w_30", "t_thumb"]}
    over = (await stage.ask("POST", "/v1/uploads", order)).problem(400, "bad-request")
    assert (over["parameter"], over["limit"], over["got"]) == ("eager", 2, 3)
    answer = await stage.ask("POST", "/v1/uploads", order | {"eager": ["w_030", "t_thumb"]})
    assert open_ticket(answer.body["ticket"], KEYS, now_ms()).eager == ("w_30",)
    wrong = await stage.ask("POST", "/v1/uploads", order | {"eager": ["w_auto"]})
    assert wrong.problem(400, "bad-transformation")["member"] == "eager[0]"
