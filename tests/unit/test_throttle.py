"""Throttling without Redis, and the arithmetic of it; with Redis: integration/test_throttling.py."""

from __future__ import annotations

import asyncio

import pytest

from atoll.errors import TooManyRequests
from query_service.throttle import LEASE_SECONDS, MAX_SUBJECTS, Throttle
from query_service.throttling import refusal_response, subject_of
from query_service.token_bucket import LocalBucket, Rate


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


async def admitted(throttle, subject, tries):
    count = 0
    for _ in range(tries):
        if not throttle.spend(subject):
            try:
                await throttle.wait(subject)
            except TooManyRequests:
                continue
        count += 1
    return count


def test_a_bucket_gives_its_burst_and_then_its_rate():
    bucket, rate = LocalBucket(Rate(10, 40), 0.0), Rate(10, 40)
    taken = sum(bucket.take(0.0)[0] for _ in range(100 // rate.lease))
    assert taken == 40
    assert bucket.take(0.0) == (0, 0.1)
    assert sum(bucket.take(1.0)[0] for _ in range(100)) == 10
    assert sum(bucket.take(1000.0)[0] for _ in range(100)) == 40


@pytest.mark.parametrize(
    ("rate", "lease", "window"),
    [(Rate(1, 1), 1, 1), (Rate(1, 10), 1, 10), (Rate(20_000, 100_000), 1000, 5), (Rate(100, 30), 1, 1)],
)
def test_a_lease_is_a_small_part_of_what_there_is(rate, lease, window):
    assert (rate.lease, rate.window) == (lease, window)


async def test_without_redis_each_subject_has_a_bucket_of_its_own_here():
    clock = Clock()
    throttle = Throttle("key", Rate(10, 40), None, clock)
    assert await admitted(throttle, "a", 100) == 40
    assert await admitted(throttle, "b", 100) == 40
    assert await admitted(throttle, "a", 100) == 0
    clock.now += 1
    assert await admitted(throttle, "a", 100) == 10


async def test_who_is_refused_is_told_when_to_come_back_and_what_the_rule_is():
    throttle = Throttle("key", Rate(1, 3), None, Clock())
    assert await admitted(throttle, "a", 3) == 3
    with pytest.raises(TooManyRequests) as refused:
        await throttle.wait("a")
    assert refused.value.facts["retry_after"] == 1
    headers = refusal_response(refused.value).headers
    assert headers["Retry-After"] == "1"
    assert headers["RateLimit-Policy"] == '"key";q=3;w=3'
    assert headers["RateLimit"] == '"key";r=0;t=1'


async def test_tokens_that_were_not_spent_are_worth_nothing_later():
    clock = Clock()
    throttle = Throttle("key", Rate(100, 100), None, clock)
    await throttle.wait("a")
    assert throttle.spend("a")
    clock.now += LEASE_SECONDS
    assert not throttle.spend("a")


async def test_subjects_are_remembered_up_to_a_number():
    throttle = Throttle("address", Rate(1, 1), None, Clock())
    for number in range(MAX_SUBJECTS + 10):
        await throttle.wait(str(number))
    assert len(throttle._accounts) == MAX_SUBJECTS
    await throttle.close()


async def test_a_rate_of_nothing_is_no_limit():
    assert Throttle("key", Rate(0, 1), None, Clock()).off
    assert not Throttle("key", Rate(1, 1), None, Clock()).off


async def test_a_redis_that_hangs_costs_a_moment_and_not_its_answer():
    class Hanging:
        answers = True

        async def call(self, command, seconds):
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()

    class Silent(Hanging):
        async def call(self, command, seconds):
            try:
                await super().call(command, seconds)
            except TimeoutError:
                return

    throttle = Throttle("key", Rate(10, 40), Silent(), Clock())
    async with asyncio.timeout(5):
        assert await admitted(throttle, "a", 50) == 40
    await throttle.close()


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("what:ever", "what:ever"),
    ],
)
def test_what_an_address_is_counted_under(address, subject):
    assert subject_of(address) == subject


async def test_what_is_left_is_what_the_bucket_and_this_instance_still_hold():
    throttle = Throttle("key", Rate(10, 40), None, Clock())
    assert throttle.policy == '"key";q=40;w=4'
    assert throttle.left("a") == '"key";r=0'
    for used in range(1, 41):
        assert await admitted(throttle, "a", 1) == 1
        assert throttle.left("a") == f'"key";r={40 - used}'


async def test_a_rate_of_nothing_says_no_limit():
    assert Throttle("key", Rate(0, 40), None, Clock()).policy == ""
