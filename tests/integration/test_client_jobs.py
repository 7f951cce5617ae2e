"""`client.jobs`, `client.webhooks` and their verbs against a real query service."""

from __future__ import annotations

import asyncio
import json

import pytest
from query_stage import QueryStage, query_stage

from atoll.cli.__main__ import main
from atoll.client import AsyncClient, Client
from atoll.errors import Conflict, NotFound, Unavailable
from atoll.events import JobTask
from atoll.ids import new_id, now_ms
from atoll.jobs import ItemError, TaskOutcome


@pytest.fixture
async def stage(fresh_nats, mongo_database, tmp_path):
    async with query_stage(tmp_path, fresh_nats.urls, mongo_database) as running:
        await running.indexed(await running.upload("cats/tom"))
        yield running


@pytest.fixture
async def client(stage):
    async with AsyncClient(stage.url, stage.api_keys["admin"]) as it:
        yield it


async def tell(stage: QueryStage, job: str, state, **facts) -> None:
    outcome = TaskOutcome(job, 0, state, 1, **facts)
    await stage.publish(JobTask(new_id(), now_ms(), "eu-1", "eu", "main", outcome))


async def test_a_job_is_ordered_watched_and_waited_for(stage, client):
    job = await client.jobs.transform("photos", ["e_sepia"], prefix="cats/")
    assert (job.kind, job.state, job.progress.items) == ("transform", "queued", 1)
    seen = []

    async def watch() -> None:
        async for now in client.jobs.watch(job.id):
            seen.append(now.state)
            if now.state == "queued":
                await tell(
                    stage, job.id, "done", failed=1, errors=(ItemError("cats/tom", "not-found", "gone"),)
                )

    async with asyncio.timeout(30):
        await watch()
    assert seen == ["queued", "done"]
    ended = await client.jobs.wait(job.id, seconds=20)
    assert ended.ended
    assert ended.errors[0].item == "cats/tom"
    with pytest.raises(Conflict):
        await client.jobs.cancel(job.id)
    assert [j.id for j in (await client.jobs.page(bucket="photos")).jobs] == [job.id]


async def test_waiting_ends_in_time_and_cancelling_is_told(stage, client):
    job = await client.jobs.look("photos", prefix="cats/")
    with pytest.raises(Unavailable, match="has not ended"):
        await client.jobs.wait(job.id, seconds=0.7)
    assert (await client.jobs.cancel(job.id)).state == "cancelled"
    assert (await client.jobs.wait(job.id, seconds=20)).state == "cancelled"
    with pytest.raises(NotFound):
        await client.jobs.get(new_id())


async def test_webhooks_are_made_listed_and_removed(stage, client):
    made = await client.webhooks.create("http://hooks.example.org/x", events=["job.done"], buckets=["photos"])
    assert made.secret.startswith("whsec_")
    assert await client.webhooks.all() == (made.webhook,)
    assert (await client.webhooks.deliveries(made.webhook.id)).deliveries == ()
    with pytest.raises(NotFound):
        await client.webhooks.redeliver(made.webhook.id, "0" * 32)
    await client.webhooks.remove(made.webhook.id)
    assert await client.webhooks.all() == ()


async def test_the_synchronous_client_and_the_command_do_the_same(stage, tmp_path, capsys):
    key = tmp_path / "key"
    key.write_text(stage.api_keys["admin"])
    key.chmod(0o600)
    settings = tmp_path / "client.toml"
    settings.write_text(f'url = ["{stage.url}"]\napi_key_file = "{key}"\n')

    def scripts() -> None:
        with Client(stage.url, stage.api_keys["admin"]) as it:
            job = it.jobs.export("photos", prefix="cats/")
            assert it.jobs.get(job.id).kind == "export"
            assert it.jobs.cancel(job.id).state == "cancelled"
            assert it.jobs.page().jobs[0].id == job.id
            hook = it.webhooks.create("http://hooks.example.org/y").webhook
            assert it.webhooks.all() == (hook,)
            assert it.webhooks.deliveries(hook.id).deliveries == ()
            assert it.webhooks.remove(hook.id) == hook

    await asyncio.to_thread(scripts)
    capsys.readouterr()

    def command(*words: str) -> dict:
        assert main([*words, "--json", "--settings", str(settings)]) == 0
        return json.loads(capsys.readouterr().out)

    def commands() -> None:
        job = command("jobs", "transform", "photos/cats/", "e_sepia")
        assert command("jobs", "show", job["id"])["state"] == "queued"
        assert command("jobs", "cancel", job["id"])["state"] == "cancelled"
        assert command("jobs", "ls")[0]["id"] == job["id"]
        made = command("webhooks", "create", "http://hooks.example.org/z", "--event", "job.done")
        assert command("webhooks", "ls")[0]["id"] == made["webhook"]["id"]
        assert command("webhooks", "log", made["webhook"]["id"]) == []
        assert command("webhooks", "rm", made["webhook"]["id"])["url"] == "http://hooks.example.org/z"
        assert main(["jobs", "ls", "--settings", str(settings)]) == 0
        assert job["id"] in capsys.readouterr().out

    await asyncio.to_thread(commands)
