"""Webhooks of a real query service: signed, tried again after failures, logged, never sent twice."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from query_stage import QueryStage, another_instance, query_stage, running, until

from atoll.events import JobMade, JobTask
from atoll.hook_signature import HEADER, verify_webhook
from atoll.http import serve
from atoll.ids import new_id, now_ms
from atoll.jobs import JobFacts, TaskOutcome
from atoll.local.ports import any_free_port

HOOK_PORT = any_free_port()


@dataclass
class Receiver:
    """Somebody else's program."""

    url: str
    statuses: list[int] = field(default_factory=list)  # what it answers next; then 204
    got: list[tuple[bytes, str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((await request.read(), request.headers.get(HEADER, "")))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 307 else {})

    def events(self, secret: str) -> list[dict[str, Any]]:
        return [verify_webhook(body, header, secret) for body, header in self.got]


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    it = Receiver(f"http://127.0.0.1:{HOOK_PORT}/hook")
    app = web.Application()
    app.router.add_post("/hook", it.take)
    async with serve(app, "127.0.0.1", HOOK_PORT, drain_seconds=0):
        yield it


@pytest.fixture
async def stage(fresh_nats, mongo_database, tmp_path):
    own = {"outward_networks": ("127.0.0.0/8",), "outward_ports": (HOOK_PORT,)}
    async with query_stage(tmp_path, fresh_nats.urls, mongo_database, **own) as it:
        yield it


async def hook(stage: QueryStage, url: str, **wants: Any) -> tuple[str, str]:
    """A new endpoint: its id and its secret."""
    answer = await stage.ask("POST", "/v1/webhooks", {"url": url, **wants})
    assert answer.status == 201, answer.body
    return answer.body["webhook"]["id"], answer.body["secret"]


async def deliveries(stage: QueryStage, of: str) -> list[dict[str, Any]]:
    return list((await stage.get(f"/v1/webhooks/{of}/deliveries")).body["deliveries"])


async def settled(stage: QueryStage, of: str, count: int, state: str = "delivered") -> list[dict[str, Any]]:
    async def there() -> Any:
        found = [d for d in await deliveries(stage, of) if d["state"] == state]
        return found if len(found) == count else None

    return list(await until(there, f"{count} deliveries are {state}"))


async def test_uploads_deletes_and_jobs_are_told_signed(stage):
    async with receiver() as it:
        own, secret = await hook(stage, it.url)
        record = await stage.indexed(await stage.upload("cats/tom", tags=("a",)))
        await settled(stage, own, 1)
        await stage.delete_event(record)
        await settled(stage, own, 2)
        facts = JobFacts(new_id(), "look", "photos", "", "admin", now_ms(), 1, 1)
        await stage.publish(JobMade(new_id(), now_ms(), "eu-1", "eu", "main", facts))
        outcome = TaskOutcome(facts.id, 0, "done", 1, 1)
        for _ in range(2):  # a task that was done twice
            await stage.publish(JobTask(new_id(), now_ms(), "eu-1", "eu", "main", outcome))
        await settled(stage, own, 3)
        events = it.events(secret)
        assert [event["type"] for event in events] == ["asset.stored", "asset.deleted", "job.done"]
        stored, deleted, done = (event["data"] for event in events)
        assert (stored["asset_id"], stored["public_id"], stored["tags"]) == (
            record.asset_id,
            "cats/tom",
            ["a"],
        )
        assert deleted["asset_id"] == record.asset_id
        assert (done["id"], done["state"], done["done"]) == (facts.id, "done", 1)
        assert (await stage.get("/v1/webhooks")).body["webhooks"][0]["id"] == own


async def test_only_what_was_asked_for_is_told(stage):
    async with receiver() as it:
        own, secret = await hook(stage, it.url, events=["asset.deleted"], buckets=["photos"])
        other = await stage.indexed(await stage.upload("x", bucket="secret"))
        record = await stage.indexed(await stage.upload("cats/tom"))
        await stage.delete_event(other)
        await stage.delete_event(record)
        await settled(stage, own, 1)
        assert [e["data"]["asset_id"] for e in it.events(secret)] == [record.asset_id]


async def test_an_endpoint_that_fails_is_tried_again_and_the_log_says_so(stage):
    async with receiver() as it:
        it.statuses = [500]
        own, secret = await hook(stage, it.url)
        await stage.indexed(await stage.upload("cats/tom"))
        (delivery,) = await settled(stage, own, 1)
        assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 204]
        first, second = it.events(secret)
        assert first == second


async def test_a_redirect_is_not_followed_and_counts_as_a_failure(stage):
    async with receiver() as it:
        it.statuses = [307]
        own, _ = await hook(stage, it.url)
        await stage.indexed(await stage.upload("cats/tom"))
        (delivery,) = await settled(stage, own, 1)
        assert [attempt["status"] for attempt in delivery["attempts"]] == [307, 204]


async def test_a_delivery_can_be_sent_again(stage):
    async with receiver() as it:
        own, secret = await hook(stage, it.url)
        await stage.indexed(await stage.upload("cats/tom"))
        (delivery,) = await settled(stage, own, 1)
        path = f"/v1/webhooks/{own}/deliveries/{delivery['id']}/redeliver"
        assert (await stage.ask("POST", path)).status == 202

        async def twice() -> bool:
            return len(it.got) == 2

        await until(twice, "it comes once more")
        (after,) = await settled(stage, own, 1)
        assert len(after["attempts"]) == 2
        assert it.events(secret)[0] == it.events(secret)[1]
        (await stage.ask("POST", f"/v1/webhooks/{own}/deliveries/{'0' * 32}/redeliver")).problem(
            404, "not-found"
        )


async def test_an_endpoint_that_is_away_for_too_long_is_given_up(fresh_nats, mongo_database, tmp_path):
    own_net = {"outward_networks": ("127.0.0.0/8",), "outward_ports": (HOOK_PORT,)}
    async with query_stage(
        tmp_path, fresh_nats.urls, mongo_database, webhook_retry_seconds=1, **own_net
    ) as stage:
        own, _ = await hook(stage, f"http://127.0.0.1:{HOOK_PORT}/hook")
        await stage.indexed(await stage.upload("cats/tom"))
        (delivery,) = await settled(stage, own, 1, "failed")
        assert delivery["next_try"] is None
        assert all(attempt["status"] is None and attempt["detail"] for attempt in delivery["attempts"])


async def test_two_services_send_each_delivery_once(stage):
    async with receiver() as it, running(another_instance(stage)):
        own, secret = await hook(stage, it.url)
        records = [await stage.upload(f"cats/{number}") for number in range(20)]
        await settled(stage, own, 20)
        told = [event["data"]["asset_id"] for event in it.events(secret)]
        assert sorted(told) == sorted(record.asset_id for record in records)


async def test_what_an_endpoint_s_url_may_be(stage, fresh_nats):
    for url in ("ftp://example.org/", "http://127.0.0.1:1/", "http://user:pass@example.org/", "nonsense"):
        answer = await stage.ask("POST", "/v1/webhooks", {"url": url})
        assert 400 <= answer.status < 500, url
    (await stage.ask("POST", "/v1/webhooks", {"url": "http://x.org", "events": ["all"]})).problem(
        400, "bad-request"
    )
    (await stage.ask("GET", "/v1/webhooks", key="reader")).problem(403, "forbidden")


async def test_private_addresses_are_not_reached_unless_the_operator_says_so(
    fresh_nats, mongo_database, tmp_path
):
    async with (
        query_stage(tmp_path, fresh_nats.urls, mongo_database, outward_ports=(HOOK_PORT,)) as stage,
        receiver() as it,
    ):
        (await stage.ask("POST", "/v1/webhooks", {"url": it.url})).problem(403, "outward-refused")
        own, _ = await hook(stage, it.url.replace("127.0.0.1", "localhost"))
        await stage.indexed(await stage.upload("cats/tom"))

        async def tried() -> Any:
            found = await deliveries(stage, own)
            return found if found and found[0]["attempts"] else None

        (delivery,) = await until(tried, "it was tried")
        assert delivery["attempts"][0]["status"] is None
        assert it.got == []


async def test_an_endpoint_that_is_removed_gets_nothing_more(stage):
    async with receiver() as it:
        own, _ = await hook(stage, it.url)
        assert (await stage.ask("DELETE", f"/v1/webhooks/{own}")).status == 200
        other, _ = await hook(stage, it.url, buckets=["secret"])
        await stage.indexed(await stage.upload("cats/tom"))
        await stage.indexed(await stage.upload("x", bucket="secret"))
        await settled(stage, other, 1)
        assert len(it.got) == 1
        (await stage.get(f"/v1/webhooks/{own}/deliveries")).problem(404, "not-found")
