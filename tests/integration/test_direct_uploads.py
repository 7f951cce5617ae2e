"""Five pictures straight to a node: how many times the client waits for the network. No time is measured."""

from __future__ import annotations

import random

import pytest

from atoll.local.cluster import LocalCluster
from benchmarks.direct import FILES, WANTED_ROUND_TRIPS, side_by_side, stage_of, straight, through
from benchmarks.far_link import Direction, far_link
from benchmarks.forwarding_backend import forwarding_backend
from benchmarks.pictures import Pictures

pytestmark = pytest.mark.integration
QUICK = {"storage_node": {"faces": "off", "inspectors": 1}}  # nodes that start faster


async def test_five_pictures_take_four_round_trips_and_a_backend_takes_more(tmp_path):
    pictures = Pictures(random.Random(3))
    async with (
        LocalCluster(tmp_path / "cluster", extra=QUICK, known_ports=False) as cluster,
        stage_of(cluster, 0.0) as client,
        stage_of(cluster, 0.0) as inner,
        forwarding_backend(
            f"http://127.0.0.1:{inner.service.port}", cluster.admin_key, "images", inner.ports
        ) as backend,
        far_link(backend.port, 0.0) as link,
    ):
        ours = await straight(client, pictures.take(FILES))
        assert ours.round_trips == 4 <= WANTED_ROUND_TRIPS  # two connections, the ticket, the form
        beside = await side_by_side(client, pictures.take(FILES))
        assert (
            beside.round_trips == 2 + 2 * FILES
        )  # a connection and a request for each; of them two in a row
        peer = await through(link, pictures.take(FILES))
        assert peer.round_trips == 1 + 2 * FILES
        assert inner.round_trips == 4 * FILES
        assert len(backend.registered) == FILES


def test_a_link_lets_ten_segments_leave_and_more_as_they_are_acknowledged():
    way = Direction(0.05, slow_start=True)
    assert way.may_send(0.0) == 14_600
    assert way.sent(14_600, 0.0) == 0.025
    assert way.may_send(0.04) == 0
    assert way.next_ack() == 0.05
    assert way.may_send(0.05) == 29_200
    way.sent(29_200, 0.05)
    assert way.may_send(0.11) == 58_400
    assert way.may_send(1.0) == 14_600  # after a pause from anew
    assert Direction(0.05, slow_start=False).may_send(0.0) == 65_536
