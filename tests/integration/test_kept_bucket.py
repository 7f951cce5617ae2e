"""A key-value bucket that is kept open, on a real NATS."""

from __future__ import annotations

import nats.js.errors
import pytest
from nats.js.api import KeyValueConfig

from atoll.bus import FOREIGN_ERRORS
from atoll.kept_bucket import KeptBucket

pytestmark = pytest.mark.integration


@pytest.fixture
def bucket(bus):
    return KeptBucket(bus, None, KeyValueConfig(bucket="TRIED"))


async def value(bucket):
    return (await bucket.use(lambda opened: opened.get("a"))).value


async def test_it_is_made_when_it_is_missing(bucket):
    await bucket.use(lambda opened: opened.put("a", b"1"))
    assert await value(bucket) == b"1"


async def test_once_open_nobody_asks_for_its_stream_again(bucket, bus):
    await bucket.use(lambda opened: opened.put("a", b"1"))
    asked = []

    async def on_question(message):
        asked.append(message)

    await bus.subscribe("$JS.API.STREAM.INFO.>", on_question)
    for _ in range(3):
        assert await value(bucket) == b"1"
    with pytest.raises(nats.js.errors.KeyNotFoundError):
        await bucket.use(lambda opened: opened.get("b"))
    assert await value(bucket) == b"1"
    assert not asked


async def test_one_that_was_wiped_is_made_anew_after_the_first_write_that_fails(bucket, bus):
    await bucket.use(lambda opened: opened.put("a", b"1"))
    await bus.jetstream().delete_key_value("TRIED")
    with pytest.raises(FOREIGN_ERRORS):
        await bucket.use(lambda opened: opened.put("a", b"2"))
    await bucket.use(lambda opened: opened.put("a", b"3"))
    assert await value(bucket) == b"3"
