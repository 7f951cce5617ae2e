"""The replicator when things break: poison, crashes, stops, NATS and its consumers wiped under it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from replicator_stage import new_asset, open_stage, until
from standin_node import slow

from atoll import streams
from atoll.events import BlobStored, parked_subject, seal_event, stream_of, subject_of
from atoll.ids import new_id, now_ms
from atoll.signing import Keys
from replicator import held

pytestmark = pytest.mark.integration


@pytest.fixture
async def stage(engines, tmp_path):
    async with open_stage(engines.urls.nats, tmp_path) as stage:
        yield stage


@pytest.fixture
def short_ack_wait(monkeypatch):
    """So that a redelivery does not take the 30 s it takes in earnest."""
    monkeypatch.setattr(streams, "ACK_WAIT_SECONDS", 1.5)
    monkeypatch.setattr(held, "SIGN_AFTER_SECONDS", 0.5)
    monkeypatch.setattr(held, "CHECK_SECONDS", 0.1)


class Hold:
    """Pulls wait until `release`."""

    def __init__(self):
        self.released = asyncio.Event()

    async def __call__(self, order):
        await self.released.wait()


# --- poison


async def _publish_poison(stage):
    """Six kinds of it, on the subject where uploads come."""
    asset = new_asset(stage.set)
    peer = stage.peers[stage.near.name]
    event = BlobStored(new_id(), now_ms(), peer.name, stage.near.name, stage.set, asset)
    subject, (body, headers) = subject_of(event), seal_event(event, stage.keys)
    unsigned = {k: v for k, v in headers.items() if k != "Atoll-Signature"}
    _, forged = seal_event(event, Keys(b"x" * 32))
    of_two_sets = BlobStored(new_id(), now_ms(), peer.name, stage.near.name, stage.set, new_asset("other"))
    for n, (sent, header) in enumerate(
        [
            (b"\x00garbage\r\n\xff", None),
            (body, unsigned),
            (body, forged),
            (body, headers | {"Atoll-Schema": "2"}),
            (b"x" * 130_920, headers),  # with its headers as large as a stream takes
            seal_event(of_two_sets, stage.keys),
        ]
    ):
        await stage.js.publish(subject, sent, headers={**(header or {}), "Nats-Msg-Id": f"poison-{n}"})
    elsewhere = f"atoll.{stage.near.name}.asset.deleted.{stage.set}"
    await stage.js.publish(elsewhere, body, headers=headers | {"Nats-Msg-Id": "poison-6"})
    return subject


async def test_poison_is_parked_visibly_and_the_rest_flows(stage):
    subject = await _publish_poison(stage)
    good = [await stage.upload(stage.near) for _ in range(5)]
    running = stage.start(parallel_pulls=2)
    await stage.all_answered()
    assert set(stage.node.stored) == {asset.version for asset in good}
    parked = await stage.parked()
    assert len(parked) == 7
    assert {p["Atoll-Parked-Stream"] for p in parked} == {stream_of(stage.near.name)}
    assert {int(p["Atoll-Parked-Seq"]) for p in parked} == set(range(1, 8))
    assert sum(p["Atoll-Parked-Subject"] == subject for p in parked) == 6
    assert all(0 < len(p["Atoll-Parked-Reason"]) <= 200 for p in parked)
    assert any(p["body"] == repr(b"\x00garbage\r\n\xff") for p in parked)
    assert await running.metric(f'atoll_replicator_parked_total{{region="{stage.near.name}"}}') == 7
    assert (await running.status())["state"] == "running"


async def test_poison_that_cannot_be_parked_now_is_kept_until_it_can(stage):
    await stage.wipe(stage.here)
    await _publish_poison(stage)
    good = await stage.upload(stage.near)
    running = stage.start()
    await until(lambda: good.version in stage.node.stored, "the good one")
    await running.shows("the poison waits", lambda s: s["backlog"].get(stage.near.name) == 7)
    assert (await running.status())["parked"] == 0
    await stage.make_stream(stage.here)
    await stage.all_answered()
    assert len(await stage.parked()) == 7


async def test_what_was_parked_before_a_crash_is_not_parked_twice(stage, short_ack_wait, monkeypatch):
    await _publish_poison(stage)
    running = stage.start()

    async def die_before_term(self):
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr("replicator.delivery.Delivery.term", die_before_term)
        await running.shows("all parked", lambda s: s["parked"] == 7)
        await running.crash()
    stage.start()
    await stage.all_answered()
    info = await stage.js.stream_info(
        stream_of(stage.here.name), subjects_filter=parked_subject(stage.here.name, stage.durable)
    )
    assert sum(info.state.subjects.values()) == 7


# --- the replicator ends


async def test_killed_mid_pull_it_ends_exactly_as_if_it_had_run_once(stage, short_ack_wait):
    stage.node.pulling = hold = Hold()
    uploads = [await stage.upload(stage.near) for _ in range(12)]
    running = stage.start(parallel_pulls=4)
    await until(lambda: stage.node.under_way == 4, "pulls under way")
    await running.crash()
    hold.released.set()
    stage.start(parallel_pulls=4)
    await stage.all_answered()
    assert set(stage.node.stored) == {asset.version for asset in uploads}
    assert stage.node.stored_twice == []
    assert stage.node.noted == {}


async def test_a_stop_finishes_pulls_under_way_and_gives_the_waiting_ones_back_at_once(stage):
    stage.node.pulling = hold = Hold()
    uploads = [await stage.upload(stage.near) for _ in range(20)]
    running = stage.start(parallel_pulls=3)
    await running.shows("all held", lambda s: s["held"] == 20)
    ending = asyncio.create_task(running.end())
    await running.shows("stopping", lambda s: s["state"] == "stopping")
    hold.released.set()
    await ending
    assert not running.stop.failed
    assert len(stage.node.stored) == 3
    stage.start()
    await until(lambda: len(stage.node.stored) == 20, "the rest, well before the ack wait", 15.0)
    await stage.all_answered()
    assert len(stage.node.orders) == 20
    assert set(stage.node.stored) == {asset.version for asset in uploads}


async def test_a_pull_that_outlasts_the_stop_is_given_back_too(stage):
    stage.node.pulling = hold = Hold()
    asset = await stage.upload(stage.near)
    running = stage.start(drain_seconds=0.2)
    await until(lambda: stage.node.under_way == 1, "the pull")
    await running.end()
    hold.released.set()
    stage.start()
    await until(lambda: asset.version in stage.node.stored, "the pull, well before the ack wait", 15.0)
    await stage.all_answered()


async def test_a_restart_with_another_window_goes_on_with_the_same_consumer(stage):
    first = await stage.upload(stage.near)
    running = stage.start(window=8)
    await stage.all_answered()
    await running.end()
    second = await stage.upload(stage.near)
    stage.start(window=16)
    await stage.all_answered()
    assert [order.asset.version for order in stage.node.orders] == [first.version, second.version]


async def test_what_is_held_for_longer_than_the_ack_wait_is_not_delivered_again(stage, short_ack_wait):
    stage.node.pulling = hold = Hold()
    uploads = [await stage.upload(stage.near) for _ in range(6)]
    running = stage.start(parallel_pulls=2)
    await running.shows("all held", lambda s: s["held"] == 6)
    loop = asyncio.get_running_loop()
    after_two_waits = loop.time() + 2 * streams.ACK_WAIT_SECONDS
    await until(lambda: loop.time() > after_two_waits, "two ack waits")
    info = await stage.js.consumer_info(stream_of(stage.near.name), stage.durable)
    assert info.num_redelivered == 0
    hold.released.set()
    await stage.all_answered()
    assert len(stage.node.orders) == len(uploads)


# --- NATS breaks


async def test_a_consumer_deleted_under_it_is_made_again(stage):
    running = stage.start()
    before = await stage.upload(stage.near)
    await stage.all_answered()
    await stage.js.delete_consumer(stream_of(stage.near.name), stage.durable)
    after = await stage.upload(stage.near)
    await until(lambda: after.version in stage.node.stored, "the upload after it")
    await stage.all_answered()
    assert before.version in stage.node.stored
    assert stage.node.stored_twice == []
    assert (await running.status())["state"] == "running"


async def test_a_consumer_deleted_while_messages_are_held_costs_nothing(stage):
    stage.node.pulling = hold = Hold()
    uploads = [await stage.upload(stage.near) for _ in range(10)]
    running = stage.start(parallel_pulls=2)
    await running.shows("all held", lambda s: s["held"] == 10)
    await stage.js.delete_consumer(stream_of(stage.near.name), stage.durable)
    hold.released.set()
    await until(lambda: len(stage.node.stored) == 10, "all pulls")
    await stage.all_answered()
    assert set(stage.node.stored) == {asset.version for asset in uploads}


async def test_a_purged_stream_is_read_on(stage):
    stage.node.pulling = hold = Hold()
    for _ in range(5):
        await stage.upload(stage.near)
    running = stage.start(window=2)
    await running.shows("two held", lambda s: s["held"] == 2)
    await stage.js.purge_stream(stream_of(stage.near.name))
    hold.released.set()
    after = await stage.upload(stage.near)
    await until(lambda: after.version in stage.node.stored, "the upload after the purge")
    await stage.all_answered()
    assert len(stage.node.stored) == 3


async def test_a_wiped_stream_is_read_again_once_its_nodes_have_made_it_anew(stage):
    running = stage.start()
    await stage.upload(stage.near)
    await stage.all_answered()
    await stage.wipe(stage.near)
    await running.shows("unknown is not none", lambda s: s["backlog"][stage.near.name] is None)
    meanwhile = await stage.upload(stage.far)
    await until(lambda: meanwhile.version in stage.node.stored, "the other region goes on")
    await stage.make_stream(stage.near)
    after = await stage.upload(stage.near)
    await until(lambda: after.version in stage.node.stored, "the upload in the new stream")
    await stage.all_answered()
    assert stage.node.stored_twice == []


async def test_a_missing_stream_is_logged_once_not_per_try(stage, caplog):
    await stage.wipe(stage.far)
    running = stage.start()
    asset = await stage.upload(stage.near)
    await until(lambda: asset.version in stage.node.stored, "the other region")
    await running.shows("it cannot be asked", lambda s: s["backlog"].get(stage.far.name, 0) is None)
    loop = asyncio.get_running_loop()
    several_tries = loop.time() + 3.0
    await until(lambda: loop.time() > several_tries, "several tries")
    lines = [r for r in caplog.records if f"stream of {stage.far.name} cannot be read" in r.getMessage()]
    assert len(lines) == 1


async def test_with_nats_stopped_and_started_everything_arrives(fresh_nats, tmp_path):
    async with open_stage(fresh_nats.urls.nats, tmp_path) as stage:
        stage.node.pulling = slow(0.05)
        running = stage.start(parallel_pulls=2)
        uploads = [await stage.upload(stage.near) for _ in range(20)]
        await until(lambda: len(stage.node.stored) > 2, "the first pulls")
        await asyncio.to_thread(fresh_nats.stop, "nats")
        await running.shows("no NATS", lambda s: not s["bus_connected"])
        await asyncio.to_thread(fresh_nats.start, "nats")
        await until(lambda: stage.bus.connected, "NATS is back")
        uploads += [await stage.upload(stage.far) for _ in range(20)]
        await stage.all_answered()
        assert set(stage.node.stored) == {asset.version for asset in uploads}
        assert stage.node.stored_twice == []
        assert (await running.status())["parked"] == 0


async def test_started_without_nats_it_waits_and_says_so(stage, tmp_path):
    running = stage.start(nats_url="nats://127.0.0.1:9", state_dir=tmp_path / "nothing-known")
    await running.shows("waiting", lambda s: s["state"] == "waiting" and not s["bus_connected"])
    await running.end()
    assert not running.stop.failed


# --- the command


def test_settings_with_mistakes_end_with_all_of_them_named(tmp_path):
    settings = tmp_path / "r.toml"
    settings.write_text('node = "Not A Name"\nparallel_pulls = 0\n')
    command = [sys.executable, "-m", "replicator", "--settings", str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": ""})
    assert done.returncode == 2
    for name in ("node", "parallel_pulls", "listen_port", "cluster_secret_file"):
        assert f"- {name}:" in done.stderr
    assert "Traceback" not in done.stderr
