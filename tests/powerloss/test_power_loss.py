"""Stories of a node that loses its power: what it acknowledged is there afterwards, and it starts.

The cut comes before one change on the disk, drawn from the story's seed: while uploads, pulls, deletes and
restores are under way, or while the node starts. In every second cut some of what nobody had ordered to be written was
written all the same. The same seed draws the same deeds and cuts; what the threads make of them differs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
import pytest
from aftermath import Lost, check_acknowledged, check_disk, check_files, check_leftovers
from deeds import Upload, pulls_from
from lossy_disk import LossyDisk
from node_fixture import DEADLINE, NodeProcess, new_region, until
from own_nats import OwnNats
from powered_node import PoweredNode, share_secret
from register import Register
from traffic import Traffic, settle, small_picture

from atoll.events import AssetDeleted, BlobStored, Event, open_event, stream_of
from atoll.ids import new_id

pytestmark = pytest.mark.powerloss

CUTS = 8  # in one story
PULLS_FOR_A_CUT = 12
LAST_CHANGE = 400  # before which the cut comes; of those below one place, of those of a start
LAST_CHANGE_THERE, LAST_CHANGE_OF_A_START = 60, 60
PLACES = ("/", "/blobs", "/incoming", "/index.db", "/trash")
QUIET = {"ram_cache_bytes": 0, "inspectors": 1}


@dataclass
class Stage:
    """The node that suffers, on `disk`, and a peer that has what can be pulled."""

    disk: LossyDisk
    node: PoweredNode
    peer: NodeProcess


@pytest.fixture
def nats_url(tmp_path) -> Iterator[str]:
    server = OwnNats(tmp_path, user="test", password="of-this-test")
    server.start()
    yield f"nats://test:of-this-test@127.0.0.1:{server.port}"
    server.kill()


@contextmanager
def staged(disk: LossyDisk, directory: Path, nats_url: str, forgets: str | None = None) -> Iterator[Stage]:
    node = PoweredNode(directory / "node", nats_url, new_region(), dict(QUIET), disk=disk, forgets=forgets)
    peer = NodeProcess(directory / "peer", nats_url, new_region(), dict(QUIET))
    share_secret(node, peer)
    with ExitStack() as stack:
        stack.callback(node._reap)
        stack.callback(peer._reap)
        yield Stage(disk, node, peer)


def test_what_was_acknowledged_outlives_every_power_cut(disk, tmp_path, nats_url, story_seed):
    register, rng = Register(), random.Random(story_seed)
    with replayable(story_seed), staged(disk, tmp_path, nats_url) as stage:
        stage.peer.start()
        for number in range(CUTS):
            pulls = pulls_from(stage.peer, [small_picture(rng) for _ in range(PULLS_FOR_A_CUT)])
            when = one_cut(stage, register, Traffic(stage.node, register, pulls), number, rng)
            print(f"cut {number}: {when}; {len(register.live)} live, {len(register.deleted)} deleted")
            after_a_cut(stage.node, register)
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
    in_start = number == 0 or rng.random() < 0.2
    if not node.is_up:
        node.launch()
        if in_start:
            stage.disk.arm(rng.randrange(LAST_CHANGE_OF_A_START), node.pid, chance)
    if node.wait_until_up():
        where = rng.choice(PLACES)
        last = LAST_CHANGE if where in ("/", "/index.db") else LAST_CHANGE_THERE
        stage.disk.arm(rng.randrange(last), node.pid, chance, where)
        traffic.run(f"{number}/{rng.random()}")
    return node.lose_power(chance)


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
