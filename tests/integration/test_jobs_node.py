"""A node's processor on real NATS: tasks are done, tried again, parked, cancelled, and outlive a kill."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import sqlite3
import zipfile

import msgspec
import pytest
from job_stage import RENDER, JobStage, connect, make_bucket, render
from msgspec.structs import replace
from node_fixture import BUCKET, SET, Answer, NodeProcess, form_of, new_region, picture
from PIL import Image
from public_bucket import put_entry

from atoll import jobs
from atoll.bucket import Bucket, Ending
from atoll.delivery_keys import cluster_key
from atoll.events import event_headers, parked_subject, stream_of
from atoll.ids import new_id, now_ms
from atoll.jobs import ApplyWork, ExportWork, JobItem, LookWork
from atoll.model import AssetRecord, ReplicaSet
from atoll.node_api import DeleteOrder
from atoll.signing import internal_token
from atoll.transformation.signature import sign

HEAVY = tuple(f"c_fill,h_{side},w_{side}/e_sharpen:{side % 90 + 10}/f_avif" for side in range(700, 1000, 10))
LESS_HEAVY = HEAVY[::3]  # for what is done to its end: still seconds of work


@contextlib.asynccontextmanager
async def stage(engines, directory, **settings):
    region = settings.pop("region", None) or new_region()
    node = NodeProcess(directory, engines.urls.nats, region, {"job_retry_seconds": 0.1, **settings})
    node.start()
    await make_bucket(node)
    running = await connect(node)
    try:
        yield running
    finally:
        await running.client.close()
        node.end()


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "node"


def ask(node: NodeProcess, method: str, path: str, order: msgspec.Struct | None = None) -> Answer:
    """As a daemon of the cluster."""
    sent = b"" if order is None else msgspec.json.encode(order)
    token = internal_token("test", node.name, method, path, node.keys, now_ms(), sent)
    return node.request(method, path, sent or None, {"Authorization": f"Atoll {token}"})


def delete(node: NodeProcess, said: dict, trash_seconds: int) -> None:
    order = DeleteOrder(said["asset_id"], BUCKET, said["public_id"], SET, trash_seconds)
    answer = ask(node, "POST", "/internal/v1/deletes", order)
    assert answer.status == 200, answer


def derivatives(stage: JobStage) -> int:
    root = stage.node.data / "derivatives" / BUCKET
    return sum(1 for file in root.rglob("*") if file.is_file())


async def parked(stage: JobStage) -> list[dict[str, str]]:
    """The headers of what was parked."""
    stream, subject = stream_of(stage.region), parked_subject(stage.region, "jobs")
    info = await stage.js.stream_info(stream, subjects_filter=subject)
    found, seq = [], 0
    for _ in range((info.state.subjects or {}).get(subject, 0)):
        message = await stage.js.get_msg(stream, seq=seq + 1, subject=subject, next=True)
        seq = message.seq
        found.append(dict(message.headers or {}))
    return found


async def test_a_task_is_done_reported_and_gone_from_the_queue(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        items = [it.store(), it.store()]
        task = await it.put(render(items, (*RENDER, "c_fill,h_20,w_20")))
        (outcome,) = await it.ended(task.job)
        assert (outcome.state, outcome.done, outcome.failed, outcome.tries) == ("done", 2, 0, 1)
        assert derivatives(it) >= 4
        await it.until(_empty(it), "the queue is empty")


async def test_what_cannot_be_done_is_told_item_by_item_and_the_others_go_on(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        good, lost = it.store(), JobItem(new_id(), "lost", f"s1/{'0' * 64}.jpg")
        task = await it.put(render([lost, good]))
        (outcome,) = await it.ended(task.job)
        assert (outcome.state, outcome.done, outcome.failed) == ("done", 1, 1)
        assert [(error.item, error.problem) for error in outcome.errors] == [("lost", "not-found")]


async def test_a_task_is_done_once_more_when_its_node_is_killed_over_it(fresh_nats, directory):
    async with stage(fresh_nats, directory, renderers=1) as it:
        task = await it.put(render([it.store((1200, 900))], LESS_HEAVY))

        async def begun():
            return derivatives(it) >= 2

        await it.until(begun, "the first derivatives are there")
        it.node.kill()
        assert not [o for _, o in await it.outcomes(task.job) if o.final]
        it.node.start()
        ends = await it.ended(task.job)
        assert [(o.state, o.done, o.tries) for o in ends] == [("done", 1, 2)]
        await it.until(_empty(it), "the queue is empty")


async def test_another_node_of_the_set_goes_on_when_one_is_killed(fresh_nats, tmp_path):
    region = new_region()
    async with stage(fresh_nats, tmp_path / "one", renderers=1, region=region) as it:
        task = await it.put(render([it.store((1200, 900))], HEAVY))

        async def begun():
            return derivatives(it) >= 1

        await it.until(begun, "it is begun")
        other = NodeProcess(tmp_path / "two", fresh_nats.urls.nats, region, {"job_retry_seconds": 0.1})
        other.keys = it.node.keys
        (other.directory / "cluster-secret").write_text((it.node.directory / "cluster-secret").read_text())
        other.start()
        it.node.kill()
        try:  # it holds no copy, and the one that does is dead: told as failed, or tried until it parks
            (outcome,) = await it.ended(task.job)
            assert outcome.tries >= 2
            events = [event for event, o in await it.outcomes(task.job) if o.final]
            assert [event.node for event in events] == [other.name]
        finally:
            other.stop()
            it.node.start()


async def test_a_task_that_kills_its_node_again_and_again_is_parked(fresh_nats, directory):
    async with stage(fresh_nats, directory, job_tries=1, renderers=1) as it:
        task = await it.put(render([it.store((1200, 900))], HEAVY))

        async def begun():
            return derivatives(it) >= 1

        await it.until(begun, "it is begun")
        it.node.kill()
        it.node.start()
        (outcome,) = await it.ended(task.job)
        assert outcome.state == "parked"
        (headers,) = await parked(it)
        assert task.job in headers["Atoll-Parked-Reason"]
        await it.until(_empty(it), "the queue is empty")


async def test_a_task_that_never_goes_well_is_tried_so_often_and_parked(fresh_nats, directory):
    async with stage(fresh_nats, directory, job_tries=3, job_seconds=1.0, renderers=1) as it:
        task = await it.put(render([it.store((2400, 1800))], HEAVY))
        (outcome,) = await it.ended(task.job)
        assert (outcome.state, outcome.tries) == ("parked", 3)
        assert "longer than 1 s" in outcome.errors[-1].detail
        assert len(await parked(it)) == 1


async def test_a_cancelled_job_is_let_go_of_and_what_waited_is_gone(fresh_nats, directory):
    async with stage(fresh_nats, directory, job_workers=1, renderers=1) as it:
        big = it.store((1200, 900))
        job = new_id()
        for number in range(3):
            await it.put(render([big], HEAVY), job=job, number=number)

        async def begun():
            return derivatives(it) >= 1

        await it.until(begun, "it is begun")
        await it.js.purge_stream(jobs.stream_of(it.region), subject=jobs.job_subject(job))
        body, headers = jobs.seal_cancel(job, it.node.keys)
        await it.client.publish(jobs.CANCEL_SUBJECT, body, headers=headers)
        said = await it.ended(job)
        assert [(o.number, o.state) for o in said] == [(0, "cancelled")]
        other = await it.put(render([it.store()]))
        assert [o.state for o in await it.ended(other.job)] == ["done"]
        assert len(await it.ended(job)) == 1
        await it.until(_empty(it), "the queue is empty")


async def test_a_message_that_is_no_task_of_ours_is_parked_and_never_done(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        task = jobs.new_task(new_id(), 0, it.region, "s1", now_ms(), LookWork(BUCKET, ()))
        body = jobs.task_body(task)
        headers = event_headers(task.id, task.subject, body, it.node.keys)
        await it.js.publish(task.subject, body + b" ", headers=headers)

        async def aside():
            return await parked(it)

        (said,) = await it.until(aside, "it is parked")
        assert "signature" in said["Atoll-Parked-Reason"]
        assert await it.outcomes(task.job) == []


async def test_an_export_is_a_zip_file_behind_a_signed_url_that_goes_when_its_time_is_over(
    fresh_nats, directory
):
    async with stage(fresh_nats, directory) as it:
        bodies = [picture(), picture()]
        items = [
            JobItem(said["asset_id"], name, said["handle"], said["bytes"])
            for body, name in zip(bodies, ("cats/tom", "../cats/tom"), strict=True)
            for said in [it.node.put(body).json]
        ]
        lost = JobItem(new_id(), "lost", f"s1/{'0' * 64}.jpg")
        task = await it.put(ExportWork(BUCKET, (*items, lost), "one.zip", 3600))
        (outcome,) = await it.ended(task.job)
        assert (outcome.state, outcome.done, outcome.failed) == ("done", 2, 1)
        (file,) = outcome.files
        signed = sign(file.path, file.expires_at // 1000, cluster_key(it.node.keys))
        answer = it.node.request("GET", f"{file.path}?{signed}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
        assert "Last-Modified" not in answer.headers, "it would be the time when the file ends"
        assert (len(answer.json), hashlib.sha256(answer.json).hexdigest()) == (file.bytes, file.sha256)
        with zipfile.ZipFile(io.BytesIO(answer.json)) as archive:
            assert archive.namelist() == ["cats/tom.jpg", "cats/tom~2.jpg"]
            assert [archive.read(name) for name in archive.namelist()] == bodies
        assert it.node.request("GET", file.path).status == 401
        assert it.node.request("GET", f"{file.path}?{signed}x").status == 401
        part = it.node.request("GET", f"{file.path}?{signed}", headers={"Range": "bytes=0-3"})
        assert (part.status, part.json) == (206, b"PK\x03\x04")
        (kept,) = (it.node.data / "exports").iterdir()
        os.utime(kept, (1, 1))
        assert it.node.request("GET", f"{file.path}?{signed}").status == 404
        it.node.stop()
        it.node.start()

        async def gone():
            return not kept.exists()

        await it.until(gone, "it is swept")


async def exported(it: JobStage, *stored: dict) -> str:
    """The signed URL's path of an archive of these images."""
    items = tuple(
        JobItem(said["asset_id"], said["asset_id"], said["handle"], said["bytes"]) for said in stored
    )
    task = await it.put(ExportWork(BUCKET, items, "all.zip", 3600))
    (outcome,) = await it.ended(task.job)
    (file,) = outcome.files
    assert file.files == len(stored)
    return f"{file.path}?{sign(file.path, file.expires_at // 1000, cluster_key(it.node.keys))}"


async def test_an_erasure_takes_the_exports_along_before_it_is_confirmed_and_the_trash_does_not(
    fresh_nats, directory
):
    async with stage(fresh_nats, directory) as it:
        kept, trashed, erased = (it.node.put(picture()).json for _ in range(3))
        alone, both, with_trash = [
            await exported(it, *of) for of in ([kept], [kept, erased], [kept, trashed])
        ]

        def statuses():
            return [it.node.request("GET", path).status for path in (alone, both, with_trash)]

        assert statuses() == [200, 200, 200]
        delete(it.node, trashed, 3600)
        assert statuses() == [200, 200, 200]
        delete(it.node, erased, 0)
        assert statuses() == [200, 404, 200]
        assert "erased" in it.node.request("GET", both).json["detail"]
        assert len(list((it.node.data / "exports").iterdir())) == 2
        job = both.rpartition("/")[2].partition("-")[0]

        async def told():
            return [outcome.removed for _, outcome in await it.outcomes(job)][-1:] == [True]

        await it.until(told, "the job is told")


async def test_the_end_of_a_bucket_is_the_end_of_its_exports(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        path = await exported(it, said := it.node.put(picture()).json)
        delete(it.node, said, 3600)
        usage = f"/internal/v1/usage?bucket={BUCKET}"
        assert ask(it.node, "GET", usage).json["buckets"][0]["closed"] is False
        assert it.node.request("GET", path).status == 200
        await put_entry(it.node, Bucket(BUCKET, ending=Ending(now_ms())))

        async def nothing():
            (bucket,) = ask(it.node, "GET", usage).json["buckets"]
            return bucket["closed"] and not bucket["assets"] + bucket["blobs"] + bucket["leaving"]

        await it.until(nothing, "the node says that it has nothing of it")
        assert list((it.node.data / "exports").iterdir()) == []
        assert it.node.request("GET", path).status == 404


async def test_what_there_is_no_room_for_waits_longer_than_all_its_tries(fresh_nats, directory):
    async with stage(fresh_nats, directory, exports_bytes=1, job_tries=2) as it:
        item = it.store()
        first = await it.put(ExportWork(BUCKET, (item,), "one.zip", 3600))
        await it.ended(first.job)
        second = await it.put(ExportWork(BUCKET, (item,), "two.zip", 3600))

        async def waited():
            """It was given back to the queue, or given up, more often than it is tried."""
            seq = (await it.js.stream_info(jobs.stream_of(it.region))).state.last_seq
            return seq >= 4 or await it.outcomes(second.job)

        await it.until(waited, "it is tried again and again")
        assert not await it.outcomes(second.job), "it is not given up"
        assert await it.waiting() <= 2
        (kept,) = (it.node.data / "exports").iterdir()
        kept.unlink()
        (outcome,) = await it.ended(second.job)
        assert (outcome.state, outcome.done) == ("done", 1)
        assert await parked(it) == []


async def test_a_picture_is_looked_at_again_and_what_is_new_becomes_a_record_but_no_version(
    fresh_nats, directory
):
    async with stage(fresh_nats, directory) as it:
        items = [it.store(), it.store()]
        sha256 = bytes.fromhex(items[0].handle.partition("/")[2].partition(".")[0])
        with contextlib.closing(sqlite3.connect(it.node.data / "index.db", timeout=20)) as index, index:
            index.execute("UPDATE blobs SET looks = '' WHERE sha256 = ?", (sha256,))
        task = await it.put(LookWork(BUCKET, tuple(items)))
        (outcome,) = await it.ended(task.job)
        assert (outcome.state, outcome.done) == ("done", 2)
        records = [
            msgspec.json.decode(body, type=AssetRecord)
            for (body,) in it.node.index(
                "SELECT body FROM records WHERE asset_id = ? ORDER BY version", items[0].asset_id
            )
        ]
        first, second = records
        assert second.content_version == first.version
        assert second.blob.picture.color == first.blob.picture.color != ""
        assert it.node.index("SELECT looks != '' FROM blobs WHERE sha256 = ?", sha256) == [(1,)]
        assert len(it.node.index("SELECT 1 FROM records WHERE asset_id = ?", items[1].asset_id)) == 1


async def test_an_upload_in_the_background_is_answered_with_a_job_that_makes_its_derivatives(
    fresh_nats, directory
):
    async with stage(fresh_nats, directory) as it:
        token = it.node.ticket(background=True, eager=RENDER, durability="regions:2")
        body = picture()
        answer = it.node.put(body, token)
        assert answer.status == 202
        assert answer.json["durability"]["complete"] is False
        job = answer.json["job"]["id"]
        assert answer.json["job"] == {"id": job, "path": f"/v1/jobs/{job}", "state": "queued"}
        (outcome,) = await it.ended(job)
        assert (outcome.state, outcome.done) == ("done", 1)
        assert derivatives(it) >= 1
        assert it.node.put(body, token).json["job"]["id"] == job


async def test_each_file_of_a_form_in_the_background_is_a_job_of_its_own(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        form = form_of(picture(), b"no image", picture())
        answer = it.node.post(form, it.node.ticket(background=True, max_files=3))
        assert answer.status == 207
        assert [result["status"] for result in answer.json["results"]] == [202, 415, 202]
        jobs_of = [result["asset"]["job"]["id"] for result in answer.json["results"] if "asset" in result]
        assert len(set(jobs_of)) == 2
        for job in jobs_of:
            assert [o.state for o in await it.ended(job)] == ["done"]


async def test_work_that_was_ordered_while_nats_is_away_is_done_when_it_is_back(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        await asyncio.to_thread(fresh_nats.stop, "nats")
        answer = it.node.put(picture(), it.node.ticket(background=True, eager=RENDER))
        assert answer.status == 202
        await asyncio.to_thread(fresh_nats.start, "nats")
        assert [o.state for o in await it.ended(answer.json["job"]["id"])] == ["done"]


def _empty(it: JobStage):
    async def empty() -> bool:
        return await it.waiting() == 0

    return empty


def records_of(it: JobStage, asset_id: str) -> list[AssetRecord]:
    """As the node keeps them, the oldest first."""
    rows = it.node.index("SELECT body FROM records WHERE asset_id = ? ORDER BY version", asset_id)
    return [msgspec.json.decode(body, type=AssetRecord) for (body,) in rows]


async def test_what_a_transformation_makes_becomes_the_next_version_once_and_words_stay(
    fresh_nats, directory
):
    async with stage(fresh_nats, directory) as it:
        words = {"title": "Cat", "tags": ("pet",), "context": {"place": "Basel"}}
        token = it.node.ticket(public_id="cats/tom", **words)
        asset = it.node.put(picture(size=(48, 32)), token, X_Atoll_Filename="tom.jpg").json["asset_id"]
        (first,) = records_of(it, asset)
        task = await it.put(ApplyWork(BUCKET, (first,), "c_fill,h_10,w_10/f_png", "shop"))
        assert [(o.state, o.done) for o in await it.ended(task.job)] == [("done", 1)]
        _, second = records_of(it, asset)
        assert (second.blob.ext, second.blob.picture.width, second.blob.picture.height) == ("png", 10, 10)
        assert (second.title, second.tags, dict(second.context), second.public_id, second.by) == (
            "Cat", ("pet",), {"place": "Basel"}, "cats/tom", "shop",
        )  # fmt: skip
        assert second.filename == "tom.png"
        await it.put(task.work, job=task.job)  # its first processor did not live to say that it is done
        again = await it.put(ApplyWork(BUCKET, (first,), "c_fill,h_10,w_10/f_png", "shop"))  # nor here
        assert [(o.state, o.done) for o in await it.ended(again.job)] == [("done", 1)]
        assert len(records_of(it, asset)) == 2


async def test_an_image_that_is_another_one_by_then_or_gone_is_left_alone(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        name = {"public_id": "changed", "asset_id": new_id()}
        changed = it.node.put(picture(), it.node.ticket(**name)).json["asset_id"]
        (ordered,) = records_of(it, changed)
        it.node.put(picture(size=(50, 40)), it.node.ticket(**name))
        task = await it.put(ApplyWork(BUCKET, (ordered,), "e_sepia"))
        (said,) = await it.ended(task.job)
        assert (said.state, said.failed, said.errors[0].problem) == ("done", 1, "conflict")
        assert len(records_of(it, changed)) == 2


async def test_a_set_that_was_sealed_since_takes_nothing_more_of_it(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        asset = it.node.put(picture()).json["asset_id"]
        (first,) = records_of(it, asset)
        await put_entry(it.node, ReplicaSet(SET, sealed=True))

        async def refused() -> bool:
            before = records_of(it, asset)
            task = await it.put(ApplyWork(BUCKET, (before[-1],), f"e_brightness:{len(before)}"))
            (said,) = await it.ended(task.job)
            if said.done:  # it had not heard
                return False
            assert said.errors[0].problem == "conflict"
            return records_of(it, asset) == before

        await it.until(refused, "the set takes no more")
        assert first in records_of(it, asset)


async def test_a_node_that_lags_behind_what_was_ordered_takes_the_words_from_the_order(fresh_nats, directory):
    async with stage(fresh_nats, directory) as it:
        asset = it.node.put(picture(), it.node.ticket(title="Old")).json["asset_id"]
        (held,) = records_of(it, asset)
        ahead = new_id(now_ms() + 60_000)  # by the clock of the node that heard of it first
        ordered = replace(held, version=ahead, content=held.version, title="New", tags=("said",))
        task = await it.put(ApplyWork(BUCKET, (ordered,), "e_sepia"))
        assert [(o.state, o.done) for o in await it.ended(task.job)] == [("done", 1)]
        _, made = records_of(it, asset)
        assert (made.title, made.tags) == ("New", ("said",))
        assert made.version > ahead


async def test_a_bucket_without_metadata_gets_one_version_too_however_often_it_is_made(fresh_nats, directory):
    rights = Image.Exif()
    rights[0x8298] = "Somebody"
    async with stage(fresh_nats, directory) as it:
        asset = it.node.put(picture(exif=rights)).json["asset_id"]
        (first,) = records_of(it, asset)
        await make_bucket(it.node, metadata="strip")

        async def heard() -> bool:
            kept = it.node.put(picture(exif=rights)).json["asset_id"]
            return records_of(it, kept)[0].sent is not None

        await it.until(heard, "the node has heard of the policy")
        for _ in range(2):  # as another node would, which has no ticket of the first task
            task = await it.put(ApplyWork(BUCKET, (first,), "e_sepia/fl_keep_iptc"))
            assert [(o.state, o.done) for o in await it.ended(task.job)] == [("done", 1)]
        _, made = records_of(it, asset)
        assert made.sent is not None
