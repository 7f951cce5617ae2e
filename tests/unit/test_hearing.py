"""Whether NATS brings what is sent is found out by sending, not by asking the connection."""

from __future__ import annotations

from hand_clock import HandClock

from atoll.health import SUSPECT_AFTER
from atoll.hearing import ASK_SECONDS, DEAF_SECONDS, SEND_SECONDS, Hearing


class _Bus:
    connected = True


def _hearing():
    clock, bus, backs = HandClock(), _Bus(), []
    return Hearing(bus, clock.monotonic, lambda: backs.append(clock.monotonic())), clock, bus, backs


def test_a_connection_alone_is_no_hearing():
    hearing, _, _, backs = _hearing()
    assert not hearing.hears
    hearing.heard()
    assert hearing.hears
    assert len(backs) == 1


def test_it_is_deaf_when_its_own_word_does_not_come_back_and_says_when_it_does():
    hearing, clock, _, backs = _hearing()
    hearing.heard()
    clock.advance(DEAF_SECONDS / 2)
    hearing.heard()
    assert len(backs) == 1
    clock.advance(DEAF_SECONDS)
    assert not hearing.hears
    hearing.heard()
    assert hearing.hears
    assert len(backs) == 2


def test_a_lost_connection_is_known_at_once():
    hearing, _, bus, _ = _hearing()
    hearing.heard()
    bus.connected = False
    assert not hearing.hears


def test_it_knows_that_it_is_deaf_before_a_node_looks_silent():
    assert ASK_SECONDS + SEND_SECONDS <= DEAF_SECONDS < SUSPECT_AFTER
