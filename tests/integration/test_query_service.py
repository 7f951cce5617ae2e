"""Every route of the query service on its good day, over real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import KEYS, PARIS, QueryStage, query_stage, until

from atoll.delivery_keys import ring_of
from atoll.errors import NoSpace
from atoll.events import heartbeat_subject, seal_heartbeat
from atoll.ids import named_asset_id, now_ms
from atoll.signing import open_ticket
from atoll.transformation.signature import check

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    """Engines, nodes and the service, for all tests of this module."""
    directory = tmp_path_factory.mktemp("query")
    with EngineThread(tmp_path_factory.mktemp("query-engines")) as engines:
        async with query_stage(directory, engines.urls, "atoll_test", **SETTINGS) as running:
            yield running


@pytest.fixture
def stage(one_stage: QueryStage) -> QueryStage:
    """The stage, its nodes as at the start."""
    for node in one_stage.nodes.values():
        node.forget()
    return one_stage


SETTINGS = {"ticket_seconds": 60, "redirect_seconds": 30, "max_upload_bytes": 5000}


async def test_a_ticket_names_the_nearest_node_and_opens_with_the_clusters_key(stage: QueryStage) -> None:
    order = {"bucket": "photos", "public_id": "cats/tom", "tags": ["cat"], "context": {"alt": "Tom"}}
    answer = await stage.ask("POST", f"/v1/uploads?{PARIS}", order)
    assert answer.status == 201
    view = answer.body
    assert (view["node"], view["region"], view["set"], view["method"]) == ("eu-1", "eu", "main", "PUT")
    assert view["upload_url"].startswith(stage.nodes["eu-1"].node.url + "/v1/uploads?ticket=")
    assert view["asset_id"] == named_asset_id("photos", "cats/tom")
    assert view["limits"]["max_bytes"] == 5000
    ticket = open_ticket(view["ticket"], KEYS, now_ms())
    assert (ticket.node, ticket.public_id, ticket.tags) == ("eu-1", "cats/tom", ("cat",))


async def test_an_uploads_region_may_be_asked_for(stage: QueryStage) -> None:
    answer = await stage.ask("POST", "/v1/uploads?region=asia", {"bucket": "photos", "files": 3})
    assert (answer.body["node"], answer.body["method"]) == ("asia-1", "POST")
    assert answer.body["limits"]["max_files"] == 3


async def test_an_upload_is_redirected_to_a_node(stage: QueryStage) -> None:
    path = "/v1/assets?bucket=photos&public_id=cats/tom&tags=cat,pet&region=us"
    answer = await stage.ask("POST", path, b"not read")
    assert answer.status == 307
    location = urlsplit(answer.headers["Location"])
    assert f"{location.scheme}://{location.netloc}" == stage.nodes["us-1"].node.url
    ticket = open_ticket(parse_qs(location.query)["ticket"][0], KEYS, now_ms())
    assert (ticket.public_id, ticket.tags, ticket.max_files) == ("cats/tom", ("cat", "pet"), 1)


async def test_an_asset_is_shown_by_id_and_by_name_with_its_locations(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("cats/tom", nodes="eu-1,us-1", tags=("cat",)), 2)
    by_id = await stage.get(f"/v1/assets/{record.asset_id}?region=us")
    by_name = await stage.get("/v1/assets/by-name/photos/cats%2Ftom?region=us")
    assert by_id.status == by_name.status == 200
    assert by_id.body == by_name.body
    shown = by_id.body
    assert (shown["public_id"], shown["tags"], shown["bytes"]) == ("cats/tom", ["cat"], 80_000)
    assert shown["url"] == f"{stage.nodes['us-1'].node.url}/photos/main/{record.blob.sha256}.jpg"
    assert [location["node"] for location in shown["locations"]] == ["eu-1", "us-1"]


async def test_the_same_image_resolves_to_three_nodes_for_three_clients(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload(nodes="eu-1,us-1,asia-1"), 3)
    for region in ("eu", "us", "asia"):
        answer = await stage.get(f"/v1/assets/{record.asset_id}/url?region={region}")
        assert answer.status == 200
        best = answer.body
        assert (best["node"], best["region"], best["distance_km"]) == (f"{region}-1", region, 0.0)
        assert best["sha256"] == record.blob.sha256
        assert best["asset_id"] == record.asset_id
        assert best["expires_at"] is None
        others = {"eu-1", "us-1", "asia-1"} - {best["node"]}
        assert {offer["node"] for offer in best["alternatives"]} == others


async def test_a_second_resolve_comes_from_memory(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload())
    before = await _metric(stage, 'atoll_lookups_total{where="memory"}')
    await stage.get(f"/v1/assets/{record.asset_id}/url")
    await stage.get(f"/v1/assets/{record.asset_id}/url")
    assert await _metric(stage, 'atoll_lookups_total{where="memory"}') >= before + 1


async def test_a_batch_is_answered_in_order_with_a_result_or_a_problem_each(stage: QueryStage) -> None:
    named = await stage.indexed(await stage.upload("cats/tom", nodes="eu-1,us-1"), 2)
    plain = await stage.indexed(await stage.upload())
    items = [
        {"asset_id": plain.asset_id},
        {"bucket": "photos", "public_id": "cats/tom"},
        {"bucket": "photos", "handle": f"main/{named.blob.sha256}.jpg"},
        {"asset_id": "0" * 26},
        {"bucket": "photos", "public_id": "no/such"},
        {"bucket": "photos", "public_id": "../x"},
        {"bucket": "photos", "handle": "main/xyz.jpg"},
        {"asset_id": plain.asset_id, "bucket": "photos"},
        {},
    ]
    answer = await stage.ask("POST", "/v1/resolve", {"items": items, "region": "us"})
    assert answer.status == 200
    results = answer.body["results"]
    assert [r.get("node") for r in results[:3]] == ["eu-1", "us-1", "us-1"]
    assert [r.get("asset_id") for r in results[:3]] == [plain.asset_id, named.asset_id, None]
    slugs = [r["problem"]["type"].rpartition(":")[2] for r in results[3:]]
    assert slugs == ["not-found", "not-found", "bad-name", "bad-name", "bad-request", "bad-request"]


async def test_a_thousand_items_are_resolved_at_once(stage: QueryStage) -> None:
    records = [await stage.upload(f"many/{n}") for n in range(20)]
    for record in records:
        await stage.indexed(record)
    items = [{"bucket": "photos", "public_id": f"many/{n % 20}"} for n in range(1000)]
    answer = await stage.ask("POST", "/v1/resolve", {"items": items})
    assert answer.status == 200
    found = [r["asset_id"] for r in answer.body["results"]]
    assert found == [records[n % 20].asset_id for n in range(1000)]


async def test_a_bucket_is_listed_in_order_page_by_page(stage: QueryStage) -> None:
    for name in ("b/2", "a/1", "b/1", "c/é"):
        await stage.indexed(await stage.upload(f"list/{name}"))
    seen: list[str] = []
    cursor = ""
    while True:
        page = await stage.get(f"/v1/assets?bucket=photos&prefix=list/&limit=2{cursor}")
        assert page.status == 200
        assert len(page.body["assets"]) <= 2
        seen += [asset["public_id"] for asset in page.body["assets"]]
        if page.body["next_cursor"] is None:
            break
        cursor = f"&cursor={page.body['next_cursor']}"
    assert seen == ["list/a/1", "list/b/1", "list/b/2", "list/c/é"]
    b = await stage.get("/v1/assets?bucket=photos&prefix=list/b")
    assert [asset["public_id"] for asset in b.body["assets"]] == ["list/b/1", "list/b/2"]


async def test_locations_are_told_beside_the_nodes_that_should_hold_it(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload(nodes="eu-1,asia-1"), 2)
    answer = await stage.get(f"/v1/assets/{record.asset_id}/locations")
    assert [location["node"] for location in answer.body["locations"]] == ["asia-1", "eu-1"]
    assert answer.body["expected"] == ["asia-1", "eu-1", "us-1"]


async def test_an_image_address_redirects_to_the_nearest_node(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("pets/tom.v2", nodes="eu-1,us-1"), 2)
    for name in ("pets/tom.v2", "pets/tom.v2.jpg", "pets/tom.v2.webp?v=3"):
        answer = await stage.get(f"/i/photos/{name}", key=None)
        assert answer.status == 302
        assert answer.headers["Location"].endswith(f"/photos/main/{record.blob.sha256}.jpg")
        assert answer.headers["Cache-Control"] == "public, max-age=30"
        assert "Vary" not in answer.headers
    assert (await stage.ask("HEAD", "/i/photos/pets/tom.v2", key=None)).status == 302


async def test_an_image_that_was_asked_for_before_it_was_uploaded_is_there_once_it_is(
    stage: QueryStage,
) -> None:
    for _ in range(2):
        assert (await stage.get("/i/photos/soon.png", key=None)).status == 404
    record = await stage.indexed(await stage.upload("soon.png"))
    answer = await stage.get("/i/photos/soon.png", key=None)
    assert answer.status == 302
    assert record.blob.sha256 in answer.headers["Location"]


async def test_who_would_not_wait_for_what_is_on_its_way_is_told_at_once(stage: QueryStage) -> None:
    """While somebody who asked earlier still waits, and gets it."""
    ticket = await stage.ask("POST", "/v1/uploads", {"bucket": "photos", "public_id": "coming"})
    patient = asyncio.create_task(stage.get("/i/photos/coming", key=None))
    by_name = "/v1/assets/by-name/photos/coming"
    for path in (
        "/i/photos/coming",
        "/i/photos/coming.jpg",
        by_name,
        f"/v1/assets/{ticket.body['asset_id']}",
    ):
        assert (await stage.get(path, Prefer="wait=0")).status == 404, path
    assert not patient.done()
    await stage.upload("coming")
    assert (await patient).status == 302


async def test_an_asset_without_a_name_has_its_id_for_one(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload())
    assert (await stage.get(f"/i/photos/{record.asset_id}.jpg", key=None)).status == 302
    assert (await stage.get(f"/i/tiny/{record.asset_id}.jpg", key=None)).status == 404


async def test_a_private_image_needs_a_key_and_gets_a_signed_url(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("me", bucket="secret"))
    (await stage.get("/i/secret/me", key=None)).problem(401, "unauthorized")
    (await stage.get("/i/secret/me", key="writer")).problem(403, "forbidden")
    answer = await stage.get("/i/secret/me.jpg", key="reader")
    assert answer.status == 302
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == (
        "private, max-age=30",
        "Authorization",
    )
    _opens(answer.headers["Location"], within=3600)
    url = await stage.get(f"/v1/assets/{record.asset_id}/url?expires_in=60")
    _opens(url.body["url"], within=60)
    assert url.body["expires_at"].endswith("Z")
    batch = {"items": [{"bucket": "secret", "public_id": "me"}], "expires_in": 604800}
    _opens((await stage.ask("POST", "/v1/resolve", batch)).body["results"][0]["url"], within=604800)


def _opens(url: str, within: int) -> None:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    check(
        parts.path,
        *(query[name][0] for name in ("exp", "key", "sig")),
        ring_of(KEYS, {}).accepted,
        now_ms() / 1000,
    )
    assert int(query["exp"][0]) <= now_ms() / 1000 + within


async def test_a_deleted_asset_is_gone_here_at_once_though_no_event_came(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("gone", nodes="eu-1,us-1"), 2)
    answer = await stage.ask("DELETE", f"/v1/assets/{record.asset_id}")
    assert answer.status == 200
    assert answer.body == {
        "asset_id": record.asset_id,
        "deleted_at": "2023-11-14T22:13:20.000Z",
        "node": "eu-1",
    }
    (order,) = stage.nodes["eu-1"].deletes
    assert (order.asset_id, order.bucket, order.public_id, order.set) == (
        record.asset_id, "photos", "gone", "main",
    )  # fmt: skip
    for path in (f"/v1/assets/{record.asset_id}/url", f"/v1/assets/{record.asset_id}", "/i/photos/gone"):
        (await stage.get(path)).problem(404, "not-found")
    assert (await stage.get("/v1/assets?bucket=photos&prefix=gone")).body["assets"] == []
    batch = {"items": [{"asset_id": record.asset_id}]}
    assert "problem" in (await stage.ask("POST", "/v1/resolve", batch)).body["results"][0]
    again = await stage.ask("DELETE", f"/v1/assets/{record.asset_id}")
    assert again.body == answer.body


async def test_what_is_uploaded_again_after_a_delete_lives(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("phoenix"))
    await stage.ask("DELETE", f"/v1/assets/{record.asset_id}")
    await stage.delete_event(record)
    await stage.indexed(await stage.upload("phoenix"))


async def test_a_delete_goes_to_the_next_member_when_the_nearest_fails(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("stubborn"))
    stage.nodes["eu-1"].refuses = NoSpace("full")
    answer = await stage.ask("DELETE", f"/v1/assets/{record.asset_id}")
    assert answer.body["node"] == "us-1"


async def test_a_delete_that_no_node_takes_is_no_delete(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("immortal"))
    for node in stage.nodes.values():
        node.refuses = NoSpace("full")
    problem = (await stage.ask("DELETE", f"/v1/assets/{record.asset_id}")).problem(503, "unavailable")
    assert set(problem["nodes"]) == set(stage.nodes)
    assert (await stage.get(f"/v1/assets/{record.asset_id}")).status == 200


@pytest.mark.parametrize("query", ["", "?bucket=photos&public_id=fresh"], ids=["by id", "by name"])
async def test_an_asset_that_is_not_indexed_yet_can_be_deleted(stage: QueryStage, query: str) -> None:
    record = await stage.indexed(await stage.upload("x"))
    other = named_asset_id("photos", "fresh")
    fresh = msgspec.structs.replace(record, asset_id=other, public_id="fresh")
    stage.nodes["asia-1"].records[other] = (fresh,)
    path = f"/v1/assets/{other}"
    (await stage.ask("DELETE", f"{path}?bucket=photos&public_id=other")).problem(400, "bad-request")
    answer = await stage.ask("DELETE", path + query)
    assert answer.status == 200
    order = stage.nodes["eu-1"].deletes[0]
    assert (order.asset_id, order.seen) == (other, fresh.version)
    nobody = named_asset_id("photos", "nobody")
    (await stage.ask("DELETE", f"/v1/assets/{nobody}?bucket=photos&public_id=nobody")).problem(
        404, "not-found"
    )


async def test_the_cluster_is_shown_as_it_is_seen_now(stage: QueryStage) -> None:
    nodes = (await stage.get("/v1/nodes")).body["nodes"]
    assert [node["name"] for node in nodes] == ["asia-1", "eu-1", "us-1"]
    eu = nodes[1]
    assert (eu["health"], eu["state"], eu["ready"], eu["read_only"]) == ("healthy", "active", "ready", False)
    assert (eu["bytes_free"], eu["bytes_total"], eu["blobs"], eu["load"]) == (10**9, 10**10, 7, 0.25)
    assert 0 <= eu["age_ms"] < 3000
    (main,) = (await stage.get("/v1/sets")).body["sets"]
    assert (main["name"], main["sealed"], main["writable"], main["healthy"]) == ("main", False, True, 3)
    assert main["bytes_free"] == 10**9
    assert [member["node"] for member in main["members"]] == ["asia-1", "eu-1", "us-1"]
    regions = (await stage.get("/v1/regions")).body["regions"]
    assert [(r["name"], r["nodes"], r["healthy"]) for r in regions] == [
        ("asia", ["asia-1"], 1), ("eu", ["eu-1"], 1), ("us", ["us-1"], 1),
    ]  # fmt: skip


async def test_a_bucket_is_made_and_usable_at_once(stage: QueryStage) -> None:
    name = f"fresh-{now_ms()}"
    policy = {"visibility": "private", "max_bytes": 10, "allowed": ["png"]}
    made = await stage.ask("PUT", f"/v1/buckets/{name}", policy)
    assert (made.status, made.body["visibility"], made.body["max_bytes"]) == (201, "private", 10)
    ticket = await stage.ask("POST", "/v1/uploads", {"bucket": name})
    assert (ticket.status, ticket.body["limits"]["max_bytes"]) == (201, 10)
    assert ticket.body["limits"]["allowed"] == ["png"]
    changed = await stage.ask("PUT", f"/v1/buckets/{name}", {"visibility": "public"})
    assert (changed.status, changed.body["max_bytes"]) == (200, None)
    assert name in [bucket["name"] for bucket in (await stage.get("/v1/buckets")).body["buckets"]]


async def test_of_two_who_change_a_bucket_at_the_same_moment_the_later_one_is_told(stage: QueryStage) -> None:
    path, public = f"/v1/buckets/shared-{now_ms()}", {"visibility": "public"}
    (await stage.ask("PUT", path, public, If_Match="*")).problem(412, "precondition-failed")
    made = await stage.ask("PUT", path, public)
    seen = made.headers["ETag"]
    shown = await stage.get(path)
    assert seen == shown.headers["ETag"] == f'"{made.body["etag"]}"' == f'"{shown.body["etag"]}"'
    answers = await asyncio.gather(
        *(stage.ask("PUT", path, public | {"max_bytes": size}, If_Match=seen) for size in (1, 2, 3))
    )
    first, *others = sorted(answers, key=lambda answer: answer.status)
    assert first.status == 200
    for late in others:
        late.problem(412, "precondition-failed")
    kept = await stage.get(path)
    assert (kept.body["max_bytes"], kept.headers["ETag"]) == (first.body["max_bytes"], first.headers["ETag"])
    again = await stage.ask("PUT", path, public | {"max_bytes": first.body["max_bytes"]}, If_Match=seen)
    assert again.status == 200  # a try whose answer was lost is made again
    (await stage.ask("PUT", path, public, If_Match="newest")).problem(400, "bad-request")


async def test_health_is_open_and_names_the_engines(stage: QueryStage) -> None:
    async def whole() -> bool:
        return (await stage.get("/health", key=None)).body["status"] == "ok"

    await until(whole, "all engines are up")
    body = (await stage.get("/health", key=None)).body
    assert body["engines"] == {"nats": True, "mongodb": True, "redis": True}
    assert (body["name"], body["region"], body["nodes"], body["healthy_nodes"]) == ("query-eu", "eu", 3, 3)


async def test_metrics_count_requests_by_route_tickets_and_nodes(stage: QueryStage) -> None:
    url = 'atoll_query_request_seconds_count{method="GET",route="/v1/assets/{asset_id}/url",status="404"}'
    lost = 'atoll_query_request_seconds_count{method="other",route="unmatched",status="404"}'
    issued, refused = (f'atoll_query_tickets_total{{result="{word}"}}' for word in ("issued", "refused"))
    names = (url, lost, issued, refused)
    before = [await _metric(stage, name) for name in names]
    await stage.ask("POST", "/v1/uploads", {"bucket": "photos"})
    await stage.ask("POST", "/v1/uploads", {"bucket": "nobucket"})
    await stage.get("/v1/assets/" + "0" * 26 + "/url")
    await stage.ask("PROPFIND", "/teapot")
    assert [await _metric(stage, name) for name in names] == [count + 1 for count in before]
    assert await _metric(stage, 'atoll_query_nodes{state="healthy"}') == 3


async def test_a_forged_heartbeat_is_counted_and_believed_by_nobody(stage: QueryStage) -> None:
    refused = "atoll_query_heartbeats_refused_total"
    before = await _metric(stage, refused)
    node = stage.nodes["eu-1"]
    subject = heartbeat_subject("eu", "eu-1")
    forged, _ = seal_heartbeat(node.beat(), KEYS)
    _, other = seal_heartbeat(stage.nodes["us-1"].beat(), KEYS)
    for body, headers in ((forged, {}), (forged, other), (b"{", other), (b"\xff" * 5000, {})):
        await stage.bus.publish(subject, body, headers)

    async def counted() -> bool:
        return await _metric(stage, refused) == before + 4

    await until(counted, "all four are refused")
    await stage.healthy("asia-1", "eu-1", "us-1")


async def _metric(stage: QueryStage, name: str) -> float:
    lines = (await stage.get("/metrics", key=None)).body.decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)
