"""The circuit breaker before the catalog."""

from __future__ import annotations

import random

import pytest

from atoll.backoff import Backoff
from query_service.circuit import Circuit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuit(clock):
    return Circuit(clock, Backoff(1.0, 4.0, random.Random(1)))


def test_it_is_closed_until_a_call_fails(circuit):
    assert all(circuit.allows() for _ in range(5))
    circuit.failed()
    assert not circuit.closed
    assert not circuit.allows()


def test_after_a_delay_one_call_is_let_through_and_no_other(circuit, clock):
    circuit.failed()
    clock.now += 1.0
    assert circuit.allows()
    assert not circuit.allows()


def test_a_trial_that_succeeds_closes_it(circuit, clock):
    circuit.failed()
    clock.now += 1.0
    assert circuit.allows()
    circuit.succeeded()
    assert circuit.closed
    assert all(circuit.allows() for _ in range(5))


def test_a_trial_that_fails_or_never_ends_leaves_it_open_until_the_next(circuit, clock):
    circuit.failed()
    for _ in range(5):
        clock.now += 4.0  # the cap of the delays
        assert circuit.allows()
        circuit.failed()
        assert not circuit.allows()
