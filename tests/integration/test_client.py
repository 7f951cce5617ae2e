"""The client against a cluster: every call, on the stand-in and on the real thing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from client_clusters import ClusterUnderTest, picture

from atoll import AsyncClient, Client
from atoll.client.reference import parse_reference
from atoll.client.upload_many import UploadProgress
from atoll.client.views import Resolved
from atoll.errors import BadName, NotAnImage, NotFound, TooLarge, Unauthorized, Undecodable
from atoll.model import Position

ARRIVED = 30.0  # seconds: a deadline


@pytest_asyncio.fixture
async def client(cluster: ClusterUnderTest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(cluster.query_urls, cluster.api_key) as opened:
        yield opened


async def test_an_upload_returns_the_asset_and_its_bytes_come_back(client, cluster, folder):
    body = picture()
    asset = await client.upload(body, bucket=cluster.bucket, public_id=folder + "one", tags=["a", "b"])
    assert (asset.sha256, asset.bytes) == (hashlib.sha256(body).hexdigest(), len(body))
    assert (asset.public_id, asset.tags, asset.width, asset.height) == (folder + "one", ("a", "b"), 64, 48)
    await client.wait_replicated(asset.asset_id, timeout=ARRIVED)
    assert await client.get(asset.asset_id) == body
    assert await client.get(f"{cluster.bucket}/{folder}one") == body
    assert await client.get(f"{cluster.bucket}/{asset.handle}") == body
    assert await client.get(folder + "one", bucket=cluster.bucket) == body
    assert await client.get(asset.url) == body


async def test_an_asset_is_found_by_id_and_by_name_with_its_locations(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "ü/two words")
    where = await client.wait_replicated(asset.asset_id, timeout=ARRIVED)
    assert len(where.regions) == 3
    assert not where.missing
    for found in (
        await client.asset(asset.asset_id),
        await client.asset_by_name(cluster.bucket, folder + "ü/two words"),
    ):
        assert found.sha256 == asset.sha256
        assert {place.region for place in found.locations} == set(where.regions)
    assert await client.locations(asset.asset_id) == where


async def test_what_was_just_uploaded_is_there_for_whoever_uploaded_it(client, cluster, folder):
    for turn in range(5):  # the second upload to the name on: the bytes before must not come back
        body = picture()
        asset = await client.upload(body, bucket=cluster.bucket, public_id=folder + "fresh")
        match turn:
            case 0:
                assert (await client.url(asset.asset_id, region="us-east")).sha256 == asset.sha256
            case 1:
                assert await client.get(f"{cluster.bucket}/{folder}fresh") == body
            case 2:
                assert (await client.asset_by_name(cluster.bucket, folder + "fresh")).version == asset.version
            case 3:
                (found,) = await client.resolve([asset.asset_id])
                assert isinstance(found, Resolved)
                assert found.sha256 == asset.sha256
            case 4:
                assert (await client.delete(asset.asset_id)).asset_id == asset.asset_id
    again = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "fresh")
    assert (await client.locations(again.asset_id)).version == again.version
    newest = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "fresh")
    copies = await client.wait_replicated(newest.asset_id, timeout=ARRIVED)
    assert copies.sha256 == newest.sha256, "copies of the bytes before prove nothing"
    unnamed = await client.upload(picture(), bucket=cluster.bucket)
    assert (await client.locations(unnamed.asset_id)).locations
    assert (await client.delete(unnamed.asset_id)).asset_id == unnamed.asset_id
    with pytest.raises(NotFound):
        await client.url(unnamed.asset_id)


async def test_waiting_for_one_region_is_enough_when_one_is_asked_for(client, cluster):
    asset = await client.upload(picture(), bucket=cluster.bucket)
    assert (await client.wait_replicated(asset.asset_id, regions=1, timeout=ARRIVED)).regions


async def test_a_file_keeps_its_name_and_bytes_come_from_paths_files_and_streams(client, cluster, tmp_path):
    body = picture()
    path = tmp_path / "küste & co.png"
    path.write_bytes(body)
    by_path = await client.upload(path, bucket=cluster.bucket)
    assert by_path.filename == path.name
    with path.open("rb") as file:
        file.seek(0)
        assert (await client.upload(file, bucket=cluster.bucket, filename="x.png")).filename == "x.png"
        assert not file.closed
    ahead = io.BytesIO(b"not this" + body)
    ahead.seek(8)
    assert (await client.upload(ahead, bucket=cluster.bucket)).sha256 == by_path.sha256
    reader, writer = os.pipe()
    feeder = threading.Thread(target=_feed, args=(writer, body))
    feeder.start()
    with os.fdopen(reader, "rb") as stream:
        streamed = await client.upload(stream, bucket=cluster.bucket)
    feeder.join()
    assert streamed.sha256 == by_path.sha256


def _feed(writer: int, body: bytes) -> None:
    with os.fdopen(writer, "wb") as stream:
        stream.write(body)


async def test_progress_ends_with_all_bytes_sent(client, cluster):
    body, seen = picture(size=(600, 500)), []
    await client.upload(body, bucket=cluster.bucket, progress=lambda sent, total: seen.append((sent, total)))
    assert seen[0] == (0, len(body))
    assert seen[-1] == (len(body), len(body))
    assert [sent for sent, _ in seen] == sorted(sent for sent, _ in seen)


async def test_the_position_decides_which_node_is_nearest(client, cluster):
    asset = await client.upload(picture(), bucket=cluster.bucket)
    await client.wait_replicated(asset.asset_id, timeout=ARRIVED)
    for region in ("eu-central", "us-east", "ap-southeast"):
        assert (await client.url(asset.asset_id, region=region)).region == region
    tokyo = await client.url(asset.asset_id, position=Position(35.7, 139.7))
    assert tokyo.region == "ap-southeast"
    assert {other.region for other in tokyo.alternatives} == {"eu-central", "us-east"}
    async with AsyncClient(cluster.query_urls, cluster.api_key, region="us-east") as there:
        assert (await there.url(asset.asset_id)).region == "us-east"
        assert (await there.url(f"{cluster.bucket}/{asset.handle}")).region == "us-east"
        uploaded = await there.upload(picture(), bucket=cluster.bucket)
        found = await there.wait_replicated(uploaded.asset_id, timeout=ARRIVED)
        assert "us-east" in found.regions


async def test_many_are_resolved_in_order_each_with_its_own_error(client, cluster, folder):
    asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "r")
    await client.wait_replicated(asset.asset_id, timeout=ARRIVED)
    items = [asset.asset_id, "0" * 26, f"{cluster.bucket}/{folder}r", f"{cluster.bucket}/{asset.handle}"]
    first, missing, named, by_handle = await client.resolve(items, region="eu-central")
    assert isinstance(missing, NotFound)
    for found in (first, named, by_handle):
        assert isinstance(found, Resolved)
        assert found.sha256 == asset.sha256
    assert await client.resolve([]) == ()
    assert await client.resolve([parse_reference(asset.asset_id)])


async def test_a_listing_goes_over_all_pages_and_stops_at_its_limit(client, cluster, folder):
    for number in range(5):
        asset = await client.upload(picture(), bucket=cluster.bucket, public_id=f"{folder}{number}")
        await client.wait_replicated(asset.asset_id, regions=1, timeout=ARRIVED)
    names = [f"{folder}{number}" for number in range(5)]
    assert [found.public_id async for found in client.list(cluster.bucket, folder)] == names
    assert [found.public_id async for found in client.list(cluster.bucket, folder, limit=3)] == names[:3]
    assert [found async for found in client.list(cluster.bucket, folder, limit=0)] == []


async def test_a_download_writes_the_file_whole_and_leaves_nothing_beside_it(client, cluster, tmp_path):
    body = picture(size=(700, 500))
    asset = await client.upload(body, bucket=cluster.bucket)
    await client.wait_replicated(asset.asset_id, timeout=ARRIVED)
    target = tmp_path / "out"
    target.mkdir()
    found = await client.download(asset.asset_id, target / "copy.png")
    assert found.sha256 == asset.sha256
    assert [path.name for path in target.iterdir()] == ["copy.png"]
    assert (target / "copy.png").read_bytes() == body
    with pytest.raises(TooLarge):
        await client.get(asset.asset_id, max_bytes=len(body) - 1)


async def test_a_deleted_asset_is_gone(client, cluster, folder):
    for reference in (None, f"{cluster.bucket}/{folder}d"):
        asset = await client.upload(picture(), bucket=cluster.bucket, public_id=folder + "d")
        await client.wait_replicated(asset.asset_id, timeout=ARRIVED)
        assert (await client.delete(reference or asset.asset_id)).asset_id == asset.asset_id
        async with asyncio.timeout(ARRIVED):
            await _gone(client, asset.asset_id)


async def _gone(client: AsyncClient, asset_id: str) -> None:
    """Until no query service has it any more."""
    while True:
        try:
            await client.asset(asset_id)
        except NotFound:
            return
        await asyncio.sleep(0.05)


async def test_the_cluster_describes_itself(client, cluster):
    nodes = await client.nodes()
    assert {node.region for node in nodes} == {"eu-central", "us-east", "ap-southeast"}
    assert {node.health for node in nodes} == {"healthy"}
    (replica_set,) = await client.sets()
    assert {member.node for member in replica_set.members} == {node.name for node in nodes}
    assert {region.name for region in await client.regions()} == {node.region for node in nodes}
    assert cluster.bucket in {bucket.name for bucket in await client.buckets()}


async def test_a_bucket_is_made_and_listed(client, folder):
    name = "b-" + folder.strip("/")
    made = await client.create_bucket(name, "private")
    assert (made.name, made.visibility) == (name, "private")
    assert made in await client.buckets()


async def test_errors_of_the_services_come_back_as_their_classes(client, cluster):
    with pytest.raises((NotAnImage, Undecodable)):
        await client.upload(b"no picture at all", bucket=cluster.bucket)
    with pytest.raises(NotFound):
        await client.asset("0" * 26)
    with pytest.raises(NotFound):
        await client.upload(picture(), bucket="no-such-bucket")
    with pytest.raises(BadName):
        await client.upload(picture(), bucket=cluster.bucket, public_id="../etc/passwd")
    async with AsyncClient(cluster.query_urls, "x" * 43) as stranger:
        with pytest.raises(Unauthorized):
            await stranger.nodes()


async def test_many_files_are_uploaded_each_with_its_own_result(client, cluster, folder, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("in/b.png", "in/deep/a.png", "in/.hidden.png", "in/notes.txt"):
        (tmp_path / name).write_bytes(picture())
    (tmp_path / "in" / "bad.jpg").write_bytes(b"junk")
    seen: list[UploadProgress] = []
    results = await client.upload_many(
        [tmp_path / "in", tmp_path / "missing.png"],
        bucket=cluster.bucket,
        parallel=2,
        prefix=folder,
        progress=seen.append,
    )
    names = {result.path.name: result.asset.public_id for result in results if result.asset}
    assert names == {"b.png": folder + "b", "a.png": folder + "deep/a"}
    failed = {result.path.name: result.error for result in results if result.error}
    assert set(failed) == {"bad.jpg", "missing.png"}
    assert sum(report.result is not None for report in seen) == 4


async def test_the_synchronous_client_works_where_a_loop_runs_and_from_threads(cluster, folder):
    # here a loop runs: a blocking call in it must work all the same
    with Client(cluster.query_urls, cluster.api_key) as client:
        body = picture()
        asset = client.upload(body, bucket=cluster.bucket, public_id=folder + "sync")
        client.wait_replicated(asset.asset_id, timeout=ARRIVED)
        copies: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: copies.append(client.get(asset.asset_id))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert copies == [body] * 4
        assert [found.public_id for found in client.list(cluster.bucket, folder)] == [folder + "sync"]
        with pytest.raises(NotFound):
            client.asset("0" * 26)
    with pytest.raises(RuntimeError, match="closed"):
        client.nodes()


def test_a_client_of_a_local_cluster_needs_its_directory_only(cluster, tmp_path):
    with Client.from_cluster(cluster.directory) as client:
        assert len(client.nodes()) == 3
    path = Path(cluster.directory, "cluster.json")
    with Client.from_cluster(path, region="us-east") as client:
        assert len(client.regions()) == 3
