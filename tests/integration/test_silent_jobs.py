"""A job of which nothing is heard ends all the same: it fails with a reason, and whoever waits is told."""

from __future__ import annotations

import pytest
from query_stage import query_stage, until
from test_jobs_api import order, queued, shown, some, tell

from atoll.ids import new_id, now_ms
from atoll.jobs import JobFacts
from query_service.job_silence import PREPARING_MS, Silence
from query_service.job_store import JobStore
from query_service.mongo_driver import MongoDatabase


@pytest.fixture
async def stage(fresh_nats, mongo_database, tmp_path):
    async with query_stage(tmp_path, fresh_nats.urls, mongo_database, job_silence_seconds=1) as running:
        yield running


async def test_a_job_that_no_node_takes_fails_with_a_reason_and_its_stream_ends(stage):
    await some(stage, 12)
    job = (await order(stage, kind="look", bucket="photos", prefix="cats/"))["id"]
    stream = (await stage.get(f"/v1/jobs/{job}/events")).body.decode()
    assert stream.count("event: end") == 1
    failed = await shown(stage, job, state="failed")
    assert failed["finished_at"]
    (error,) = failed["errors"]
    assert (error["item"], error["problem"]) == ("job", "unavailable")
    assert "1 of 1 tasks" in error["detail"]

    async def forgotten():
        return not await queued(stage)

    await until(forgotten, "its tasks are taken out of the queue")


async def test_a_job_that_was_given_up_stays_so_and_webhooks_are_told_once(stage):
    hook = {"url": "https://93.184.215.14/", "events": ["job.failed", "job.done"]}
    made = await stage.ask("POST", "/v1/webhooks", hook)
    assert made.status == 201, made.body
    await some(stage, 1)
    job = (await order(stage, kind="look", bucket="photos", prefix="cats/"))["id"]
    await shown(stage, job, state="failed")
    log = f"/v1/webhooks/{made.body['webhook']['id']}/deliveries"

    async def told():
        return (await stage.get(log)).body["deliveries"]

    (delivery,) = await until(told, "the webhook is told")
    assert (delivery["type"], delivery["event"]) == ("job.failed", job)
    await tell(stage, job, 0, "done", done=1)
    late = await shown(stage, job, done=1)
    assert (late["state"], len(await told())) == ("failed", 1)
    (await stage.ask("DELETE", f"/v1/jobs/{job}")).problem(409, "conflict")


async def test_a_job_that_goes_on_is_not_given_up(stage):
    await some(stage, 1)
    job = (await order(stage, kind="look", bucket="photos", prefix="cats/"))["id"]
    await tell(stage, job, 0, "running", at=now_ms() + 600_000)
    await shown(stage, job, state="running")
    other = (await order(stage, kind="look", bucket="photos", prefix="cats/"))["id"]
    await shown(stage, other, state="failed")  # so it was looked at, and after the first
    assert (await stage.get(f"/v1/jobs/{job}")).body["state"] == "running"


async def test_an_order_that_broke_off_before_all_was_queued_fails_soon(stage):
    mongo = MongoDatabase(
        stage.settings.mongodb_url_file.read_text(), stage.settings.mongodb_database, "motor", "test"
    )
    try:
        store = JobStore(mongo, 86_400_000, Silence(86_400_000), now_ms)
        facts = JobFacts(new_id(), "look", "photos", "", "admin", now_ms() - PREPARING_MS, 2, 2)
        await store.make(facts)
        broken = await shown(stage, facts.id, state="failed")
        assert "before all of it was queued" in broken["errors"][0]["detail"]
    finally:
        await mongo.close()
