"""Where alerts go: one log line each; on NATS the latest per subject, until it is sent."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest
from alert_maker import an_alert
from bus_settings import until

from atoll.backoff import Backoff
from atoll.bus import BusUnavailable
from atoll.signing import Keys
from monitor.alert_memory import AlertMemory, Remembered
from monitor.alert_sinks import LogSink
from monitor.alerts import open_alert
from monitor.nats_alert_sink import NatsAlertSink

KEYS = Keys(b"k" * 32)


class Courier:
    """Sends into a list, or not at all; `asked` is set at each try."""

    def __init__(self):
        self.away = False
        self.sent = []
        self.tries = asyncio.Queue()
        self.hold = asyncio.Event()
        self.hold.set()

    async def send(self, subject, body, headers):
        self.tries.put_nowait(subject)
        await self.hold.wait()
        if self.away:
            raise BusUnavailable("away")
        self.sent.append(open_alert(subject, body, headers, KEYS))


@pytest.fixture
async def courier():
    return Courier()


@pytest.fixture
async def sink(courier):
    made = NatsAlertSink(courier.send, KEYS, Backoff(0.001, 0.001))
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_alerts_are_sent_sealed_and_in_order(courier, sink):
    alerts = [an_alert(), an_alert(name="eu-2"), an_alert(scope="set", name="s1", region=None)]
    for alert in alerts:
        sink.offer(alert)
    await until(lambda: courier.sent == alerts)
    assert sink.unsent == []


async def test_while_nats_is_away_only_the_latest_per_subject_waits(courier, sink):
    courier.away = True
    for number in range(1000):
        sink.offer(an_alert(at=number))
        sink.offer(an_alert(name="eu-2", at=number))
    assert sorted(a.name for a in sink.unsent) == ["eu-1", "eu-2"]
    await courier.tries.get()
    await courier.tries.get()  # tried again, not given up
    courier.away = False
    await until(lambda: not sink.unsent)
    assert sorted((a.name, a.at) for a in courier.sent) == [("eu-1", 999), ("eu-2", 999)]


async def test_what_comes_while_a_sending_is_under_way_is_sent_after_it(courier, sink):
    courier.hold.clear()
    sink.offer(an_alert(at=1))
    await courier.tries.get()
    sink.offer(an_alert(at=2, transition="cleared", level="ok", previous="warning"))
    courier.hold.set()
    await until(lambda: [a.at for a in courier.sent] == [1, 2])


async def test_a_failed_sending_does_not_replace_what_came_meanwhile(courier, sink):
    courier.away = True
    courier.hold.clear()
    sink.offer(an_alert(at=1))
    await courier.tries.get()
    sink.offer(an_alert(at=2))
    courier.hold.set()
    await courier.tries.get()
    courier.away = False
    await until(lambda: not sink.unsent)
    assert [a.at for a in courier.sent] == [2]


def test_the_log_says_worse_as_warning_and_better_as_information(caplog):
    caplog.set_level(logging.INFO)
    LogSink().offer(an_alert(detail="node eu-1 is full"))
    LogSink().offer(an_alert(transition="cleared", previous="warning", level="ok"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "capacity alert raised: node eu-1 is full" in caplog.text
    assert caplog.records[0].alert_name == "eu-1"


async def test_standing_alerts_and_unsent_ends_are_remembered(tmp_path):
    memory = AlertMemory(tmp_path / "state")
    assert memory.load() == Remembered()
    alerts = Remembered((an_alert(),), (an_alert(name="eu-2", transition="cleared", level="ok"),))
    await memory.save(alerts)
    assert AlertMemory(tmp_path / "state").load() == alerts


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", json.dumps([{"id": 1}]).encode()])
def test_unreadable_memory_is_ignored_and_said(tmp_path, caplog, body):
    (tmp_path / "alerts.json").write_bytes(body)
    assert AlertMemory(tmp_path).load() == Remembered()
    assert "unreadable" in caplog.text


async def test_a_full_disk_does_not_end_the_monitor(tmp_path, caplog):
    (tmp_path / "state").write_text("a file where the directory should be")
    await AlertMemory(tmp_path / "state").save(Remembered((an_alert(),)))
    assert "cannot be remembered" in caplog.text


async def test_a_disk_that_hangs_holds_up_no_alert(tmp_path, caplog):
    answer, writes = threading.Event(), []

    def write(path, body):
        writes.append(body)
        answer.wait()

    memory = AlertMemory(tmp_path, write, patience=0.01)
    try:
        await memory.save(Remembered((an_alert(),)))
        await memory.save(Remembered())
        assert len(writes) == 1, "no second thread for a disk that has not answered the first"
        assert caplog.text.count("cannot be remembered") == 2
    finally:
        answer.set()
    await until(lambda: not memory.busy)
    await memory.save(Remembered())
    assert len(writes) == 2
