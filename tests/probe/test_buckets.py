"""Stories: what buckets say holds with real daemons, and their end is confirmed by every node."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from atoll.bucket import Bucket, Quota
from atoll.client.async_client import AsyncClient
from atoll.errors import Conflict, NotFound, QuotaExceeded
from probe.command import atoll
from probe.story import NODES, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


def client_of(story: Story) -> AsyncClient:
    return AsyncClient([story.query], story.cluster.admin_key)


async def test_the_nodes_say_how_much_a_bucket_has_and_a_quota_holds(story: Story) -> None:
    body = picture(1)
    async with client_of(story) as client:
        await client.put_bucket(Bucket("limited", quota=Quota(bytes=len(body) + 100, assets=5)))
        await client.upload(body, bucket="limited", public_id="one", filename="one.jpg")

        async def counted() -> bool:
            usage = (await client.bucket("limited")).usage
            return (usage.bytes, usage.assets, usage.blobs, usage.complete) == (len(body), 1, 1, True)

        await eventually(counted, "the nodes do not count the upload")
        with pytest.raises(QuotaExceeded) as refused:
            await client.upload(picture(2), bucket="limited", filename="two.jpg")
        assert refused.value.facts["limit"] == len(body) + 100
    code, shown = await atoll(story.cluster, "bucket", "show", "limited")
    assert (code, shown["usage"]["bytes"], shown["quota"]["assets"]) == (0, len(body), 5)


async def test_a_bucket_is_deleted_when_it_is_empty_and_else_says_what_is_in_it(story: Story) -> None:
    async with client_of(story) as client:
        await client.create_bucket("brief")
        asset = await client.upload(picture(3), bucket="brief", public_id="one", filename="one.jpg")
        with pytest.raises(Conflict) as refused:
            await client.delete_bucket("brief")
        assert refused.value.facts["assets"] == 1
        await client.upload(picture(4), bucket="brief", filename="two.jpg")  # it is open as before
        await client.create_bucket("never-used")
        done = await client.delete_bucket("never-used")
        assert done.state == "deleted"
        assert {receipt.node for receipt in done.receipts if receipt.confirmed} == set(NODES)
        with pytest.raises(NotFound):
            await client.bucket("never-used")
        assert asset.bucket == "brief"


async def test_force_deletes_all_that_is_in_a_bucket_and_every_node_confirms_it(story: Story) -> None:
    code, made = await atoll(story.cluster, "bucket", "create", "doomed", "--public", "--no-versioning")
    assert (code, made["versioning"]) == (0, False), made
    async with client_of(story) as client:
        for number in range(6):
            await client.upload(picture(number), bucket="doomed", public_id=f"p{number}", filename="p.jpg")
    code, done = await atoll(story.cluster, "bucket", "delete", "doomed", "--force")
    assert code == 0, done
    assert (done["state"], done["assets"], done["left"]) == ("deleted", 6, 0)
    assert {r["node"] for r in done["receipts"] if r["confirmed"]} == set(NODES)
    for node in NODES:
        assert not list(story.cluster.paths.data(node).glob("blobs/doomed/**/*.jpg"))
    async with client_of(story) as client:
        with pytest.raises(NotFound):
            await client.upload(picture(9), bucket="doomed", filename="p.jpg")
        await client.create_bucket("doomed")  # the name is free; nothing of the old one comes back
        assert (await client.bucket("doomed")).usage.assets == 0


async def test_a_bucket_that_strips_keeps_no_place_and_the_client_knows_the_bytes_are_others(
    story: Story,
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "52.5200N 13.4050E"
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(21))).save(out, "JPEG", exif=exif)
    body = out.getvalue()
    async with client_of(story) as client:
        await client.put_bucket(Bucket("bare", metadata="strip"))
        asset = await client.upload(body, bucket="bare", filename="place.jpg")
        assert (asset.stripped, asset.sent_sha256) == (True, hashlib.sha256(body).hexdigest())
        for node in NODES:
            status, kept = await story.read(node, asset.path)
            assert (status, hashlib.sha256(kept).hexdigest()) == (200, asset.sha256)
            assert b"52.5200N" not in kept
            assert dict(Image.open(io.BytesIO(kept)).getexif()) == {0x0112: 6}
        again = await client.upload(kept, bucket="bare", filename="bare.jpg")
        assert (again.stripped, again.sha256) == (False, asset.sha256)
