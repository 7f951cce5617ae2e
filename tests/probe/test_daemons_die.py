"""Stories: replicators, query services and the monitor are killed in the middle of each thing they do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from atoll.local.cluster_plan import BUCKET
from probe.command import atoll
from probe.repair_story import all_complete, delete, empty_catalog, gone, outboxes_empty, wipe_streams
from probe.rigged_cluster import RiggedStory, rigged_story, unanswered
from probe.story import AP, EU, NODES, US, Stored, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

REPLICATOR = f"{US}-replicator"
SETTINGS = {
    "storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1},
    "replicator": {"repair_seconds": 1.0, "repair_grace_seconds": 1.0},
    # Any disk is fuller than this: the monitor has something to say from its first look on.
    "monitor": {"warning_percent": 1.0, "critical_percent": 100.0, "clear_points": 0.5},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RiggedStory]:
    async with rigged_story(tmp_path_factory.mktemp("dying"), SETTINGS) as running:
        yield running


async def _known_everywhere(story: RiggedStory, stored: list[Stored]) -> None:
    await story.everywhere(stored)
    for one in stored:
        await eventually(lambda s=one: story.in_catalog(s.asset_id, len(NODES)), "the catalog lacks it")


# Replicators


@pytest.mark.parametrize("phase", ["event came", "pull to be ordered", "pull done"])
async def test_a_replicator_killed_over_a_pull_pulls_it_in_its_next_life(
    story: RiggedStory, phase: str
) -> None:
    async with story.dies(REPLICATOR, phase):
        stored = [await story.upload(EU, picture(n)) for n in range(5)]
    await story.everywhere(stored)


@pytest.mark.parametrize("phase", ["tombstone to be applied", "tombstone applied"])
async def test_a_replicator_killed_over_a_tombstone_applies_it_in_its_next_life(
    story: RiggedStory, phase: str
) -> None:
    one = await story.upload(EU, picture(len(phase)))
    await _known_everywhere(story, [one])
    async with story.dies(REPLICATOR, phase):
        order = {"asset_id": one.asset_id, "bucket": BUCKET, "public_id": one.asset_id, "set": "s1"}
        assert (await story.internal(EU, "POST", "/internal/v1/deletes", order))[0] == 200
    await gone(story, [one])


@pytest.mark.parametrize("phase", ["comparing", "mend ordered"])
async def test_a_replicator_killed_over_a_comparison_mends_in_its_next_life(
    story: RiggedStory, phase: str
) -> None:
    await story.cluster.daemons[REPLICATOR].stop()
    stored = [await story.upload(EU, picture(100 + len(phase) + n)) for n in range(3)]
    await outboxes_empty(story)
    await wipe_streams(story)
    await story.starts_and_dies(REPLICATOR, phase)
    await story.everywhere(stored)
    await all_complete(story)


# Query services


async def _ask(story: RiggedStory, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """The first query service, and the second when the first dies over it: what a client library does."""
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    for url in story.queries:
        with unanswered:
            async with story.session.request(method, url + path, headers=headers, **options) as response:
                return response.status, await response.json()
    raise AssertionError("no query service answers")


async def test_a_query_service_killed_with_a_ticket_in_hand_costs_the_client_one_retry(
    story: RiggedStory,
) -> None:
    async with story.dies("query-eu-central", "ticket signed"):
        status, ticket = await _ask(story, "POST", "/v1/uploads", json={"bucket": BUCKET})
        assert status == 201
        one = await story.put(ticket, picture(200))
    await _known_everywhere(story, [one])


@pytest.mark.parametrize("phase", ["event came", "event indexed"])
async def test_a_query_service_killed_over_an_event_has_it_in_the_catalog_in_its_next_life(
    story: RiggedStory, phase: str
) -> None:
    other = story.cluster.daemons["query-us-east"]
    await other.stop()  # or it would be the one that takes the event
    try:
        tickets = [await story.ticket_for(EU) for _ in range(3)]
        async with story.dies("query-eu-central", phase):
            stored = [await story.put(t, picture(300 + len(phase) + n)) for n, t in enumerate(tickets)]
        await _known_everywhere(story, stored)
    finally:
        await other.start()


@pytest.mark.parametrize("phase", ["delete to be sent", "delete done"])
async def test_a_query_service_killed_over_a_delete_costs_the_client_one_retry(
    story: RiggedStory, phase: str
) -> None:
    one = await story.upload(EU, picture(400 + len(phase)))
    await _known_everywhere(story, [one])
    async with story.dies("query-eu-central", phase):
        status, answer = await _ask(story, "DELETE", f"/v1/assets/{one.asset_id}")
        assert status in {200, 404}, answer  # 404: the first order was carried out
    await gone(story, [one])


async def test_a_query_service_killed_over_a_url_costs_the_client_one_retry(story: RiggedStory) -> None:
    one = await story.upload(EU, picture(500))
    await _known_everywhere(story, [one])
    async with story.dies("query-eu-central", "a url asked for"):
        status, answer = await _ask(story, "GET", f"/v1/assets/{one.asset_id}/url?region=eu-central")
        assert (status, answer["node"]) == (200, EU)
        async with story.session.get(answer["url"]) as response:
            assert await response.read() == one.body


async def test_a_query_service_killed_in_the_middle_of_a_proof_makes_no_false_one(story: RiggedStory) -> None:
    stored = [await story.upload(node, picture(600 + n)) for n, node in enumerate(NODES)]
    await _known_everywhere(story, stored)
    (file,) = story.cluster.paths.data(AP).glob(f"blobs/*/*/*/{stored[0].sha256}.*")
    async with story.dies("query-eu-central", "branch verified"):
        file.unlink()
        code, proof = await atoll(story.cluster, "verify", "--all", "--deep")
        assert (code, proof["complete"]) != (0, True)

    async def proven() -> bool:
        code, proof = await atoll(story.cluster, "verify", "--all", "--deep")
        return (code, proof["complete"]) == (0, True)

    await eventually(proven, "the lost copy does not come back", 60)


async def test_a_query_service_killed_over_a_catalog_rebuild_ends_it_in_another_go(
    story: RiggedStory,
) -> None:
    stored = [await story.upload(node, picture(700 + n)) for n, node in enumerate(NODES)]
    await _known_everywhere(story, stored)
    await outboxes_empty(story)
    await wipe_streams(story)
    empty_catalog(story)
    async with story.dies("query-eu-central", "catalog compared"):
        await atoll(story.cluster, "catalog", "rebuild")

    async def rebuilt() -> bool:
        return (await atoll(story.cluster, "catalog", "rebuild"))[0] == 0

    await eventually(rebuilt, "the catalog is not rebuilt", 60)
    for one in stored:
        assert await story.in_catalog(one.asset_id, len(NODES))


@pytest.mark.parametrize(
    "phase", ["bucket to be emptied", "bucket emptied", "bucket's end confirmed", "bucket's end noted"]
)
async def test_a_query_service_killed_over_the_end_of_a_bucket_ends_it_in_its_next_life(
    story: RiggedStory, phase: str
) -> None:
    name = phase.replace(" ", "-").replace("'", "")
    other = story.cluster.daemons["query-us-east"]
    await _ask(story, "PUT", f"/v1/buckets/{name}", json={"visibility": "public"})
    kept = await story.upload(EU, picture(880))
    stored = [await story.put(await story.ticket(EU, bucket=name), picture(881 + n)) for n in range(4)]
    await other.stop()  # or it would do the work
    async with story.dies("query-eu-central", phase):
        with contextlib.suppress(
            AssertionError
        ):  # it may be killed before it answers: the wish is in the map
            await _ask(story, "DELETE", f"/v1/buckets/{name}?force=true")
    await other.start()

    async def deletion() -> dict[str, Any]:
        return dict((await _ask(story, "GET", f"/v1/buckets/{name}/deletion"))[1])

    async def over() -> bool:
        return (await deletion())["state"] == "deleted"

    await eventually(over, "the bucket does not end", 60)
    told = await deletion()
    assert (told["assets"], told["left"]) == (len(stored), 0)
    assert {r["node"] for r in told["receipts"] if r["confirmed"]} == set(NODES)
    assert (await _ask(story, "GET", f"/v1/buckets/{name}"))[0] == 404
    for one in stored:
        assert (await story.read(EU, one.path))[0] in {404, 410}
    assert (await story.read(EU, kept.path))[0] == 200, "another bucket is as it was"


# Drain


@contextlib.asynccontextmanager
async def _draining(story: RiggedStory, node: str) -> AsyncIterator[None]:
    await _turn(story, node, "draining")
    try:
        yield
    finally:
        await _turn(story, node, "active")


async def _turn(story: RiggedStory, node: str, state: str) -> None:
    status, answer = await _ask(story, "PATCH", f"/v1/nodes/{node}", json={"state": state, "force": True})
    assert status == 200, answer


async def _drained(story: RiggedStory, node: str) -> bool:
    status, progress = await _ask(story, "GET", f"/v1/nodes/{node}/drain")
    return status == 200 and bool(progress["done"])


@pytest.mark.parametrize("whom", ["the node that drains", "a node that takes over", "the query service"])
async def test_whoever_is_killed_during_a_drain_it_is_done_only_when_all_is_elsewhere(
    story: RiggedStory, whom: str
) -> None:
    stored = [await story.upload(EU, picture(800 + len(whom) + n)) for n in range(3)]
    await outboxes_empty(story)
    daemon, phase = {
        "the node that drains": (EU, "digests asked for"),
        "a node that takes over": (AP, "digests asked for"),
        "the query service": ("query-eu-central", "drain to be proven"),
    }[whom]
    async with _draining(story, EU):
        async with story.dies(daemon, phase):
            await _drained(story, EU)
        await eventually(lambda: _drained(story, EU), "the drain does not end")
        for one in stored:
            assert await story.holds(US, one.sha256)
            assert await story.holds(AP, one.sha256)


async def test_a_drain_is_not_done_while_the_node_cannot_be_asked(story: RiggedStory) -> None:
    async with _draining(story, EU):
        await eventually(lambda: _drained(story, EU), "the drain does not end")
        await story.cluster.daemons[EU].kill(restart=False)
        try:
            assert not await _drained(story, EU)
        finally:
            await story.cluster.daemons[EU].start()
        await eventually(lambda: _drained(story, EU), "the drain does not end")


# Monitor


async def _from_the_monitor(story: RiggedStory, path: str) -> Any:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    async with story.session.get(story.cluster.url("monitor") + path, headers=headers) as response:
        return await response.json()


@pytest.mark.parametrize("phase", ["looking", "alert to be remembered", "alert remembered"])
async def test_a_monitor_killed_over_an_alert_raises_it_in_its_next_life(
    story: RiggedStory, phase: str
) -> None:
    monitor = story.cluster.daemons["monitor"]
    await monitor.stop()
    (story.cluster.paths.state("monitor") / "alerts.json").unlink(missing_ok=True)
    await story.starts_and_dies("monitor", phase)

    async def raised() -> bool:
        alerts = (await _from_the_monitor(story, "/v1/alerts"))["alerts"]
        (channel,) = (await _from_the_monitor(story, "/v1/channels"))["channels"]
        return {alert["name"] for alert in alerts} >= set(NODES) and channel["told"] >= len(alerts)

    await eventually(raised, "the alert is not raised")


async def test_a_killed_monitor_sees_every_node_again_at_once_and_nobody_missed_it(
    story: RiggedStory,
) -> None:
    await story.cluster.daemons["monitor"].kill(restart=False)
    one = await story.upload(EU, picture(900))
    await story.everywhere([one])
    await story.cluster.daemons["monitor"].start()

    async def all_up() -> bool:
        nodes = (await _from_the_monitor(story, "/v1/nodes"))["nodes"]
        return [node["state"] for node in nodes] == ["healthy"] * len(NODES)

    await eventually(all_up, "the monitor does not see the nodes")


async def test_all_daemons_killed_at_once_come_back_with_everything(story: RiggedStory) -> None:
    stored = [await story.upload(node, picture(1000 + n)) for n, node in enumerate(NODES)]
    doomed, *kept = stored
    await delete(story, doomed)
    await asyncio.gather(*(process.kill(restart=False) for process in story.cluster.daemons.values()))
    await asyncio.gather(*(process.start() for process in story.cluster.daemons.values()))
    await story.everywhere(kept)
    await gone(story, [doomed])
