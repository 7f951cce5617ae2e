"""Who is told what and when: ledgers, silences, acknowledgements, escalation, and posts that fail."""

from __future__ import annotations

import asyncio
import random

import pytest
from alert_maker import a_condition
from hand_clock import HandClock

from atoll.backoff import Backoff
from atoll.settings import SettingsError
from atoll.signing import Keys
from monitor.alert_history import AlertHistory
from monitor.alert_memory import AlertMemory, Remembered
from monitor.alert_orders import Acknowledgement, Orders, Silence
from monitor.alert_post import AlertPost
from monitor.alerts import BadEvent, Batch, alert_of, alert_subject, open_alert, seal_alert
from monitor.apprise_channel import text_of, title_of
from monitor.channels import Undelivered, load_channels
from monitor.told import MAX_IN_A_BATCH, Told, Wants, due, entered

KEYS = Keys(b"k" * 32)


class Ear:
    """One channel's ledger, told what stands moment by moment."""

    def __init__(self, **wants):
        self.wants, self.ledger = Wants(**wants), {}

    def hears(self, *standing, at=10_000, orders=Orders()):  # noqa: B008 - frozen
        found = due(self.wants, self.ledger, standing, orders, at, "m")
        self.ledger = entered(self.ledger, found, standing)
        return [(a.name, a.transition, a.level) for a in found]


def acked(condition):
    return Orders((Acknowledgement(condition.key, condition.id, condition.level, "ann", "", 0),))


def silenced(**patterns):
    facts = {"rule": "*", "name": "*", "region": "*", "until": 1_000_000} | patterns
    return Orders((), (Silence("s", by="ann", why="", at=0, **facts),))


def test_each_change_is_told_once():
    ear, one = Ear(), a_condition()
    assert ear.hears(one) == [("eu-1", "raised", "warning")]
    assert ear.hears(one) == []
    assert ear.hears(a_condition(level="critical")) == [("eu-1", "changed", "critical")]
    assert ear.hears() == [("eu-1", "cleared", "ok")]
    assert ear.hears() == []


def test_what_came_and_went_while_nothing_could_be_sent_is_not_told():
    ear = Ear()
    due(ear.wants, ear.ledger, [a_condition()], Orders(), 1, "m")  # and it was not delivered
    assert ear.hears() == []


def test_a_channel_is_told_its_level_and_its_rules_only():
    ear = Ear(level="critical", rules=("cap*",))
    assert ear.hears(a_condition(), a_condition(rule="clock", level="critical")) == []
    assert ear.hears(a_condition(level="critical")) == [("eu-1", "raised", "critical")]
    assert ear.hears(a_condition()) == [("eu-1", "cleared", "ok")]


def test_what_follows_from_something_larger_is_not_told_apart():
    assert Ear().hears(a_condition(covered=True)) == []


def test_a_silence_holds_for_what_it_names_and_for_its_time():
    ear = Ear()
    assert ear.hears(a_condition(), orders=silenced(name="eu-*")) == []
    assert ear.hears(a_condition("us-1"), orders=silenced(region="eu")) == [("us-1", "raised", "warning")]
    assert ear.hears(a_condition("us-1"), a_condition(), at=1_000_001, orders=silenced(name="eu-*")) == [
        ("eu-1", "raised", "warning")
    ]


def test_what_was_told_before_a_silence_is_not_cleared_by_it_but_by_its_end():
    ear = Ear()
    ear.hears(a_condition())
    assert ear.hears(a_condition(level="critical"), orders=silenced()) == []
    assert ear.hears(orders=silenced()) == [("eu-1", "cleared", "ok")]


def test_escalation_waits_and_an_acknowledgement_stops_it():
    one = a_condition(since=0)
    late = Ear(after_seconds=900)
    assert late.hears(one, at=899_999) == []
    assert late.hears(one, at=900_000, orders=acked(one)) == []
    assert late.hears(one, at=900_000) == [("eu-1", "raised", "warning")]


def test_an_acknowledgement_ends_when_it_gets_worse():
    one, worse = a_condition(since=0), a_condition(since=0, level="critical")
    assert Ear(after_seconds=900).hears(worse, at=900_000, orders=acked(one)) == [
        ("eu-1", "raised", "critical")
    ]


def test_reminders_come_until_somebody_acknowledges():
    ear, one = Ear(repeat_seconds=60), a_condition(since=0)
    ear.hears(one, at=0)
    assert ear.hears(one, at=59_999) == []
    assert ear.hears(one, at=60_000) == [("eu-1", "reminded", "warning")]
    assert ear.hears(one, at=120_000, orders=acked(one)) == []


def test_orders_that_are_over_are_pruned():
    one = a_condition()
    both = Orders(acked(one).acknowledgements, silenced().silences)
    assert both.pruned([one], 5) == both
    assert both.pruned([], 1_000_000) == Orders()


class Courier:
    """A channel that takes, or fails."""

    def __init__(self):
        self.batches, self.fails, self.hangs, self.dies, self.perhaps = [], False, False, False, False

    async def send(self, batch):
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise Undelivered("no way", perhaps=self.perhaps)
        self.batches.append(batch)
        if self.dies:
            raise asyncio.CancelledError


class Posts:
    """A post over a courier; time by hand."""

    def __init__(self, group=5.0, send_seconds=20.0):
        self.clock, self.courier = HandClock(), Courier()
        backoff = Backoff(1.0, 60.0, random.Random(1))
        self.post = AlertPost("p", "test", self.courier, Wants(), self.clock, backoff, group, send_seconds)
        self.on_disk = {}

    async def turn(self, *standing, after=1.0):
        self.clock.advance(after)
        return await self.post.turn(standing, Orders(), "m", now=self.clock.now_ms, keep=self._keep)

    async def _keep(self):
        self.on_disk = dict(self.post.ledger)

    async def dies_as_it_sends(self, *standing):
        """The message arrives, and then nothing more is done: what the next one finds."""
        self.courier.dies = True
        with pytest.raises(asyncio.CancelledError):
            await self.turn(*standing)
        after = Posts(group=0)
        after.post.ledger = self.on_disk
        after.clock.advance(self.clock.monotonic())
        return after

    @property
    def heard(self):
        return [(a.id, a.transition, a.level) for batch in self.courier.batches for a in batch.alerts]


async def test_alerts_that_come_together_go_in_one_message():
    posts = Posts()
    assert not await posts.turn(a_condition("eu-1"))
    assert not await posts.turn(a_condition("eu-1"), a_condition("us-1"))
    assert await posts.turn(a_condition("eu-1"), a_condition("us-1"), after=5)
    (batch,) = posts.courier.batches
    assert [a.name for a in batch.alerts] == ["eu-1", "us-1"]
    assert not await posts.turn(a_condition("eu-1"), a_condition("us-1"), after=10)


async def test_a_post_that_fails_says_so_tries_again_and_sends_what_holds_by_then():
    posts = Posts(group=0)
    posts.courier.fails = True
    for _ in range(50):
        assert not await posts.turn(a_condition("eu-1"))
    view = posts.post.view()
    assert 3 <= view.failures < 15  # less and less often
    assert (view.error, view.waiting) == ("no way", 1)
    assert view.waiting_seconds > 40
    posts.courier.fails = False
    for _ in range(70):
        await posts.turn(a_condition("eu-1", level="critical"))
    (batch,) = posts.courier.batches
    assert [(a.transition, a.level) for a in batch.alerts] == [("raised", "critical")]
    assert posts.post.view().error is None


async def test_a_channel_that_hangs_is_given_up_after_its_deadline():
    posts = Posts(group=0, send_seconds=0.01)
    posts.courier.hangs = True
    assert not await posts.turn(a_condition())
    assert posts.post.view().error == "no answer within 0.01 s"


async def test_who_died_between_a_message_and_its_ledger_says_it_again_with_the_same_id():
    first = Posts(group=0)
    after = await first.dies_as_it_sends(a_condition())
    for _ in range(3):
        await after.turn(a_condition(id="another incarnation's"))
    assert first.heard == after.heard == [("id-eu-1", "raised", "warning")]


async def test_what_ended_while_nobody_knew_that_it_had_been_told_is_told_to_have_ended():
    after = await Posts(group=0).dies_as_it_sends(a_condition())
    for _ in range(3):
        await after.turn()
    assert after.heard == [("id-eu-1", "cleared", "ok")]


async def test_what_got_worse_meanwhile_is_told_after_what_may_have_been_heard():
    after = await Posts(group=0).dies_as_it_sends(a_condition())
    for _ in range(3):
        await after.turn(a_condition(level="critical"))
    assert [words[1:] for words in after.heard] == [("raised", "warning"), ("changed", "critical")]


async def test_a_change_that_may_have_been_heard_is_told_again_or_taken_back():
    for now, heard in (
        ("critical", [("changed", "critical")]),
        ("warning", [("changed", "critical"), ("changed", "warning")]),
    ):
        first = Posts(group=0)
        await first.turn(a_condition())
        after = await first.dies_as_it_sends(a_condition(level="critical"))
        for _ in range(3):
            await after.turn(a_condition(level=now))
        assert [words[1:] for words in after.heard] == heard


async def test_an_end_that_may_have_been_heard_is_told_again_before_the_same_breaks_anew():
    first = Posts(group=0)
    await first.turn(a_condition())
    after = await first.dies_as_it_sends()
    for _ in range(3):
        await after.turn(a_condition(id="the second"))
    assert after.heard == [("id-eu-1", "cleared", "ok"), ("the second", "raised", "warning")]


@pytest.mark.parametrize(("perhaps", "heard"), [(False, []), (True, [("id-eu-1", "cleared", "ok")])])
async def test_what_came_and_went_is_told_only_if_a_try_may_have_arrived(perhaps, heard):
    posts = Posts(group=0)
    posts.courier.fails, posts.courier.perhaps = True, perhaps
    await posts.turn(a_condition())
    assert bool(posts.on_disk) == perhaps
    posts.courier.fails = False
    await posts.turn(after=60)
    assert posts.heard == heard


async def test_more_than_one_message_can_say_comes_in_several():
    posts = Posts(group=0)
    many = [a_condition(f"n-{n}") for n in range(MAX_IN_A_BATCH + 7)]
    await posts.turn(*many)
    await posts.turn(*many)
    assert [(len(b.alerts), b.more) for b in posts.courier.batches] == [(MAX_IN_A_BATCH, 7), (7, 0)]


def test_what_people_read_is_the_worst_first_and_what_to_do():
    worse = alert_of(a_condition("us-1", level="critical", detail="us-1 is gone"), "ok", "raised", 5, "m")
    ended = alert_of(a_condition(), "warning", "cleared", 5, "m")
    batch = Batch((ended, worse), more=3)
    assert title_of(batch) == "Atoll, critical: us-1 is gone (and 4 more)"
    assert text_of(batch).splitlines() == [
        "✓ OK no more: node eu-1 is 81 % full", "▲ CRITICAL us-1 is gone", "   Act.", "… and 3 more",
    ]  # fmt: skip
    assert title_of(Batch((ended,))).startswith("Atoll, solved: ")


def test_an_alert_on_nats_is_believed_only_as_it_was_sealed():
    alert = alert_of(a_condition("STREAM/durable.x", scope="engine"), "ok", "raised", 5, "m")
    subject = alert_subject(alert)
    assert subject == "atoll.alert.capacity.engine.STREAM-durable-x"
    body, headers = seal_alert(alert, KEYS)
    assert open_alert(subject, body, headers, KEYS) == alert
    for wrong in ((subject, body + b" ", headers), (subject + "y", body, headers), (subject, body, None)):
        with pytest.raises(BadEvent):
            open_alert(*wrong, KEYS)


async def test_what_stands_and_what_was_told_survives_a_restart(tmp_path):
    one = a_condition()
    kept = Remembered((one,), {"p": {one.key: Told(one, "warning", 5)}})
    assert await AlertMemory(tmp_path).save(kept)
    assert AlertMemory(tmp_path).load() == kept
    (tmp_path / "alerts.json").write_text('{"standing": 5}')
    assert AlertMemory(tmp_path).load() == Remembered()


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path):
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(path, body):
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

    memory = AlertMemory(tmp_path, hangs, patience=0.01)
    assert not await memory.save(Remembered())
    assert memory.busy
    assert not await memory.save(Remembered())
    release.set()
    async with asyncio.timeout(5):
        while memory.busy:  # noqa: ASYNC110 - a thread ends
            await asyncio.sleep(0.01)


async def test_history_survives_a_restart_and_a_line_that_was_cut_off(tmp_path):
    first = AlertHistory(tmp_path)
    alert = alert_of(a_condition(), "ok", "raised", 5, "m")
    await first.add([alert])
    with (tmp_path / "alert_history.jsonl").open("ab") as file:
        file.write(b'{"key": "hal')
    second = AlertHistory(tmp_path)
    second.load()
    assert second.latest(10) == [alert]
    after = alert_of(a_condition(), "ok", "cleared", 6, "m")
    await second.add([after])
    third = AlertHistory(tmp_path)
    third.load()
    assert third.latest(10) == [after, alert]


def write(tmp_path, text, mode=0o600):
    path = tmp_path / "channels.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_sample_file_of_channels_loads(tmp_path):
    from pathlib import Path

    text = (Path(__file__).parents[2] / "deploy" / "channels.sample.toml").read_text()
    channels = load_channels(write(tmp_path, text))
    assert [(c.name, c.kind) for c in channels] == [
        ("on-call", "apprise"), ("boss", "apprise"), ("automation", "webhook"),
    ]  # fmt: skip
    assert channels[1].wants.after_seconds == 900


HOOK = '[[channel]]\nname = "a"\nkind = "webhook"\nurl = "https://h.test/"\nsecret = "0123456789abcdef"\n'


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (HOOK + HOOK, "there are 2 of that name"),
        (HOOK.replace('"a"', '"nats"'), "that name is taken"),
        (HOOK.replace("0123456789abcdef", "short"), "at least 16 characters"),
        (HOOK.replace("https", "ftp"), "begins with https"),
        (HOOK.replace("https://", "https://["), "begins with https"),
        (HOOK.replace("webhook", "pigeon"), "pigeon"),
        (HOOK + "colour = 1\n", "colour"),
        ("[[channel", "channels.toml"),
    ],
)
def test_a_channel_that_cannot_be_used_is_refused_at_the_start(tmp_path, text, mistake):
    with pytest.raises(SettingsError, match=mistake) as refused:
        load_channels(write(tmp_path, text))
    assert "0123456789abcdef" not in str(refused.value)


def test_a_file_of_channels_that_others_can_read_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="chmod 600"):
        load_channels(write(tmp_path, HOOK, 0o644))


def test_an_alert_keeps_its_id_when_another_monitor_leads():
    """Each monitor finds it by itself, under an id of its own."""
    first = a_condition(id="first")
    ledger = entered({}, due(Wants(), {}, [first], Orders(), 1, "m-1"), [first])
    worse = a_condition(id="second", since=1300, level="critical")
    (changed,) = due(Wants(), ledger, [worse], Orders(), 2, "m-2")
    assert (changed.transition, changed.id, changed.since) == ("changed", "first", 1000)
    ledger = entered(ledger, [changed], [worse])
    (cleared,) = due(Wants(), ledger, [], Orders(), 3, "m-2")
    assert (cleared.transition, cleared.id) == ("cleared", "first")


def test_an_acknowledgement_holds_on_the_other_monitor_too():
    ack = Acknowledgement("capacity/node/eu-1", "first", "warning", "ann", "", 5_000)
    orders, there = Orders((ack,)), a_condition(id="second", since=1_300)
    assert orders.acknowledged(there) == ack
    assert orders.pruned([there], 6_000).acknowledgements == (ack,)
    later = a_condition(id="third", since=5_001)
    assert orders.acknowledged(later) is None
    assert orders.pruned([later], 6_000).acknowledgements == ()


def test_a_clock_that_is_put_back_holds_up_no_alert():
    assert Ear().hears(a_condition(since=5_000), at=1_000) == [("eu-1", "raised", "warning")]
