"""The query service with each engine away, and with nodes that die: what it still answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import QueryStage, query_stage, running, until

from atoll.ids import named_asset_id

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def stage(fresh_engines: EngineThread, tmp_path: Path) -> AsyncIterator[QueryStage]:
    async with query_stage(tmp_path, fresh_engines.urls, "atoll_test", memory_cache_seconds=3600.0) as built:
        yield built


async def engine_seen(stage: QueryStage, name: str, up: bool) -> None:
    async def seen() -> bool:
        return bool((await stage.get("/health", key=None)).body["engines"][name] is up)

    await until(seen, f"{name} is seen as {up}")


async def test_without_mongodb_tickets_handles_and_what_is_cached_are_answered(
    stage: QueryStage, fresh_engines: EngineThread
) -> None:
    warm = await stage.indexed(await stage.upload("warm", nodes="eu-1,us-1"), 2)
    cold = await stage.indexed(await stage.upload("cold"))
    assert (await stage.get("/i/photos/warm.jpg", key=None)).status == 302
    await asyncio.to_thread(fresh_engines.stop, "mongodb")
    await engine_seen(stage, "mongodb", False)
    await stage.uncached(cold)

    async def away() -> bool:
        return (await stage.get(f"/v1/assets/{cold.asset_id}")).status == 503

    await until(away, "only the catalog knows the cold one")
    ticket = await stage.ask("POST", "/v1/uploads", {"bucket": "photos", "public_id": "new"})
    assert (ticket.status, ticket.body["asset_id"]) == (201, named_asset_id("photos", "new"))
    assert (await stage.ask("POST", "/v1/assets?bucket=photos")).status == 307
    assert (await stage.get(f"/v1/assets/{warm.asset_id}/url")).status == 200
    assert (await stage.get("/i/photos/warm.jpg", key=None)).status == 302
    for path in (f"/v1/assets/{cold.asset_id}/url", "/v1/assets?bucket=photos", "/i/photos/cold"):
        answer = await stage.get(path)
        assert answer.problem(503, "catalog-unavailable")["retry_after"] >= 1
        assert int(answer.headers["Retry-After"]) >= 1
    for path, page, vary in (("/i/photos/cold", "*", None), ("/i/secret/cold", None, "Authorization")):
        answer = await stage.get(path)  # what it depends on, and who may read it, is said of this as well
        answer.problem(503, "catalog-unavailable")
        assert answer.headers.get("Access-Control-Allow-Origin") == page
        assert answer.headers.get("Vary") == vary
    items = [
        {"bucket": "photos", "public_id": "warm"},
        {"asset_id": cold.asset_id},
        {"bucket": "photos", "handle": f"main/{cold.blob.sha256}.jpg"},
    ]
    results = (await stage.ask("POST", "/v1/resolve", {"items": items})).body["results"]
    assert [r.get("asset_id") for r in results[:1]] == [warm.asset_id]
    assert (results[1]["problem"]["status"], results[1]["problem"]["retry_after"]) == (503, 1)
    assert results[2]["node"] == "eu-1"

    (await stage.ask("DELETE", f"/v1/assets/{cold.asset_id}")).problem(503, "catalog-unavailable")
    stage.nodes["us-1"].records[cold.asset_id] = (cold,)
    deleted = await stage.ask("DELETE", f"/v1/assets/{cold.asset_id}?bucket=photos&public_id=cold")
    assert deleted.body["node"] == "eu-1"

    await asyncio.to_thread(fresh_engines.start, "mongodb")
    await engine_seen(stage, "mongodb", True)
    await stage.indexed(await stage.upload("after"))


async def test_without_redis_the_answers_are_the_same(stage: QueryStage, fresh_engines: EngineThread) -> None:
    record = await stage.indexed(await stage.upload("same", nodes="eu-1,us-1"), 2)
    with_redis = (await stage.get(f"/v1/assets/{record.asset_id}/url")).body
    await asyncio.to_thread(fresh_engines.stop, "valkey")
    await stage.uncached(record)
    assert (await stage.get(f"/v1/assets/{record.asset_id}/url")).body == with_redis
    fresh = await stage.indexed(await stage.upload("fresh"))
    await engine_seen(stage, "redis", False)
    assert (await stage.get(f"/v1/assets/{fresh.asset_id}/url")).status == 200
    assert (await stage.ask("POST", "/v1/uploads", {"bucket": "photos"})).status == 201
    await asyncio.to_thread(fresh_engines.start, "valkey")
    await engine_seen(stage, "redis", True)


async def test_without_nats_live_nodes_stay_healthy_and_a_dead_one_is_suspect_within_three_seconds(
    stage: QueryStage, fresh_engines: EngineThread
) -> None:
    record = await stage.indexed(await stage.upload("calm", nodes="eu-1,us-1,asia-1"), 3)
    await asyncio.to_thread(fresh_engines.stop, "nats")
    await engine_seen(stage, "nats", False)
    end = time.monotonic() + 4.5  # longer than silence would be forgiven
    while time.monotonic() < end:
        assert (await stage.get(f"/v1/assets/{record.asset_id}/url")).body["node"] == "eu-1"
        await asyncio.sleep(0.1)
    assert (await stage.ask("POST", "/v1/uploads", {"bucket": "photos"})).body["node"] == "eu-1"
    (await stage.ask("PUT", "/v1/buckets/other", {"visibility": "public"})).problem(503, "bus-unavailable")

    stage.nodes["eu-1"].down = True

    async def elsewhere() -> bool:
        return bool((await stage.get(f"/v1/assets/{record.asset_id}/url")).body["node"] == "us-1")

    await until(elsewhere, "the image resolves elsewhere", seconds=3.0)
    stage.nodes["eu-1"].down = False
    await stage.healthy("asia-1", "eu-1", "us-1")
    await asyncio.to_thread(fresh_engines.start, "nats")
    await engine_seen(stage, "nats", True)
    await stage.indexed(await stage.upload("again"))


async def test_a_node_that_hangs_is_suspect_within_three_seconds_and_delays_no_other(
    stage: QueryStage,
) -> None:
    record = await stage.indexed(await stage.upload("hang", nodes="eu-1,us-1,asia-1"), 3)
    for node in stage.nodes.values():
        node.beating = False
    stage.nodes["eu-1"].hangs = stage.nodes["us-1"].hangs = True
    await stage.healthy("asia-1")
    answer = (await stage.get(f"/v1/assets/{record.asset_id}/url")).body
    assert (answer["node"], answer["alternatives"]) == ("asia-1", [])
    assert (await stage.ask("POST", "/v1/uploads", {"bucket": "photos"})).body["node"] == "asia-1"


async def test_when_every_node_is_silent_reads_are_marked_and_uploads_wait(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("alone"))
    for node in stage.nodes.values():
        node.beating, node.down = False, True
    await stage.healthy()
    answer = (await stage.get(f"/v1/assets/{record.asset_id}/url")).body
    assert (answer["node"], answer["suspect"]) == ("eu-1", True)
    redirect = await stage.get("/i/photos/alone", key=None)
    assert redirect.headers["Cache-Control"] == "public, max-age=0"
    problem = (await stage.ask("POST", "/v1/uploads", {"bucket": "photos"})).problem(503, "unavailable")
    assert problem["retry_after"] == 2
    problem = (await stage.ask("POST", "/v1/assets?bucket=photos")).problem(503, "unavailable")


async def test_it_starts_with_every_engine_away_and_knows_the_cluster_from_its_copy(
    stage: QueryStage, fresh_engines: EngineThread
) -> None:
    record = await stage.indexed(await stage.upload("kept"))
    await stage.end()
    for name in ("nats", "mongodb", "valkey"):
        await asyncio.to_thread(fresh_engines.stop, name)
    async with running(stage, heard=False):
        await stage.healthy("asia-1", "eu-1", "us-1")
        item = {"bucket": "photos", "handle": f"main/{record.blob.sha256}.jpg"}
        results = (await stage.ask("POST", "/v1/resolve", {"items": [item]})).body["results"]
        assert results[0]["node"] == "eu-1"
        assert (await stage.ask("POST", "/v1/uploads", {"bucket": "photos"})).status == 201
        (await stage.get(f"/v1/assets/{record.asset_id}")).problem(503, "catalog-unavailable")
        health = (await stage.get("/health", key=None)).body
        assert (health["status"], set(health["engines"].values())) == ("degraded", {False})
        for name in ("nats", "mongodb", "valkey"):
            await asyncio.to_thread(fresh_engines.start, name)
        await stage.indexed(record)
        await stage.indexed(await stage.upload("later"))


async def test_without_any_map_it_says_that_it_knows_no_cluster(
    stage: QueryStage, fresh_engines: EngineThread
) -> None:
    await stage.end()
    await asyncio.to_thread(fresh_engines.stop, "nats")
    (stage.settings.state_dir / "cluster_map.json").unlink()
    async with running(stage, heard=False):
        for method, path in (("POST", "/v1/uploads"), ("POST", "/v1/resolve")):
            body = {"bucket": "photos"} if path.endswith("uploads") else {"items": []}
            problem = (await stage.ask(method, path, body)).problem(503, "unavailable")
            assert problem["retry_after"] == 1
        assert (await stage.get("/v1/nodes")).body == {"nodes": []}
