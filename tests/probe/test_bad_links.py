"""Stories: links between regions break off, truncate, delay and repeat, and nothing wrong is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from atoll.ids import named_asset_id
from atoll.local.cluster_plan import BUCKET
from probe.bad_link import Weather
from probe.far_apart import FarApart, far_apart
from probe.repair_story import all_complete, gone
from probe.story import AP, EU, NODES, US, Stored, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

WEATHERS = {
    "breaks off": Weather(drop=0.5),
    "truncates": Weather(truncate=0.5),
    "delays": Weather(delay=0.1),
    "repeats blocks": Weather(repeat=0.01),
    "repeats requests": Weather(replay=0.5),
    "does all of that": Weather(drop=0.2, truncate=0.2, repeat=0.005, replay=0.2, delay=0.03),
}
LARGE = 500  # side of a picture in pixels: some 300 KB, in many blocks
_seeds = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def links(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FarApart]:
    async with far_apart(tmp_path_factory.mktemp("links"), seed=7) as running:
        yield running


async def _uploads(links: FarApart, number: int, side: int = 64) -> list[Stored]:
    """Some in each region, by clients who stand beside its node."""
    stored = []
    for n in range(number):
        node = NODES[n % len(NODES)]
        ticket = links.direct(node, await links.story.ticket_for(node))
        stored.append(await links.story.put(ticket, picture(next(_seeds), side)))
    return stored


async def _delete_at(links: FarApart, node: str, one: Stored) -> None:
    order = {"asset_id": one.asset_id, "bucket": BUCKET, "public_id": one.asset_id, "set": "s1"}
    assert (await links.story.internal(node, "POST", "/internal/v1/deletes", order))[0] == 200


async def _right_everywhere(links: FarApart, stored: list[Stored]) -> None:
    for one in stored:
        for node in NODES:
            assert await links.story.read(node, one.path) == (200, one.body)


async def _nothing_quarantined(links: FarApart) -> None:
    """What the weather garbled was found out before it was kept."""
    for node in NODES:
        assert not list((links.story.cluster.paths.data(node) / "quarantine").iterdir())


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS)
async def test_over_a_link_that_misbehaves_all_arrives_right_and_deletes_too(
    links: FarApart, weather: Weather
) -> None:
    harmed = links.harmed
    doomed = await _uploads(links, 3)
    await links.story.everywhere(doomed)
    await links.weather(weather)
    try:
        stored = await _uploads(links, 6)
        while links.harmed < harmed + 3 and len(stored) < 60:
            stored += await _uploads(links, 3, LARGE)
            await links.story.everywhere(stored, 90)
        for node, one in zip(NODES, doomed, strict=True):
            await _delete_at(links, node, one)
        await links.story.everywhere(stored)
        await gone(links.story, doomed)
        await _right_everywhere(links, stored)
        assert links.harmed > harmed
    finally:
        await links.mend()
    await _nothing_quarantined(links)
    await all_complete(links.story)


@pytest.mark.parametrize(
    "weather", [WEATHERS["repeats blocks"], WEATHERS["truncates"]], ids=["repeats", "truncates"]
)
async def test_a_reader_over_a_bad_link_never_gets_a_wrong_byte_from_a_node(
    links: FarApart, weather: Weather
) -> None:
    """The node he asks does not have it yet, and pulls it over the bad link while he waits."""
    replicator = links.story.cluster.daemons[f"{AP}-replicator"]
    await replicator.stop()
    try:
        ticket = links.direct(EU, await links.story.ticket_for(EU))
        stored = [await links.story.put(ticket, picture(next(_seeds), LARGE))]
        await links.weather(weather)
        answers = await asyncio.gather(*(_read(links, AP, one) for one in stored * 5))
    finally:
        await links.mend()
        await replicator.start()
    for status, body in answers:
        assert status in {200, 502, 503, 504}, status
        assert status != 200 or body == stored[0].body
    await links.story.everywhere(stored)


async def _read(links: FarApart, node: str, one: Stored) -> tuple[int, bytes]:
    try:
        return await links.story.read(node, one.path)
    except aiohttp.ClientPayloadError:  # it broke off, and said so
        return 502, b""


@pytest.mark.parametrize(
    "weather", [Weather(drop=0.7, longest=2000), Weather(delay=0.3)], ids=["breaks off", "delays"]
)
async def test_a_bad_link_to_nats_loses_no_event(links: FarApart, weather: Weather) -> None:
    link = links.to_nats[AP]
    await link.change(weather)
    try:
        stored = await _uploads(links, 6)
        await links.story.everywhere(stored, 90)
    finally:
        await links.mend()
    await all_complete(links.story)


async def test_a_link_that_swallows_everything_holds_up_nobody_but_itself(links: FarApart) -> None:
    links.to_node[AP].stall()
    try:
        tickets = [links.direct(n, await links.story.ticket_for(n)) for n in (EU, US)]
        stored = [await links.story.put(ticket, picture(next(_seeds))) for ticket in tickets]
        for node, one in ((EU, stored[1]), (US, stored[0])):
            await eventually(lambda n=node, s=one: links.story.holds(n, s.sha256), f"{node} is held up")
            assert await links.story.read(node, one.path) == (200, one.body)
    finally:
        await links.mend()
    await links.story.everywhere(stored)


async def test_two_regions_cut_off_from_each_other_both_take_uploads_and_deletes(links: FarApart) -> None:
    story = links.story
    before = await _uploads(links, 4)
    await story.everywhere(before)
    tickets = {node: links.direct(node, await story.ticket_for(node)) for node in (EU, AP)}
    await links.cut_off(EU, AP)
    try:
        stored = [await story.put(ticket, picture(next(_seeds))) for ticket in tickets.values()]
        await _delete_at(links, EU, before[0])
        await _delete_at(links, AP, before[1])
        assert not await story.holds(AP, stored[0].sha256)
        assert not await story.holds(EU, stored[1].sha256)
        assert await story.holds(AP, before[0].sha256)
    finally:
        await links.mend()
    await story.everywhere([*stored, *before[2:]])
    await gone(story, before[:2])
    await all_complete(story)


async def test_two_regions_cut_off_from_each_other_both_write_one_name_and_the_last_writer_wins_everywhere(
    links: FarApart,
) -> None:
    story, name = links.story, "both/wrote/this.jpg"
    first = links.direct(EU, await story.ticket(EU, public_id=name))
    second = links.direct(AP, await story.ticket(AP, public_id=name))
    await links.cut_off(EU, AP)
    try:
        older = await story.put(second, picture(next(_seeds)))
        newer = await story.put(first, picture(next(_seeds)))
    finally:
        await links.mend()
    assert newer.asset_id == older.asset_id == named_asset_id(BUCKET, name)
    await story.everywhere([newer])

    async def alike() -> bool:
        newest = {await _newest(links, node, newer.asset_id) for node in NODES}
        status, asset = await story.asset(newer.asset_id)
        return newest == {newer.sha256} and status == 200 and asset["sha256"] == newer.sha256

    await eventually(alike, "the regions do not agree on who was last")
    await all_complete(story)


async def _newest(links: FarApart, node: str, asset_id: str) -> str:
    """The bytes that are an asset's now, as a node has it."""
    _, state = await links.story.internal(node, "GET", f"/internal/v1/assets/{asset_id}")
    return str(max(state["records"], key=lambda record: record["version"])["blob"]["sha256"])


async def test_a_name_deleted_on_one_side_and_written_on_the_other_is_the_later_of_the_two_everywhere(
    links: FarApart,
) -> None:
    story, name = links.story, "deleted/and/written.jpg"
    one = await story.put(links.direct(EU, await story.ticket(EU, public_id=name)), picture(next(_seeds)))
    await story.everywhere([one])
    await links.cut_off(EU, AP)
    try:
        order = {"asset_id": one.asset_id, "bucket": BUCKET, "public_id": name, "set": "s1"}
        assert (await story.internal(EU, "POST", "/internal/v1/deletes", order))[0] == 200
        ticket = links.direct(AP, await _ticket_while_cut_off(links, name))
        again = await story.put(ticket, picture(next(_seeds)))
    finally:
        await links.mend()
    await story.everywhere([again])
    await gone(story, [one])

    answers: list[tuple[int, dict[str, Any]]] = []

    async def catalogued() -> bool:
        answers[:] = [await story.asset(one.asset_id)]
        return answers[0][0] == 200 and answers[0][1]["sha256"] == again.sha256

    await eventually(catalogued, lambda: f"the catalog does not have the later of the two: {answers}")


async def _ticket_while_cut_off(links: FarApart, name: str) -> dict[str, str]:
    """The query services are cut off as well: those of America still believe in the node for a moment."""
    found: list[dict[str, str]] = []

    async def issued() -> bool:
        found.append(await links.story.ticket(AP, public_id=name))
        return found[-1].get("node") == AP

    await eventually(issued, "no ticket")
    return found[-1]
