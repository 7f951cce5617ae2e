"""Jobs in a whole cluster, through the client: ordered, done, watched, downloaded; a node dies over one."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
import zipfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from atoll.client import AsyncClient
from atoll.client.job_views import Job
from atoll.errors import NotFound
from atoll.local.cluster_plan import BUCKET
from probe.story import EU, Story, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module")]
DEADLINE = 90.0


@pytest_asyncio.fixture(loop_scope="module")
async def client(story: Story) -> AsyncIterator[AsyncClient]:
    async with AsyncClient([story.query], story.cluster.admin_key, region="eu-central") as it:
        yield it


async def stored(client: AsyncClient, bodies: dict[str, bytes]) -> list[str]:
    """Upload them, and wait until the catalog has them; their ids."""
    ids = [
        (await client.upload(body, bucket=BUCKET, public_id=name)).asset_id for name, body in bodies.items()
    ]
    end = time.monotonic() + DEADLINE
    prefix = next(iter(bodies)).partition("/")[0] + "/"
    while len([asset async for asset in client.list(BUCKET, prefix)]) < len(bodies):
        assert time.monotonic() < end, "the catalog does not hear of them"
        await asyncio.sleep(0.05)
    return ids


async def ended(client: AsyncClient, job: Job) -> Job:
    return await client.jobs.wait(job.id, seconds=DEADLINE)


async def test_existing_images_are_transformed_looked_at_and_exported(
    story: Story, client: AsyncClient
) -> None:
    bodies = {f"bulk/{number}": picture(7000 + number) for number in range(12)}
    await stored(client, bodies)
    done = await ended(client, await client.jobs.transform(BUCKET, ["c_fill,h_20,w_20"], prefix="bulk/"))
    assert (done.state, done.progress.done, done.progress.failed) == ("done", 12, 0), done
    looked = await ended(client, await client.jobs.look(BUCKET, prefix="bulk/"))
    assert (looked.state, looked.progress.done) == ("done", 12), looked
    exported = await ended(client, await client.jobs.export(BUCKET, prefix="bulk/"))
    (file,) = exported.files
    async with story.session.get(file.url) as answer:
        assert answer.status == 200
        body = await answer.read()
    assert hashlib.sha256(body).hexdigest() == file.sha256
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert {name: archive.read(f"{name}.jpg") for name in bodies} == bodies
    listed = (await client.jobs.page(bucket=BUCKET)).jobs
    assert [job.id for job in listed] == [exported.id, looked.id, done.id]


async def test_an_upload_in_the_background_begins_a_job(client: AsyncClient) -> None:
    asset = await client.upload(
        picture(7100), bucket=BUCKET, public_id="behind/it", eager=["c_fit,w_30"], background=True
    )
    job = await client.jobs.get(asset.job.id)  # type: ignore[union-attr]  # it was asked for
    done = await ended(client, job)
    assert (done.kind, done.state, done.progress.done) == ("upload", "done", 1), done


async def test_a_job_is_done_though_its_node_is_killed_over_it(story: Story, client: AsyncClient) -> None:
    (asset_id,) = await stored(client, {"big/one": picture(7200, side=1500)})
    heavy = [f"c_fill,h_{side},w_{side}/f_avif" for side in range(1000, 1160, 10)]
    job = await client.jobs.transform(BUCKET, heavy, asset_ids=[asset_id])
    derivatives = story.cluster.paths.data(EU) / "derivatives"
    end = time.monotonic() + DEADLINE
    while not any(file.suffix == ".avif" for file in derivatives.rglob("*")):
        assert time.monotonic() < end, f"nobody begins: {derivatives}"
        await asyncio.sleep(0.02)
    assert not (await client.jobs.get(job.id)).ended
    await story.cluster.daemons[EU].kill()
    done = await ended(client, job)
    assert (done.state, done.progress.done, done.progress.tasks_done) == ("done", 1, 1), done


async def test_a_job_that_nobody_knows_is_not_found(client: AsyncClient) -> None:
    with pytest.raises(NotFound):
        await client.jobs.get("0" * 26)
