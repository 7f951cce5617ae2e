"""The client against a cluster that misbehaves: no lost upload, no second asset, no wrong byte."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from client_clusters import picture
from PIL import Image
from standin_cluster import (
    StandinCluster,
    answering,
    behave,
    break_off_halfway,
    carry_out_and_hang_up,
    flip_a_byte,
    hang_up,
)

from atoll import AsyncClient, Client
from atoll.client.replication import NotReplicatedYet
from atoll.client.source import FileUnusable
from atoll.errors import (
    AtollError,
    BadRequest,
    BadTransformation,
    BodyMismatch,
    NotFound,
    TicketReplayed,
    Unavailable,
    Unrenderable,
    UpstreamFailed,
)
from atoll.peer_pace import PeerPace

NEAREST, NEXT = "eu-central-1", "us-east-1"
REFUSED = answering(503, b'{"type":"urn:atoll:problem:unavailable","title":"t","detail":"not now"}')
EXPIRED = answering(401, b'{"type":"urn:atoll:problem:ticket-expired","title":"t","detail":"too late"}')
FULL = answering(507, b'{"type":"urn:atoll:problem:no-space","title":"t","detail":"full"}')


@pytest_asyncio.fixture
async def client(standin: StandinCluster) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(standin.query_urls, standin.api_key, patience=5) as opened:
        yield opened


def puts(standin: StandinCluster, node: str = NEAREST) -> int:
    return standin.requests[node].count("PUT /v1/uploads")


async def test_the_next_query_service_answers_when_one_is_down(standin, client):
    standin.down("query-1")
    assert len(await client.nodes()) == 3
    standin.up("query-1")
    standin.down("query-2")
    assert len(await client.nodes()) == 3


@pytest.mark.parametrize("fault", [REFUSED, hang_up, answering(502), answering(504)])
async def test_the_next_query_service_is_asked_at_once_when_one_fails(standin, client, fault):
    standin.faults["query-1"].append(fault)
    assert len(await client.nodes()) == 3
    assert standin.requests["query-2"] == ["GET /v1/nodes"]


async def test_a_query_service_that_answered_is_asked_again(standin, client):
    standin.faults["query-1"].append(REFUSED)
    for _ in range(3):
        await client.nodes()
    assert len(standin.requests["query-1"]) == 1


async def test_all_query_services_failing_for_a_moment_is_waited_out(standin, client):
    for name in ("query-1", "query-2"):
        standin.faults[name].extend([REFUSED, hang_up])
    assert len(await client.nodes()) == 3


async def test_no_query_service_at_all_says_which_were_tried(standin):
    for name in ("query-1", "query-2"):
        standin.down(name)
    async with AsyncClient(standin.query_urls, standin.api_key, patience=0.2) as client:
        with pytest.raises(Unavailable) as caught:
            await client.nodes()
    tried = caught.value.facts["tried"]
    assert len(tried) == len(standin.query_urls)
    assert all(any(reason.startswith(url) for reason in tried) for url in standin.query_urls)
    for name in ("query-1", "query-2"):
        standin.up(name)


async def test_what_a_service_says_is_told_rather_than_that_another_is_down(standin):
    standin.down("query-1")
    standin.faults["query-2"].extend([REFUSED] * 50)
    async with AsyncClient(standin.query_urls, standin.api_key, patience=0.2) as client:
        with pytest.raises(Unavailable, match="not now"):
            await client.nodes()
    standin.up("query-1")


@pytest.mark.parametrize("nonsense", [answering(200, b"<html>"), answering(302, b""), answering(200, b"[]")])
async def test_services_that_answer_nonsense_are_an_error_of_ours(standin, nonsense):
    for name in ("query-1", "query-2"):
        standin.faults[name].extend([nonsense] * 50)
    async with AsyncClient(standin.query_urls, standin.api_key, patience=0.2) as client:
        with pytest.raises(UpstreamFailed):
            await client.nodes()


async def test_a_lost_answer_is_asked_for_again_with_the_same_ticket(standin, client):
    standin.faults[NEAREST].extend([carry_out_and_hang_up, carry_out_and_hang_up])
    asset = await client.upload(picture(), bucket=standin.bucket)
    assert list(standin.state.assets) == [asset.asset_id]
    assert standin.state.tickets_issued == 1
    assert puts(standin) == 3


async def test_an_upload_whose_answers_are_all_lost_is_found_in_the_catalog(standin, client):
    standin.faults[NEAREST].extend([carry_out_and_hang_up] * 3)
    asset = await client.upload(picture(), bucket=standin.bucket)
    assert list(standin.state.assets) == [asset.asset_id]
    assert standin.state.tickets_issued == 1


async def test_a_node_that_goes_down_after_a_lost_answer_is_waited_for_so_as_to_make_no_second_asset(
    standin, client
):
    def unknown_to_the_catalog() -> None:
        """Its event is still in the outbox of the node that is down."""
        standin.down(NEAREST)
        kept = dict(standin.state.assets)
        standin.state.assets.clear()
        standin.up(NEAREST)
        standin.state.assets.update(kept)

    standin.faults[NEAREST].append(carry_out_and_hang_up)
    uploading = asyncio.create_task(client.upload(picture(), bucket=standin.bucket))
    await asyncio.to_thread(_until, lambda: len(standin.state.assets) == 1)
    await asyncio.to_thread(unknown_to_the_catalog)
    asset = await uploading
    assert list(standin.state.assets) == [asset.asset_id]
    assert standin.state.tickets_issued == 1


async def test_an_expired_ticket_is_replaced(standin, client):
    standin.faults[NEAREST].append(EXPIRED)
    await client.upload(picture(), bucket=standin.bucket)
    assert standin.state.tickets_issued == 2


async def test_a_ticket_that_expired_after_a_lost_answer_makes_no_second_asset(standin, client):
    standin.faults[NEAREST].extend([carry_out_and_hang_up, EXPIRED])
    asset = await client.upload(picture(), bucket=standin.bucket)
    assert list(standin.state.assets) == [asset.asset_id]
    assert standin.state.tickets_issued == 1


@pytest.mark.parametrize("fault", [FULL, hang_up, REFUSED, answering(502), answering(408)])
async def test_a_node_that_fails_once_gets_the_upload_in_the_end(standin, client, fault):
    standin.faults[NEAREST].append(fault)
    asset = await client.upload(picture(), bucket=standin.bucket)
    assert list(standin.state.assets) == [asset.asset_id]


async def test_a_node_that_cannot_be_reached_costs_a_new_ticket(standin, client):
    standin.down(NEAREST)
    uploading = asyncio.create_task(client.upload(picture(), bucket=standin.bucket))
    await asyncio.to_thread(_until, lambda: standin.state.tickets_issued >= 2)
    await asyncio.to_thread(standin.up, NEAREST)
    asset = await uploading
    assert list(standin.state.assets) == [asset.asset_id]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_refusal_of_the_bytes_is_not_repeated(standin, client):
    with pytest.raises(AtollError):
        await client.upload(b"junk", bucket=standin.bucket)
    assert puts(standin) == 1


async def test_a_file_that_changes_between_two_tries_is_not_uploaded_twice(standin, client, tmp_path):
    path = tmp_path / "changing.png"
    path.write_bytes(picture(1))
    other = picture(2)[: path.stat().st_size].ljust(path.stat().st_size, b"\0")

    async def change(request, handler):
        response = await carry_out_and_hang_up(request, handler)
        path.write_bytes(other)
        return response

    standin.faults[NEAREST].append(change)
    with pytest.raises(TicketReplayed):
        await client.upload(path, bucket=standin.bucket)


async def test_a_file_that_shrinks_while_it_is_sent_is_told_as_that(standin, client):
    class Shrinking(io.BytesIO):
        def read(self, size=-1):
            return super().read(size) if self.tell() < 262_144 else b""

    with pytest.raises(BodyMismatch, match="shorter"):
        await client.upload(Shrinking(bytes(600_000)), bucket=standin.bucket)
    assert not standin.state.assets


async def test_a_local_file_that_cannot_be_read_is_told_as_that(standin, client, tmp_path):
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(FileUnusable):
            await client.upload(path, bucket=standin.bucket)
    with pytest.raises(FileUnusable):
        await client.download("0" * 26, tmp_path / "no" / "such" / "folder.png")


async def test_a_stream_that_cannot_be_rewound_is_sent_again_whole(standin, client):
    body = picture(size=(500, 400))
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb") as stream:
            stream.write(body)

    feeder = threading.Thread(target=feed)
    feeder.start()
    standin.faults[NEAREST].extend([hang_up, hang_up])
    with os.fdopen(reader, "rb") as stream:
        asset = await client.upload(stream, bucket=standin.bucket)
    feeder.join()
    assert asset.bytes == len(body)
    assert puts(standin) == 3


async def test_another_node_answers_when_the_nearest_gives_wrong_bytes(standin, client, tmp_path):
    body = picture(size=(400, 300))
    asset = await client.upload(body, bucket=standin.bucket)
    for fault in (flip_a_byte, break_off_halfway, hang_up, REFUSED, answering(404), answering(302)):
        client._downloader._hedger.pace = PeerPace()  # or a node that failed is not asked first again
        standin.faults[NEAREST].append(fault)
        assert await client.get(asset.asset_id) == body
        client._downloader._hedger.pace = PeerPace()
        standin.faults[NEAREST].append(fault)
        found = await client.download(asset.asset_id, tmp_path / "copy.png")
        assert found.node == NEXT
        assert (tmp_path / "copy.png").read_bytes() == body
    standin.down(NEAREST)
    assert await client.get(asset.asset_id) == body
    standin.up(NEAREST)


async def test_a_node_that_accepts_and_says_nothing_is_overtaken_by_the_next(standin, client, tmp_path):
    body = picture(size=(400, 300))
    asset = await client.upload(body, bucket=standin.bucket)
    awake = asyncio.Event()

    async def say_nothing(request, handler):
        await awake.wait()
        return await handler(request)

    standin.faults[NEAREST].append(say_nothing)
    found = await client.download(asset.asset_id, tmp_path / "copy.png")
    awake.set()
    assert found.node == NEXT
    assert (tmp_path / "copy.png").read_bytes() == body
    assert client._downloader._hedger.wins == 1


async def test_wrong_bytes_from_every_node_are_never_returned(standin, client, tmp_path):
    asset = await client.upload(picture(), bucket=standin.bucket)
    for node in standin.state.nodes:
        standin.faults[node].extend([flip_a_byte] * 20)
    with pytest.raises(UpstreamFailed, match="wrong bytes"):
        await client.get(asset.asset_id)
    (tmp_path / "old.png").write_bytes(b"old")
    with pytest.raises(UpstreamFailed):
        await client.download(asset.asset_id, tmp_path / "old.png")
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


async def test_what_a_transformation_makes_is_fetched_and_checked(standin, client, tmp_path):
    asset = await client.upload(
        picture(size=(400, 300)), bucket=standin.bucket, public_id="t/one", eager=["w_30"]
    )
    found = await client.url(f"{standin.bucket}/t/one", transformation="w_030,c_scale")
    assert (found.transformation, found.sha256) == ("w_30", asset.sha256)
    whole = await client.get(asset.asset_id, transformation="w_30")
    assert Image.open(io.BytesIO(whole)).size == (30, 30)
    for fault in (flip_a_byte, break_off_halfway, answering(429)):
        client._downloader._hedger.pace = PeerPace()
        standin.faults[NEAREST].append(fault)
        got = await client.download(asset.asset_id, tmp_path / "small.png", transformation="w_30")
        assert (got.node, got.transformation) == (NEXT, "w_30")
        assert (tmp_path / "small.png").read_bytes() == whole
    items = [asset.asset_id, f"{standin.bucket}/{asset.handle}", "0" * 26]
    first, second, missing = await client.resolve(items, transformation="w_30")
    assert first.transformation == second.transformation == "w_30"
    assert isinstance(missing, NotFound)
    with pytest.raises(BadTransformation, match="w_"):
        await client.get(asset.asset_id, transformation="w_x")
    with pytest.raises(BadRequest, match="list"):
        await client.upload(picture(), bucket=standin.bucket, eager="w_30")


async def test_what_cannot_be_rendered_is_told_at_once(standin, client):
    asset = await client.upload(picture(), bucket=standin.bucket)
    said = b'{"type":"urn:atoll:problem:unrenderable","title":"t","status":422,"detail":"too much"}'
    standin.faults[NEAREST].append(answering(422, said))
    with pytest.raises(Unrenderable, match="too much"):
        await client.get(asset.asset_id, transformation="w_30")


async def test_a_derivative_without_a_digest_is_not_taken(standin, client):
    asset = await client.upload(picture(), bucket=standin.bucket)
    for node in standin.state.nodes:
        standin.faults[node].extend([answering(200, b"anything")] * 9)
    with pytest.raises(UpstreamFailed, match="wrong bytes"):
        await client.get(asset.asset_id, transformation="w_30")


async def test_bytes_that_no_node_has_are_not_found(standin, client):
    handle = f"s1/{'ab' * 32}.jpg"
    with pytest.raises(NotFound):
        await client.get(f"{standin.bucket}/{handle}")
    asset = await client.upload(picture(), bucket=standin.bucket)
    for node in standin.state.nodes:
        standin.faults[node].append(
            answering(404, b'{"type":"urn:atoll:problem:not-found","title":"t","detail":"no"}')
        )
    with pytest.raises(NotFound) as caught:
        await client.get(asset.asset_id)
    assert set(caught.value.facts["tried"]) == set(standin.state.nodes)


async def test_waiting_for_regions_says_what_is_missing_when_time_is_over(standin, client):
    standin.state.replicates = False
    asset = await client.upload(picture(), bucket=standin.bucket)
    assert (await client.wait_replicated(asset.asset_id, regions=1)).regions == {"eu-central"}
    with pytest.raises(NotReplicatedYet) as caught:
        await client.wait_replicated(asset.asset_id, timeout=0.1)
    assert caught.value.facts["confirmed"] == ["eu-central"]
    assert caught.value.facts["missing"] == ["ap-southeast-1", "us-east-1"]
    standin.state.replicate()
    assert not (await client.wait_replicated(asset.asset_id, timeout=10)).missing
    with pytest.raises(NotReplicatedYet, match="older version"):
        await client.wait_replicated(asset.asset_id, timeout=0.1, version=asset.version + "1")
    with pytest.raises(NotFound):
        await client.wait_replicated("0" * 26, timeout=0.1)


async def test_a_delete_whose_answer_was_lost_is_done(standin, client):
    asset = await client.upload(picture(), bucket=standin.bucket)
    for name in ("query-1", "query-2"):
        standin.faults[name].append(carry_out_and_hang_up)
    assert (await client.delete(asset.asset_id)).asset_id == asset.asset_id
    assert not standin.state.assets
    with pytest.raises(NotFound):
        await client.delete(asset.asset_id)


async def test_neither_ticket_nor_key_is_in_an_error(standin):
    standin.faults[NEAREST].extend([hang_up] * 50)
    async with AsyncClient(standin.query_urls, standin.api_key) as client:
        client._uploader._sleep = _no_sleep
        with pytest.raises(Unavailable) as caught:
            await client.upload(picture(), bucket=standin.bucket)
    told = json.dumps(caught.value.problem()) + repr(caught.value)
    assert "ticket=" not in told
    assert standin.api_key not in told
    assert puts(standin) == 12


async def _no_sleep(_: float) -> None:
    """Back-off without the time."""


async def test_one_failing_file_does_not_stop_the_others(standin, client, tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(picture())
    standin.faults[NEAREST].extend([behave, answering(422), behave])
    results = await client.upload_many([tmp_path], bucket=standin.bucket, parallel=1)
    assert [result.error is None for result in results] == [True, False, True, True, True, True]


def test_ctrl_c_ends_a_call_and_what_it_was_doing_but_not_the_client(standin):
    let_go = threading.Event()

    async def hang(request, handler):
        # as Ctrl-C does: the main thread is waiting for the answer
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        await asyncio.to_thread(let_go.wait, 20)
        return await handler(request)

    with Client(standin.query_urls, standin.api_key) as client:
        standin.faults["query-1"].append(hang)
        with pytest.raises(KeyboardInterrupt):
            client.regions()
        let_go.set()
        assert len(client.nodes()) == 3


def test_calling_the_client_from_its_own_callback_is_refused_and_not_a_deadlock(standin):
    with Client(standin.query_urls, standin.api_key) as client:

        def again(*_: int) -> None:
            client.nodes()

        with pytest.raises(RuntimeError, match="callback"):
            client.upload(picture(), bucket=standin.bucket, progress=again)
