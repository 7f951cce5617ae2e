"""Stories: operators delete, restore, prove, drain, rebuild and back up, and are never lied to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atoll import Client
from atoll.client.async_client import AsyncClient
from atoll.errors import AtollError, Conflict, NotFound
from atoll.local.cluster import LocalCluster
from probe.command import atoll
from probe.repair_story import another_node, empty_catalog, gone, outboxes_empty, wipe_streams
from probe.story import AP, BUCKET, EU, NODES, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@asynccontextmanager
async def client_of(story: Story) -> AsyncIterator[AsyncClient]:
    async with AsyncClient([story.query], story.cluster.admin_key) as client:
        yield client


def _files(story: Story, node: str, sha256: str) -> list[Path]:
    """Every file with these bytes' name, wherever it lies."""
    return [path for path in story.cluster.paths.data(node).rglob(f"*{sha256}*") if path.is_file()]


async def _everywhere_known(story: Story, stored: list[Stored]) -> None:
    await story.everywhere(stored)
    for one in stored:
        await eventually(lambda s=one: story.in_catalog(s.asset_id, len(NODES)), "the catalog lacks it")


async def _receipt_says(client: AsyncClient, asset_id: str, state: str) -> None:
    async def said() -> bool:
        receipt = await client.operations.receipt(asset_id)
        return (receipt.state, receipt.complete) == (state, True)

    await eventually(said, f"not every node testifies: {state}")


async def test_the_synchronous_client_proves_an_image(story: Story) -> None:
    one = await story.upload(EU, picture(77))
    await _everywhere_known(story, [one])

    def proven() -> bool:
        with Client([story.query], story.cluster.admin_key) as client:
            return client.operations.verify(one.asset_id, deep=True).proven

    assert await asyncio.to_thread(proven)


async def test_a_deleted_image_is_restored_from_the_trash_and_every_region_testifies(story: Story) -> None:
    one = await story.upload(EU, picture(1))
    await _everywhere_known(story, [one])
    async with client_of(story) as client:
        await _receipt_says(client, one.asset_id, "stored")
        await client.delete(one.asset_id)
        await _receipt_says(client, one.asset_id, "deleted")
        for node in NODES:
            assert (await story.read(node, one.path))[0] in {404, 410}
            assert not list(story.cluster.paths.data(node).glob(f"blobs/**/{one.sha256}*"))
        receipt = await client.operations.receipt(one.asset_id)
        assert all(r.removed_at and r.erased_at is None for n in receipt.nodes for r in n.removed)
        code, listed = await atoll(story.cluster, "ls", "--deleted", "--bucket", BUCKET, "--limit", "1")
        assert (code, listed["asset_id"]) == (0, one.asset_id)  # what was deleted last stays longest

        restored = await client.operations.restore(one.asset_id)
        assert (restored.sha256, restored.asset_id) == (one.sha256, one.asset_id)
        await story.everywhere([one])
        for node in NODES:
            assert await story.read(node, one.path) == (200, one.body)
        await _receipt_says(client, one.asset_id, "stored")
        assert one.asset_id not in [found.asset_id async for found in client.deleted(BUCKET)]


async def test_a_second_delete_after_a_restore_counts_though_the_catalog_knows_nothing(story: Story) -> None:
    one = await story.upload(AP, picture(8))
    await _everywhere_known(story, [one])
    async with client_of(story) as client:
        await client.delete(one.asset_id)
        await _receipt_says(client, one.asset_id, "deleted")
        await client.operations.restore(one.asset_id)
        await _receipt_says(client, one.asset_id, "stored")
        await outboxes_empty(story)
        empty_catalog(story)
        await client.delete(one.asset_id)
        await _receipt_says(client, one.asset_id, "deleted")
    await gone(story, [one])
    assert (await atoll(story.cluster, "catalog", "rebuild"))[0] == 0  # a story leaves the cluster whole


async def test_what_is_erased_at_once_leaves_no_file_and_cannot_be_restored(story: Story) -> None:
    one = await story.upload(US, picture(2))
    await _everywhere_known(story, [one])
    async with client_of(story) as client:
        await client.delete(one.asset_id, trash_seconds=0)
        await _receipt_says(client, one.asset_id, "deleted")

        async def erased() -> bool:
            receipt = await client.operations.receipt(one.asset_id)
            return all(r.erased_at for n in receipt.nodes for r in n.removed)

        await eventually(erased, "not every node has erased it")
        assert not any(_files(story, node, one.sha256) for node in NODES)
        with pytest.raises(AtollError) as refusal:
            await client.operations.restore(one.asset_id)
        assert refusal.value.status == 410


async def test_the_same_bytes_uploaded_after_a_delete_live(story: Story) -> None:
    body = picture(3)
    first = await story.upload(EU, body)
    await _everywhere_known(story, [first])
    async with client_of(story) as client:
        await client.delete(first.asset_id)
        await gone(story, [first])
        second = await story.upload(US, body)
        await _everywhere_known(story, [second])
        await _receipt_says(client, first.asset_id, "deleted")
        await _receipt_says(client, second.asset_id, "stored")


async def test_deleting_one_of_two_assets_with_the_same_bytes_removes_no_bytes(story: Story) -> None:
    body = picture(4)
    first, second = await story.upload(EU, body), await story.upload(AP, body)
    await _everywhere_known(story, [first, second])
    async with client_of(story) as client:
        await client.delete(first.asset_id, trash_seconds=0)
        await _receipt_says(client, first.asset_id, "deleted")
        receipt = await client.operations.receipt(first.asset_id)
        assert all(r.shared for n in receipt.nodes for r in n.removed)
        for node in NODES:
            assert await story.read(node, second.path) == (200, body)
        await _receipt_says(client, second.asset_id, "stored")


async def test_a_proof_names_the_node_that_could_not_be_asked(story: Story) -> None:
    one = await story.upload(EU, picture(5))
    await _everywhere_known(story, [one])
    code, proof = await atoll(story.cluster, "verify", "--all")
    assert (code, proof["complete"]) == (0, True)
    await story.cluster.daemons[AP].stop()
    try:
        code, proof = await atoll(story.cluster, "verify", "--all")
        assert (code, proof["complete"], list(proof["unasked"])) == (1, False, [AP])
        code, verdict = await atoll(story.cluster, "verify", one.asset_id)
        assert (code, verdict["proven"], verdict["receipt"]["unasked"]) == (1, False, [AP])
    finally:
        await story.cluster.daemons[AP].start()


async def test_a_deep_proof_finds_the_flipped_bit_that_a_shallow_one_cannot(story: Story) -> None:
    one = await story.upload(EU, picture(6))
    await _everywhere_known(story, [one])
    (path,) = _files(story, US, one.sha256)
    path.chmod(0o644)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
    code, proof = await atoll(story.cluster, "verify", "--all", "--deep")
    assert code == 1
    assert [(p["node"], p["what"], p["sha256"]) for p in proof["problems"]] == [
        (US, "wrong bytes", one.sha256)
    ]

    async def mended() -> bool:
        return (await atoll(story.cluster, "verify", "--all", "--deep"))[1]["complete"] is True

    await eventually(mended, "the wrong copy is not replaced", 60)
    assert path.read_bytes() == one.body


async def test_a_blob_file_that_vanished_is_found_by_a_deep_proof_and_comes_back(story: Story) -> None:
    one = await story.upload(EU, picture(7))
    await _everywhere_known(story, [one])
    (path,) = _files(story, AP, one.sha256)
    path.unlink()
    code, verdict = await atoll(story.cluster, "verify", "--deep", one.asset_id)
    assert (code, verdict["proven"]) == (1, False)
    await eventually(lambda: asyncio.to_thread(path.exists), "the file does not come back", 60)
    assert path.read_bytes() == one.body


async def test_the_catalog_is_rebuilt_from_the_nodes(story: Story) -> None:
    stored = [await story.upload(node, picture(20 + n)) for n, node in enumerate(NODES)]
    await _everywhere_known(story, stored)
    await outboxes_empty(story)

    async def agree() -> bool:  # the indexer may still be busy with what came before
        code, check = await atoll(story.cluster, "catalog", "check")
        return (code, check["agree"], check["missing"]) == (0, True, 0)

    await eventually(agree, "catalog and nodes do not agree")
    await wipe_streams(story)
    empty_catalog(story)
    code, check = await atoll(story.cluster, "catalog", "check")
    assert (code, check["agree"]) == (1, False)
    assert check["missing"] >= len(stored)
    code, rebuilt = await atoll(story.cluster, "catalog", "rebuild")
    assert (code, rebuilt["agree"]) == (0, True)
    for one in stored:
        assert await story.in_catalog(one.asset_id, len(NODES))
    assert (await atoll(story.cluster, "catalog", "check"))[0] == 0


async def test_a_ghost_in_the_catalog_is_found_and_removed(story: Story) -> None:
    one = await story.upload(EU, picture(30))
    await _everywhere_known(story, [one])
    async with client_of(story) as client:
        for name in story.cluster.names("query_service"):
            await story.cluster.daemons[name].stop()  # nobody indexes the delete
        await _bury(story, one)
        await gone(story, [one])
        await outboxes_empty(story)
        await wipe_streams(story)
        for name in story.cluster.names("query_service"):
            await story.cluster.daemons[name].start()
        code, check = await atoll(story.cluster, "catalog", "check")
        assert (code, check["ghosts"]) == (1, 1)
        assert (await atoll(story.cluster, "catalog", "rebuild"))[0] == 0
        with pytest.raises(NotFound):
            await client.asset(one.asset_id)


async def _bury(story: Story, one: Stored) -> None:
    """A delete that reaches the nodes without a query service."""
    order = {"asset_id": one.asset_id, "bucket": BUCKET, "public_id": one.asset_id, "set": "s1"}
    for node in NODES:
        assert (await story.internal(node, "POST", "/internal/v1/deletes", order))[0] == 200


async def test_a_node_is_drained_replaced_and_removed_and_does_no_harm_when_it_comes_back(
    story: Story,
) -> None:
    stored = [await story.upload(EU, picture(40 + n)) for n in range(5)]
    await _everywhere_known(story, stored)
    async with client_of(story) as client:
        with pytest.raises(Conflict, match="confirmed"):
            await client.operations.change_node(EU, "removed")
        async with another_node(story, "eu-central-2") as url:
            code, done = await atoll(story.cluster, "node", "replace", EU, "eu-central-2", "--timeout", "60")
            assert (code, done) == (0, {"node": EU, "state": "replaced"})
            for one in stored:
                assert await story.holds_at(url, "eu-central-2", one.sha256)
            status, _ = await story.read(EU, stored[0].path)
            assert status == 410
            await story.cluster.daemons[EU].stop()
            await story.cluster.daemons[EU].start()
            assert (await story.read(EU, stored[0].path))[0] == 410
            answer = await client.url(stored[0].asset_id, region="eu-central")
            assert answer.node == "eu-central-2"
            code, proof = await atoll(story.cluster, "verify", "--all")
            assert (code, proof["complete"]) == (0, True)
            await client.operations.change_node(US, "draining")
            with pytest.raises(Conflict, match="region"):
                await client.operations.change_node(AP, "draining")
            await client.operations.change_node(US, "active")


async def test_a_backup_opens_an_empty_cluster_to_the_keys_of_the_old_one(
    story: Story, tmp_path: Path
) -> None:
    phrase, file = tmp_path / "phrase", tmp_path / "cluster.atoll"
    phrase.touch(mode=0o600)
    phrase.write_text("a passphrase long enough\n")
    async with client_of(story) as client:
        await client.create_bucket("holidays", "private")
        await client.operations.seal_set("s1", sealed=True)
        code, _ = await atoll(story.cluster, "backup", str(file), "--passphrase-file", str(phrase))
        await client.operations.seal_set("s1", sealed=False)
    assert code == 0
    assert b"holidays" not in file.read_bytes()
    old_key = story.cluster.admin_key
    extra = {"storage_node": {"faces": "off", "inspectors": 1}}  # nodes that start faster
    async with LocalCluster(tmp_path / "new", extra=extra, bucket=None, known_ports=False) as new:
        code, done = await atoll(new, "restore-backup", str(file), "--passphrase-file", str(phrase))
        assert code == 0
        assert "bucket.holidays" in done["restored"]
        query = new.url(new.names("query_service")[0])
        async with AsyncClient([query], old_key) as client:

            async def open_to_the_old_key() -> bool:
                try:
                    return {b.name: b.visibility for b in await client.buckets()}.get("holidays") == "private"
                except AtollError:
                    return False

            await eventually(open_to_the_old_key, "the old key opens nothing")
