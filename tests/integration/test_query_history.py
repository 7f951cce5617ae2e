"""GET /v1/history: each key, and each session of its application, sees its own uploads and renditions."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import KEYS, QueryStage, put_entry, query_stage, until

from atoll.access import AccessKey, UploadKey
from atoll.bucket import Bucket
from atoll.ids import now_ms
from atoll.signing import hash_api_key, open_ticket

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("history-engines")) as engines:
        settings = {"history_renders": 3}
        directory = tmp_path_factory.mktemp("history")
        async with query_stage(directory, engines.urls, "history_test", **settings) as running:
            await put_entry(running, Bucket("open", unsigned_transformations=True))
            await put_entry(running, UploadKey("kiosk", "0" * 64, ("open",)))
            for name, limits in (
                ("app", {}),
                ("limited", {"buckets": ("open",), "prefixes": ("team/",)}),
                ("elsewhere", {"buckets": ("photos",)}),
            ):
                running.api_keys[name] = name.ljust(43, "k")
                key = AccessKey(name, hash_api_key(running.api_keys[name]), ("read", "write"), 1, **limits)
                await running.cluster.put(key)

            async def known() -> bool:
                page = await running.get("/v1/history", key="elsewhere")
                return page.status == 200

            await until(known, "the keys are known")
            yield running


async def history(stage: QueryStage, query: str = "", key: str = "app") -> dict[str, Any]:
    answer = await stage.get(f"/v1/history?{query}", key=key)
    assert answer.status == 200, answer.body
    return dict(answer.body)


def names(page: dict[str, Any]) -> list[str]:
    return [asset["public_id"] for asset in page["uploads"]]


async def test_a_ticket_says_who_uploads(stage: QueryStage) -> None:
    for order, by in (({}, "app"), ({"session": "visitor-1"}, "app/visitor-1")):
        answer = await stage.ask("POST", "/v1/uploads", {"bucket": "open", **order}, key="app")
        assert answer.status == 201, answer.body
        assert open_ticket(answer.body["ticket"], KEYS, now_ms()).by == by
    for session in ("", "a/b", "x" * 65, "ü"):
        answer = await stage.ask("POST", "/v1/uploads", {"bucket": "open", "session": session}, key="app")
        answer.problem(400, "bad-request")
        (await stage.get(f"/v1/history?session={session}", key="app")).problem(400, "bad-request")


async def test_a_key_sees_its_uploads_and_those_of_its_sessions_newest_first(stage: QueryStage) -> None:
    by = ["app", "app/s1", "app/s2", "app/s1", "reader", "app2", "upload:app", ""]
    for number, who in enumerate(by):
        await stage.indexed(await stage.upload(f"seen/{number}", bucket="open", by=who))
        await asyncio.sleep(0.002)  # versions of one millisecond have no order
    assert names(await history(stage)) == ["seen/3", "seen/2", "seen/1", "seen/0"]
    assert names(await history(stage, "session=s1")) == ["seen/3", "seen/1"]
    assert names(await history(stage, "session=s3")) == []
    assert names(await history(stage, key="elsewhere")) == []


async def test_pages_go_on_where_they_ended_whatever_comes_meanwhile(stage: QueryStage) -> None:
    for number in range(5):
        await stage.indexed(await stage.upload(f"page/{number}", bucket="open", by="app/paged"))
        await asyncio.sleep(0.002)
    first = await history(stage, "session=paged&limit=2")
    await stage.indexed(await stage.upload("page/5", bucket="open", by="app/paged"))
    second = await history(stage, f"session=paged&limit=2&cursor={first['next_cursor']}")
    third = await history(stage, f"session=paged&limit=2&cursor={second['next_cursor']}")
    assert names(first) + names(second) + names(third) == [f"page/{n}" for n in (4, 3, 2, 1, 0)]
    assert (third["next_cursor"], second["renditions"]) == (None, None)


@pytest.mark.parametrize("cursor", ["x", "", base64.urlsafe_b64encode(b"app\n1").decode(), "~", "A" * 80])
async def test_a_cursor_that_is_not_ours_is_refused(stage: QueryStage, cursor: str) -> None:
    (await stage.get(f"/v1/history?cursor={cursor}", key="app")).problem(400, "bad-request")


async def test_what_a_key_no_longer_reaches_it_does_not_see(stage: QueryStage) -> None:
    for public_id in ("team/a", "other/a"):
        await stage.indexed(await stage.upload(public_id, bucket="open", by="limited"))
    assert names(await history(stage, key="limited")) == ["team/a"]


async def test_an_upload_keys_history_is_for_who_reaches_all_that_it_signs_for(stage: QueryStage) -> None:
    await stage.indexed(await stage.upload("kiosk/1", bucket="open", by="upload:kiosk"))
    await stage.indexed(await stage.upload("kiosk/2", bucket="open", by="upload:kiosk/s1"))
    assert set(names(await history(stage, "upload_key=kiosk"))) == {"kiosk/1", "kiosk/2"}
    assert names(await history(stage, "upload_key=kiosk&session=s1")) == ["kiosk/2"]
    for key in ("limited", "elsewhere"):
        (await stage.get("/v1/history?upload_key=kiosk", key=key)).problem(404, "not-found")
    (await stage.get("/v1/history?upload_key=nobody", key="app")).problem(404, "not-found")


async def test_renditions_are_told_to_who_asked_for_them_the_latest_first_and_so_many(
    stage: QueryStage,
) -> None:
    record = await stage.indexed(await stage.upload("made/1", bucket="open", by="app"))
    for text in ("w_10", "w_20", "w_30", "w_40", "w_20"):
        await stage.get(f"/v1/assets/{record.asset_id}/url?t={text}&session=r1", key="app")
        await asyncio.sleep(0.002)
    items = [{"asset_id": record.asset_id, "t": "w_50"}, {"asset_id": record.asset_id}]
    await stage.ask("POST", "/v1/resolve?session=r2", {"items": items}, key="app")
    page = await history(stage, "session=r1")
    assert [made["transformation"] for made in page["renditions"]] == ["w_20", "w_40", "w_30"]
    made = page["renditions"][0]
    assert (made["asset_id"], made["public_id"]) == (record.asset_id, "made/1")
    assert "/w_20/" in made["url"]
    assert [m["transformation"] for m in (await history(stage, "session=r2"))["renditions"]] == ["w_50"]
    assert (await history(stage))["renditions"] == []
    assert (await history(stage, "session=r1", key="reader"))["renditions"] == []
    await stage.delete_event(record)

    async def gone() -> bool:
        return not (await history(stage, "session=r1"))["renditions"]

    await until(gone, "a deleted image is in no history")
