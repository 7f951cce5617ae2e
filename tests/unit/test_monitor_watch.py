"""What the watch remembers, so that a monitor that dies at any moment leaves nobody with half a story."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hand_clock import HandClock
from heartbeat_maker import a_beat

from atoll.cluster import ClusterMap
from atoll.ids import new_id
from monitor.alert_book import AlertBook
from monitor.alert_memory import AlertMemory
from monitor.hysteresis import Thresholds
from monitor.node_table import NodeTable
from monitor.watch import Watch


class Post:
    """A sink that holds everything until it is told that it is sent."""

    def __init__(self):
        self.unsent = []

    def offer(self, alert):
        self.unsent = [*self.unsent, alert]


class Monitor:
    """One life of a monitor on a state directory; starting the next is what a kill -9 leaves."""

    def __init__(self, state_dir):
        self.clock, self.post, self.memory = HandClock(), Post(), AlertMemory(state_dir)
        remembered = self.memory.load()
        for alert in remembered.ended:
            self.post.offer(alert)
        self.again = [(a.name, a.transition) for a in remembered.ended]
        self.table = NodeTable(self.clock)
        self.table.listen_anew()
        book = AlertBook(Thresholds(80, 92, 3), "m", new_id, remembered.standing)
        everything = SimpleNamespace(connected=True, current=ClusterMap())
        self.watch = Watch(everything, everything, self.table, book, self.memory, (self.post,), self.clock)

    async def hears(self, used_percent):
        self.table.heard(a_beat(used_percent=used_percent))
        await self.watch.look()


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


async def test_an_end_that_was_not_sent_before_a_kill_is_sent_after_it(state):
    first = Monitor(state)
    await first.hears(85)
    first.post.unsent = []
    await first.hears(50)
    ended = {(a.name, a.transition, a.id) for a in first.post.unsent}
    assert {(name, transition) for name, transition, _ in ended} == {("eu-1", "cleared"), ("s1", "cleared")}
    second = Monitor(state)
    assert {(a.name, a.transition, a.id) for a in second.post.unsent} == ended, "the same ends, the same ids"


async def test_an_alert_is_remembered_before_anybody_hears_of_it(state):
    first = Monitor(state)
    heard = []
    first.post.offer = lambda alert: heard.append((alert.id, [a.id for a in first.memory.load().standing]))
    await first.hears(85)
    assert len(heard) == 2
    assert all(told in remembered for told, remembered in heard)


async def test_an_end_is_remembered_before_anybody_hears_of_it(state):
    first = Monitor(state)
    await first.hears(85)
    first.post.unsent = []
    heard = []
    first.post.offer = lambda alert: heard.append((alert.id, [a.id for a in first.memory.load().ended]))
    await first.hears(50)
    assert len(heard) == 2
    assert all(told in remembered for told, remembered in heard)


async def test_an_end_that_was_sent_is_not_sent_again(state):
    first = Monitor(state)
    await first.hears(85)
    await first.hears(50)
    first.post.unsent = []
    await first.watch.look()
    assert Monitor(state).again == []


async def test_an_end_that_waits_through_two_lives_is_still_sent(state):
    first = Monitor(state)
    await first.hears(85)
    await first.hears(50)
    second = Monitor(state)
    await second.hears(50)
    third = Monitor(state)
    assert sorted(third.again) == [("eu-1", "cleared"), ("s1", "cleared")]
