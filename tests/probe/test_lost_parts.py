"""Stories: parts of a node's disk are lost, corrupted or set back, and it mends itself from what is left."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from atoll.client.async_client import AsyncClient
from atoll.local.cluster import LocalCluster
from probe.command import atoll
from probe.repair_story import all_complete, delete, empty_catalog, gone, outboxes_empty, wipe_streams
from probe.story import AP, EU, NODES, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SETTINGS = {
    "storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1, "ram_cache_bytes": 0},
    "replicator": {"repair_seconds": 1.0, "repair_grace_seconds": 1.0, "wanted_seconds": 0.5},
}
_seeds = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    directory = tmp_path_factory.mktemp("lost-parts")
    async with (
        LocalCluster(directory, environ=dict(os.environ), extra=SETTINGS, known_ports=False) as cluster,
        aiohttp.ClientSession() as session,
    ):
        yield Story(cluster, session)


async def _uploads(story: Story, node: str, number: int = 6) -> list[Stored]:
    stored = [await story.upload(node, picture(next(_seeds))) for _ in range(number)]
    await story.everywhere(stored)
    return stored


async def _with_deletes(story: Story) -> tuple[list[Stored], list[Stored]]:
    """What lives, and what was deleted everywhere."""
    kept, doomed = await _uploads(story, AP), await _uploads(story, AP, 3)
    for one in doomed:
        await delete(story, one)
    await gone(story, doomed)
    return kept, doomed


async def _read_everywhere(story: Story, stored: list[Stored]) -> None:
    for one in stored:
        for node in NODES:
            assert await story.read(node, one.path) == (200, one.body)


async def _whole(story: Story, kept: list[Stored], doomed: list[Stored]) -> None:
    """All is everywhere, by the nodes' own hashing now; nothing deleted is back."""
    await story.everywhere(kept)

    async with AsyncClient([story.query], story.cluster.admin_key) as client:
        for one in kept:

            async def proven(s: Stored = one) -> bool:
                return (await client.operations.verify(s.asset_id, deep=True)).proven

            await eventually(proven, f"{one.sha256} cannot be proven", 60)
    await gone(story, doomed, 5)
    await _read_everywhere(story, kept)


def _blob_files(story: Story, node: str) -> list[Path]:
    return sorted(story.cluster.paths.data(node).glob("blobs/*/*/*/*"))


def _index_files(story: Story, node: str) -> list[Path]:
    return list(story.cluster.paths.data(node).glob("index.db*"))


def _lose_index(story: Story, node: str) -> None:
    files = _index_files(story, node)
    assert files
    for file in files:
        file.unlink()


async def test_a_lost_index_is_made_anew_from_the_disk_with_no_peer_and_no_stream(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    await outboxes_empty(story)
    others = [name for node in (EU, US) for name in (node, f"{node}-replicator")]
    for name in (*others, AP):
        await story.cluster.daemons[name].stop()
    await wipe_streams(story)
    _lose_index(story, AP)
    try:
        await story.cluster.daemons[AP].start()
        for one in kept:
            await eventually(lambda s=one: story.holds(AP, s.sha256), f"it does not find {one.sha256}")
            assert await story.read(AP, one.path) == (200, one.body)
        for one in doomed:
            assert not await story.holds(AP, one.sha256)
    finally:
        for name in others:
            await story.cluster.daemons[name].start()
    await _whole(story, kept, doomed)


@pytest.mark.parametrize("where", ["its first page", "its middle", "everywhere"])
async def test_a_corrupted_index_is_set_aside_and_made_anew(story: Story, where: str) -> None:
    kept, doomed = await _with_deletes(story)
    await story.cluster.daemons[AP].stop()
    path = story.cluster.paths.data(AP) / "index.db"
    body = bytearray(path.read_bytes())
    rng = random.Random(where)
    middle = len(body) // 2 // 4096 * 4096
    start, end = {"its first page": (0, 4096), "its middle": (middle, middle + 8192)}.get(
        where, (0, len(body))
    )
    body[start:end] = rng.randbytes(end - start)
    path.write_bytes(body)
    await story.cluster.daemons[AP].start()
    await _whole(story, kept, doomed)
    await all_complete(story)


async def test_an_index_and_a_journal_that_are_both_lost_are_filled_by_the_peers(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    await outboxes_empty(story)
    await story.cluster.daemons[AP].stop()
    await wipe_streams(story)
    _lose_index(story, AP)
    shutil.rmtree(story.cluster.paths.data(AP) / "journal")
    await story.cluster.daemons[AP].start()
    await _whole(story, kept, doomed)


async def test_a_journal_that_is_lost_alone_is_begun_anew(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    await story.cluster.daemons[AP].stop()
    shutil.rmtree(story.cluster.paths.data(AP) / "journal")
    await story.cluster.daemons[AP].start()
    await _whole(story, kept, doomed)
    await story.cluster.daemons[AP].stop()
    _lose_index(story, AP)  # the new journal is good for what the old one was
    await story.cluster.daemons[AP].start()
    await _whole(story, kept, doomed)


async def test_an_index_set_back_to_an_old_copy_is_brought_up_to_its_journal(
    story: Story, tmp_path: Path
) -> None:
    early = await _uploads(story, AP, 3)
    await story.cluster.daemons[AP].stop()
    for file in _index_files(story, AP):
        shutil.copy(file, tmp_path)
    await story.cluster.daemons[AP].start()
    kept, doomed = await _with_deletes(story)
    await delete(story, early[0])
    await gone(story, early[:1])
    await story.cluster.daemons[AP].stop()
    _lose_index(story, AP)
    for file in tmp_path.glob("index.db*"):
        shutil.copy(file, story.cluster.paths.data(AP))
    await story.cluster.daemons[AP].start()
    await _whole(story, [*kept, *early[1:]], [*doomed, early[0]])


@pytest.mark.parametrize("share", ["some files", "one folder", "all of it"])
async def test_a_blobs_directory_lost_in_part_is_filled_by_the_peers(story: Story, share: str) -> None:
    kept, doomed = await _with_deletes(story)
    files = _blob_files(story, AP)
    folders = {file.parent for file in files if file.name.startswith(kept[0].sha256)}
    lost = {
        "some files": files[::2],
        "one folder": [f for f in files if f.parent in folders],
        "all of it": files,
    }
    for file in lost[share]:
        file.unlink()
    await _whole(story, kept, doomed)

    async def all_back() -> bool:
        await atoll(story.cluster, "verify", "--all", "--deep")  # finds what nobody has read yet
        return {file.name for file in _blob_files(story, AP)} == {file.name for file in files}

    await eventually(all_back, "what was lost does not come back", 60)


async def test_a_whole_blobs_directory_that_is_gone_is_made_again(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    await story.cluster.daemons[AP].stop()
    shutil.rmtree(story.cluster.paths.data(AP) / "blobs")
    await story.cluster.daemons[AP].start()
    await _whole(story, kept, doomed)


async def test_copies_damaged_on_two_nodes_at_once_come_back_from_the_third(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    for node in (AP, US):
        for file in _blob_files(story, node):
            if any(file.name.startswith(one.sha256) for one in kept):
                body = bytearray(file.read_bytes())
                body[len(body) // 2] ^= 0x20
                file.chmod(0o644)
                file.write_bytes(body)
    await _read_everywhere(story, kept)
    await _whole(story, kept, doomed)


async def test_a_lost_state_directory_costs_nothing(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    for name in (AP, f"{AP}-replicator", "query-eu-central", "monitor"):
        await story.cluster.daemons[name].stop()
        shutil.rmtree(story.cluster.paths.state(name), ignore_errors=True)
        await story.cluster.daemons[name].start()
    kept += await _uploads(story, AP, 2)
    await _whole(story, kept, doomed)


async def test_streams_wiped_catalog_emptied_and_one_disk_lost_at_the_same_time(story: Story) -> None:
    kept, doomed = await _with_deletes(story)
    await outboxes_empty(story)
    await story.cluster.daemons[US].stop()
    await wipe_streams(story)
    empty_catalog(story)
    shutil.rmtree(story.cluster.paths.data(US))
    await story.cluster.daemons[US].start()
    await _whole(story, kept, doomed)
    assert (await atoll(story.cluster, "catalog", "rebuild"))[0] == 0
    for one in kept:
        await eventually(lambda s=one: story.in_catalog(s.asset_id, len(NODES)), "the catalog lacks it")
