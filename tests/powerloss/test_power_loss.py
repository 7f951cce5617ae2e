"""Stories of a node that loses its power: what it acknowledged is there afterwards, and it starts.

The cut comes before one change on the disk, drawn from the story's seed: while uploads, pulls, deletes and
restores are under way, or while the node starts. Some cuts are preceded by a crash: the node dies, starts
again, and repeats what was in doubt while all that was not synced is still there to deceive it. In every
second cut some of what nobody had ordered to be written was written all the same. The same seed draws the
same deeds and cuts; what the threads make of them differs.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import nats
import pytest
from aftermath import Lost, check_acknowledged, check_disk, check_files, check_leftovers
from deeds import Upload, pulls_from
from node_fixture import DEADLINE, until
from powered_node import PoweredNode
from register import Register
from stage import Stage, staged
from traffic import Traffic, settle, small_picture

from atoll.events import AssetDeleted, BlobStored, Event, open_event, stream_of
from atoll.ids import new_id

pytestmark = pytest.mark.powerloss

CUTS = 8  # in one story; on a machine that is slow, fewer
LONGEST_SECONDS = 25.0  # after which a story makes no more cuts
PULLS_FOR_A_CUT = 12
LAST_CHANGE = 400  # before which the cut comes; of those below one place, of those of a start
LAST_CHANGE_THERE, LAST_CHANGE_OF_A_START = 60, 60
PLACES = ("/", "/blobs", "/incoming", "/index.db", "/trash", "/journal")


def test_what_was_acknowledged_outlives_every_power_cut(disk, tmp_path, nats_url, story_seed, tell):
    register, rng = Register(), random.Random(story_seed)
    with replayable(story_seed), staged(disk, tmp_path, nats_url) as stage:
        stage.peer.start()
        ends_at = time.monotonic() + LONGEST_SECONDS
        for number in range(CUTS):
            if time.monotonic() > ends_at and register.live:
                break
            pulls = pulls_from(stage.peer, [small_picture(rng) for _ in range(PULLS_FOR_A_CUT)])
            when = one_cut(stage, register, Traffic(stage.node, register, pulls), number, rng)
            tell(f"cut {number}: {when}; {len(register.live)} live, {len(register.deleted)} deleted")
            after_a_cut(stage.node, register)
        assert register.live, "nothing was acknowledged in the whole story"
        until(lambda: not stage.node.index("SELECT 1 FROM outbox"))
        asyncio.run(every_acknowledgement_was_told(stage.node, register))


@contextmanager
def replayable(seed: int) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"Again: make powerloss SEED={seed} STORIES=1")
        raise


def one_cut(stage: Stage, register: Register, traffic: Traffic, number: int, rng: random.Random) -> str:
    """Run until the power goes; when it went. The first start and one in five others is cut itself."""
    node, chance = stage.node, rng.randrange(1, 2**31) if number % 2 else 0
    before = ""
    if not node.is_up:
        node.launch()
        if number == 0 or rng.random() < 0.2:
            stage.disk.arm(rng.randrange(LAST_CHANGE_OF_A_START), node.pid, chance)
    if node.wait_until_up():
        before = a_crash(stage, register, traffic, rng) if rng.random() < 0.4 else ""
        changes, where = a_change(rng)
        stage.disk.arm(0 if before else changes, node.pid, chance, where)
        traffic.run(f"{number}/{rng.random()}")
    return before + node.lose_power(chance)


def a_change(rng: random.Random) -> tuple[int, str]:
    """Before which one it happens: the how many-th, and where."""
    where = rng.choice(PLACES)
    return rng.randrange(LAST_CHANGE if where in ("/", "/index.db") else LAST_CHANGE_THERE), where


def a_crash(stage: Stage, register: Register, traffic: Traffic, rng: random.Random) -> str:
    """Kill the node during traffic and start it again; what was in doubt is acknowledged now."""
    node = stage.node
    changes, where = a_change(rng)
    stage.disk.arm_crash(changes, node.pid, where)
    traffic.run(f"crash/{rng.random()}")
    when = stage.disk.crash(node.pid)
    node.wait()
    node.start()
    settle(node, register)
    return f"{when}; "


def after_a_cut(node: PoweredNode, register: Register) -> None:
    """The node starts, and everything is as it was acknowledged."""
    check_disk(node)
    node.start()
    check_leftovers(node)
    check_acknowledged(node, register)
    settle(node, register)
    check_acknowledged(node, register)
    check_files(node, register)


async def every_acknowledgement_was_told(node: PoweredNode, register: Register) -> None:
    """The outbox is durable too: each upload and each delete is in the region's stream."""
    events = await all_events(node)
    stored = {event.asset.asset_id for event in events if isinstance(event, BlobStored)}
    gone = {event.tombstone.asset_id for event in events if isinstance(event, AssetDeleted)}
    uploaded = {*register.live, *register.deleted} - register.pulled
    assert uploaded <= stored, f"uploads that nobody was told of: {uploaded - stored}"
    assert register.deleted.keys() <= gone, (
        f"deletes that nobody was told of: {register.deleted.keys() - gone}"
    )


async def all_events(node: PoweredNode) -> list[Event]:
    client = await nats.connect(node.nats_url)
    try:
        js = client.jetstream()
        last = (await js.stream_info(stream_of(node.region))).state.last_seq
        async with asyncio.timeout(DEADLINE):
            found = [await js.get_msg(stream_of(node.region), seq) for seq in range(1, last + 1)]
    finally:
        await client.close()
    return [open_event(m.subject, m.data or b"", m.headers, node.keys) for m in found]


def one_upload_and_a_cut(stage: Stage) -> None:
    """The shortest story: the power goes as soon as the upload is acknowledged."""
    node, register = stage.node, Register()
    node.start()
    asset_id = new_id()
    upload = Upload(asset_id, node.ticket(asset_id=asset_id), small_picture(random.Random(1)))
    register.begin(upload)
    upload.do(node)
    register.acknowledged(upload)
    node.lose_power()
    node.start()
    check_acknowledged(node, register)


def test_an_upload_outlives_a_cut_right_after_its_acknowledgement(disk, tmp_path, nats_url):
    with staged(disk, tmp_path, nats_url) as stage:
        one_upload_and_a_cut(stage)


@pytest.mark.parametrize(
    "forgotten", ["a blob's name", "a new folder's name", "a blob's bytes", "an index commit"]
)
def test_the_same_story_fails_when_one_fsync_is_missing(disk, tmp_path, nats_url, forgotten):
    with staged(disk, tmp_path, nats_url, forgotten) as stage, pytest.raises(Lost):
        one_upload_and_a_cut(stage)
