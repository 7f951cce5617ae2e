"""/v1/jobs on a real query service: orders become tasks, outcomes become progress, keys see their own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats
import pytest
from query_stage import KEYS, QueryStage, query_stage, until

from atoll import jobs
from atoll.events import JobMade, JobTask
from atoll.ids import new_id, now_ms
from atoll.jobs import (
    ApplyWork,
    ExportWork,
    ItemError,
    JobFacts,
    JobFile,
    RenderWork,
    Task,
    TaskOutcome,
    open_task,
)


@pytest.fixture
async def stage(fresh_nats, mongo_database, tmp_path):
    async with query_stage(
        tmp_path, fresh_nats.urls, mongo_database, max_job_assets=25, event_heartbeat_seconds=0.2
    ) as running:
        yield running


async def queued(stage: QueryStage, region: str = "eu") -> list[Task]:
    """The tasks that lie in a region's queue."""
    js, stream, found = stage.bus.jetstream(), jobs.stream_of(region), []
    try:
        state = (await js.stream_info(stream)).state
    except nats.js.errors.NotFoundError:
        return []
    for number in range(max(1, state.first_seq), state.last_seq + 1):
        try:
            message = await js.get_msg(stream, number)
        except nats.js.errors.NotFoundError:
            continue
        found.append(open_task(message.subject or "", message.data or b"", message.headers, KEYS))
    return found


async def tell(stage: QueryStage, job: str, number: int, state: Any, at: int = 0, **facts: Any) -> None:
    """What a node says of a task."""
    outcome = TaskOutcome(job, number, state, 1, **facts)
    await stage.publish(JobTask(new_id(), at or now_ms(), "eu-1", "eu", "main", outcome))


async def order(stage: QueryStage, status: int = 202, key: str = "admin", **body: Any) -> dict[str, Any]:
    answer = await stage.ask("POST", "/v1/jobs", body, key=key)
    assert answer.status == status, answer.body
    return dict(answer.body)


async def shown(stage: QueryStage, job: str, **wanted: Any) -> dict[str, Any]:
    """The job, once it is as wanted."""

    async def there() -> Any:
        body = (await stage.get(f"/v1/jobs/{job}")).body
        return (
            body
            if all(body.get(k, body.get("progress", {}).get(k)) == v for k, v in wanted.items())
            else None
        )

    return dict(await until(there, f"{job} is {wanted}"))


async def some(stage: QueryStage, count: int, prefix: str = "cats/") -> list[Any]:
    records = [await stage.upload(f"{prefix}{number:03}") for number in range(count)]
    for record in records:
        await stage.indexed(record)
    return records


async def test_a_transform_job_is_split_into_tasks_and_told_of_until_it_is_done(stage):
    await some(stage, 12)
    await some(stage, 1, "dogs/")
    job = await order(
        stage, kind="transform", bucket="photos", prefix="cats/", transformations=["w_200,c_fit", "e_sepia"]
    )
    assert (job["state"], job["progress"]) == (
        "queued", {"items": 12, "done": 0, "failed": 0, "tasks": 2, "tasks_done": 0},
    )  # fmt: skip
    first, second = await queued(stage)
    assert isinstance(first.work, RenderWork)
    assert isinstance(second.work, RenderWork)
    assert first.work.transformations == ("c_fit,w_200", "e_sepia")
    assert [item.public_id for item in (*first.work.items, *second.work.items)] == [
        f"cats/{n:03}" for n in range(12)
    ]
    await tell(stage, job["id"], 0, "running", done=3)
    await shown(stage, job["id"], state="running", done=3)
    await tell(
        stage, job["id"], 1, "done", done=1, failed=1, errors=(ItemError("cats/011", "not-found", "gone"),)
    )
    await tell(stage, job["id"], 0, "done", done=10)
    done = await shown(stage, job["id"], state="done", done=11, failed=1, tasks_done=2)
    assert done["errors"] == [{"item": "cats/011", "problem": "not-found", "detail": "gone"}]
    assert done["finished_at"]


async def test_what_is_told_twice_or_late_changes_nothing(stage):
    (record,) = await some(stage, 1)
    job = (
        await order(
            stage,
            kind="transform",
            bucket="photos",
            asset_ids=[record.asset_id],
            transformations=["w_9,c_fit"],
        )
    )["id"]
    early = now_ms()
    await tell(stage, job, 0, "done", done=1)
    await shown(stage, job, state="done")
    await tell(stage, job, 0, "running", at=early + 60_000, done=0)
    await tell(stage, job, 0, "failed", failed=1)
    other = await stage.upload("later")
    await stage.indexed(other)
    assert (await stage.get(f"/v1/jobs/{job}")).body["state"] == "done"
    assert (await stage.get(f"/v1/jobs/{job}")).body["progress"]["done"] == 1


async def test_a_parked_task_makes_its_job_fail(stage):
    (record,) = await some(stage, 1)
    job = (await order(stage, kind="look", bucket="photos", asset_ids=[record.asset_id]))["id"]
    await tell(stage, job, 0, "parked", failed=1, errors=(ItemError("0", "unavailable", "again and again"),))
    await shown(stage, job, state="failed")


async def test_a_file_that_was_removed_is_shown_no_more_and_one_that_was_made_again_is(stage):
    await some(stage, 1)
    job = (await order(stage, kind="export", bucket="photos"))["id"]
    file = JobFile("photos.zip", "eu-1", jobs.export_path(job, 0), 10, "0" * 64, 1, now_ms() + 60_000)
    at = now_ms()
    await tell(stage, job, 0, "running", at=at + 20, removed=True)  # news may overtake one another
    await tell(stage, job, 0, "done", at=at + 10, done=1, files=(file,))
    assert (await shown(stage, job, state="done"))["files"] == []
    other = (await order(stage, kind="export", bucket="photos"))["id"]
    await tell(stage, other, 0, "running", at=at, removed=True)
    await tell(stage, other, 0, "done", at=at + 10, done=1, files=(file,))
    assert len((await shown(stage, other, state="done"))["files"]) == 1
    await tell(stage, other, 0, "running", at=at + 20, removed=True)
    await shown(stage, other, state="done", files=[])


async def test_an_export_ends_with_files_behind_signed_urls(stage):
    (record,) = await some(stage, 1)
    job = (await order(stage, kind="export", bucket="photos", asset_ids=[record.asset_id]))["id"]
    (task,) = await queued(stage)
    assert isinstance(task.work, ExportWork)
    file = JobFile("a.zip", "eu-1", "/v1/exports/a.zip", 9, "0" * 64, 1, now_ms() + 60_000)
    await tell(stage, job, 0, "done", done=1, files=(file,))
    (told,) = (await shown(stage, job, state="done"))["files"]
    assert told["url"].startswith(f"{stage.nodes['eu-1'].node.url}/v1/exports/a.zip?exp=")


async def test_a_cancelled_job_leaves_the_queue_and_stays_cancelled(stage):
    await some(stage, 12)
    job = (await order(stage, kind="transform", bucket="photos", transformations=["e_sepia"]))["id"]
    assert len(await queued(stage)) == 2
    answer = await stage.ask("DELETE", f"/v1/jobs/{job}")
    assert (answer.status, answer.body["state"]) == (200, "cancelled")
    assert await queued(stage) == []
    assert (await stage.ask("DELETE", f"/v1/jobs/{job}")).status == 200
    await tell(stage, job, 0, "done", done=10)
    await tell(stage, job, 1, "done", done=2)
    assert (await shown(stage, job, done=12))["state"] == "cancelled"


async def test_who_may_not_read_cancels_an_export_and_gets_no_url_of_its_files(stage):
    (record,) = await some(stage, 1)
    job = (await order(stage, kind="export", bucket="photos", asset_ids=[record.asset_id]))["id"]
    assert (await stage.ask("DELETE", f"/v1/jobs/{job}", key="writer")).body["state"] == "cancelled"
    file = JobFile("a.zip", "eu-1", "/v1/exports/a.zip", 9, "0" * 64, 1, now_ms() + 60_000)
    await tell(stage, job, 0, "done", done=1, files=(file,))  # its node was at it already
    (told,) = (await shown(stage, job, done=1))["files"]
    assert (await stage.ask("DELETE", f"/v1/jobs/{job}")).body["files"] == [told]
    again = await stage.ask("DELETE", f"/v1/jobs/{job}", key="writer")
    assert (again.status, again.body["files"]) == (200, [])


async def test_a_job_that_has_ended_cannot_be_cancelled(stage):
    (record,) = await some(stage, 1)
    job = (await order(stage, kind="look", bucket="photos", asset_ids=[record.asset_id]))["id"]
    await tell(stage, job, 0, "done", done=1)
    await shown(stage, job, state="done")
    (await stage.ask("DELETE", f"/v1/jobs/{job}")).problem(409, "conflict")


async def test_a_job_of_nothing_is_done_at_once(stage):
    job = await order(stage, kind="look", bucket="photos", prefix="nobody/")
    assert (job["state"], job["progress"]["items"]) == ("done", 0)


async def test_webhooks_are_told_of_a_job_of_nothing_as_of_any_other(stage):
    hook = {"url": "https://93.184.215.14/", "events": ["job.done"]}
    made = (await stage.ask("POST", "/v1/webhooks", hook)).body["webhook"]["id"]
    job = await order(stage, kind="look", bucket="photos", prefix="nobody/")
    (delivery,) = (await stage.get(f"/v1/webhooks/{made}/deliveries")).body["deliveries"]
    assert (delivery["type"], delivery["event"]) == ("job.done", job["id"])


async def test_too_much_and_nonsense_are_refused_before_anything_is_queued(stage):
    await some(stage, 26)
    order_of = {"kind": "transform", "bucket": "photos", "transformations": ["e_sepia"]}
    (await stage.ask("POST", "/v1/jobs", order_of)).problem(413, "too-large")
    (await stage.ask("POST", "/v1/jobs", order_of | {"transformations": ["e_sepia"] * 17})).problem(
        413, "too-large"
    )
    (await stage.ask("POST", "/v1/jobs", order_of | {"transformations": ["w_no"]})).problem(
        400, "bad-transformation"
    )
    (await stage.ask("POST", "/v1/jobs", order_of | {"asset_ids": [new_id()]})).problem(404, "not-found")
    (await stage.ask("POST", "/v1/jobs", order_of | {"bucket": "nowhere"})).problem(404, "not-found")
    (await stage.ask("POST", "/v1/jobs", order_of | {"kind": "dance"})).problem(400, "bad-request")
    (await stage.ask("POST", "/v1/jobs", order_of | {"prefix": "cats/000", "regions": ["mars"]})).problem(
        400, "bad-request"
    )
    (await stage.get(f"/v1/jobs/{new_id()}")).problem(404, "not-found")
    (await stage.get("/v1/jobs/nonsense")).problem(404, "not-found")
    assert await queued(stage) == []


async def test_work_can_be_ordered_for_several_regions(stage):
    (record,) = await some(stage, 1)
    await order(
        stage, kind="transform", bucket="photos", asset_ids=[record.asset_id], transformations=["e_sepia"],
        regions=["us", "asia"],
    )  # fmt: skip
    assert [len(await queued(stage, region)) for region in ("eu", "us", "asia")] == [0, 1, 1]


async def test_a_job_that_an_upload_began_is_found_by_its_event(stage):
    facts = JobFacts(new_id(), "upload", "photos", "cats/tom", "web", now_ms(), 1, 1)
    await stage.publish(JobMade(new_id(), now_ms(), "eu-1", "eu", "main", facts))
    assert (await shown(stage, facts.id, state="queued"))["kind"] == "upload"
    page = (await stage.get("/v1/jobs?bucket=photos")).body
    assert [job["id"] for job in page["jobs"]] == [facts.id]


async def test_the_list_is_paged_the_newest_first(stage):
    made = [(await order(stage, kind="look", bucket="photos", prefix=f"{n}/"))["id"] for n in range(3)]
    first = (await stage.get("/v1/jobs?limit=2")).body
    assert [job["id"] for job in first["jobs"]] == [made[2], made[1]]
    second = (await stage.get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}")).body
    assert [job["id"] for job in second["jobs"]] == [made[0]]


async def test_a_limited_key_orders_and_sees_what_it_reaches(stage):
    made = await stage.ask(
        "POST", "/v1/keys", {"name": "cats", "scopes": ["read", "write"], "prefixes": ["cats/"]}
    )
    stage.api_keys["cats"] = made.body["secret"]
    await some(stage, 1)
    (outside,) = await some(stage, 1, "dogs/")
    theirs = await order(stage, kind="look", bucket="photos", prefix="dogs/")

    async def known() -> bool:
        return (await stage.ask("GET", "/v1/jobs", key="cats")).status == 200

    await until(known, "the key is known")
    (await stage.ask("POST", "/v1/jobs", {"kind": "look", "bucket": "photos"}, key="cats")).problem(
        403, "forbidden"
    )
    own = await order(stage, key="cats", kind="look", bucket="photos", prefix="cats/")
    (await stage.ask("GET", f"/v1/jobs/{theirs['id']}", key="cats")).problem(404, "not-found")
    (await stage.ask("DELETE", f"/v1/jobs/{theirs['id']}", key="cats")).problem(404, "not-found")
    assert (await stage.ask("GET", f"/v1/jobs/{own['id']}", key="cats")).status == 200
    listed = (await stage.ask("GET", "/v1/jobs?bucket=photos", key="cats")).body["jobs"]
    assert [job["id"] for job in listed] == [own["id"]]
    (await stage.ask("POST", "/v1/jobs", {"kind": "export", "bucket": "photos"}, key="writer")).problem(
        403, "forbidden"
    )
    edit = {"kind": "apply", "bucket": "photos", "transformation": "e_sepia"}
    await order(stage, 403, key="cats", **edit, prefix="dogs/")
    await order(stage, 404, key="cats", **edit, asset_ids=[outside.asset_id])
    layered = edit | {"transformation": "l_dogs:rex/fl_layer_apply"}
    await order(stage, 403, key="cats", **layered, prefix="cats/")
    await order(stage, 403, key="reader", **edit, asset_ids=[outside.asset_id])


async def events_of(stage: QueryStage, job: str, seen: str | None = None):
    """The events of a stream, as (id, name, data); comments as ("", "comment", text)."""
    headers = {"Authorization": f"Bearer {stage.api_keys['admin']}"}
    if seen:
        headers["Last-Event-ID"] = seen
    async with stage.session.get(f"{stage.url}/v1/jobs/{job}/events", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        block: dict[str, str] = {}
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line.startswith(":"):
                yield "", "comment", line
            elif line:
                name, _, value = line.partition(": ")
                block[name] = value
            elif "data" in block:
                yield block["id"], block["event"], json.loads(block["data"])
                block = {}


async def test_progress_comes_as_server_sent_events_with_signs_of_life_and_goes_on_after_a_break(stage):
    (record,) = await some(stage, 1)
    job = (await order(stage, kind="look", bucket="photos", asset_ids=[record.asset_id]))["id"]
    stream = events_of(stage, job)
    seen, name, data = await anext(stream)
    assert (name, data["state"]) == ("progress", "queued")
    while (await anext(stream))[1] != "comment":
        pass
    await stream.aclose()
    again = events_of(stage, job, seen)
    assert (await anext(again))[1] == "comment", "what was seen is not told again"
    await tell(stage, job, 0, "running", done=0)
    states = []
    async with asyncio.timeout(20):
        async for _, name, data in again:
            if name == "comment":
                continue
            if not states:
                await tell(stage, job, 0, "done", done=1)
            states.append((name, data["state"]))
    assert states == [("progress", "running"), ("end", "done")]


async def test_event_streams_are_bounded(fresh_nats, mongo_database, tmp_path):
    async with query_stage(tmp_path, fresh_nats.urls, mongo_database, max_event_streams=1) as stage:
        await stage.indexed(await stage.upload("cats/a"))
        job = (await order(stage, kind="look", bucket="photos"))["id"]
        stream = events_of(stage, job)
        await anext(stream)
        (await stage.get(f"/v1/jobs/{job}/events")).problem(429, "too-many-requests")
        await stream.aclose()


async def test_no_job_is_taken_while_the_bus_is_away(stage, fresh_nats):
    (record,) = await some(stage, 1)
    await asyncio.to_thread(fresh_nats.stop, "nats")
    answer = await stage.ask(
        "POST", "/v1/jobs", {"kind": "look", "bucket": "photos", "asset_ids": [record.asset_id]}
    )
    answer.problem(503, "bus-unavailable")
    await asyncio.to_thread(fresh_nats.start, "nats")


async def test_async_on_an_upload_is_in_its_ticket(stage):
    answer = await stage.ask("POST", "/v1/uploads", {"bucket": "photos", "async": True})
    assert answer.status == 201
    redirect = await stage.ask("POST", "/v1/assets?bucket=photos&async=true")
    assert redirect.status == 307
    (await stage.ask("POST", "/v1/assets?bucket=photos&async=1")).problem(400, "bad-request")


async def test_an_edit_of_many_is_ordered_with_what_they_are_now_and_one_that_depends_on_who_asks_is_refused(
    stage,
):
    records = await some(stage, 11)
    ids = [record.asset_id for record in records]
    job = await order(stage, kind="apply", bucket="photos", asset_ids=ids, transformation="e_sepia:80/a_-270")
    assert job["progress"]["items"] == 11
    first, second = await queued(stage)
    assert isinstance(first.work, ApplyWork)
    assert isinstance(second.work, ApplyWork)
    assert (first.work.transformation, first.work.by, first.set) == ("e_sepia/a_90", "admin", "main")
    assert [record.version for record in (*first.work.items, *second.work.items)] == [
        record.version for record in records
    ]
    for auto in ("f_auto", "w_auto", "dpr_auto,w_100"):
        answer = await order(
            stage, 400, kind="apply", bucket="photos", asset_ids=ids, transformation=f"e_sepia/{auto}"
        )
        assert answer["type"].endswith("bad-transformation")
