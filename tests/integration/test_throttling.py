"""Throttling with a real Valkey and two instances, and when that goes away in the middle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import Answer, another_instance, query_stage, running, until
from redis.asyncio import Redis

from atoll.backoff import Backoff
from atoll.errors import TooManyRequests
from query_service.circuit import Circuit
from query_service.shared_redis import SharedRedis
from query_service.throttle import Throttle
from query_service.token_bucket import Rate

pytestmark = pytest.mark.integration

PATIENT = 10.0  # seconds: on a busy machine Valkey may be late, and then each instance goes on by itself


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineThread]:
    with EngineThread(tmp_path_factory.mktemp("throttle-engines")) as running_engines:
        yield running_engines


@pytest_asyncio.fixture
async def clients(engines: EngineThread) -> AsyncIterator[list[SharedRedis]]:
    """Two instances' ways to one Valkey, empty."""
    opened = [Redis.from_url(engines.urls.redis) for _ in range(2)]
    await opened[0].flushall()
    yield [SharedRedis(redis, Circuit(time.monotonic, Backoff(0.05, 0.2))) for redis in opened]
    for redis in opened:
        await redis.aclose()


async def spent(throttle: Throttle, subject: str) -> bool:
    if throttle.spend(subject):
        return True
    try:
        await throttle.wait(subject)
    except TooManyRequests:
        return False
    return True


async def admitted(throttle: Throttle, tries: int, subject: str = "a") -> int:
    return sum([await spent(throttle, subject) for _ in range(tries)])


async def test_two_instances_let_in_what_one_bucket_holds(clients: list[SharedRedis]) -> None:
    rate = Rate(1, 400)  # a minute gives 60 more: what comes back meanwhile is small beside the burst
    throttles = [Throttle("key", rate, redis, time.monotonic, PATIENT) for redis in clients]
    started = time.monotonic()
    counts = await asyncio.gather(*(admitted(throttle, 1000) for throttle in throttles))
    back = time.monotonic() - started
    assert 400 - 2 * rate.lease <= sum(counts) <= 400 + rate.per_second * back + 1
    started = time.monotonic()
    alone = await admitted(throttles[0], 1000, "b")
    assert 400 <= alone <= 400 + rate.per_second * (time.monotonic() - started) + 1
    for throttle in throttles:
        await throttle.close()


async def test_most_requests_ask_redis_nothing(clients: list[SharedRedis]) -> None:
    calls = 0

    class Counting(SharedRedis):
        async def call(self, command: tuple[object, ...], seconds: float) -> object:
            nonlocal calls
            calls += 1
            return await clients[0].call(command, seconds)

    counting = Counting(Redis(), Circuit(time.monotonic, Backoff(0.05, 0.2)))
    throttle = Throttle("key", Rate(20_000, 100_000), counting, time.monotonic, PATIENT)
    assert await admitted(throttle, 10_000) == 10_000
    assert 1 <= calls <= 40
    await throttle.close()


async def test_without_redis_it_goes_on_here_and_with_redis_again_there(
    tmp_path: Path,
) -> None:
    with EngineThread(tmp_path / "engines") as own:
        redis = Redis.from_url(own.urls.redis)
        shared = SharedRedis(redis, Circuit(time.monotonic, Backoff(0.05, 0.2)))
        throttle = Throttle("key", Rate(1, 50), shared, time.monotonic, PATIENT)
        assert 1 <= await admitted(throttle, 30) <= 30
        await asyncio.to_thread(own.stop, "valkey")
        assert await admitted(throttle, 200, "fresh") in range(50, 60)
        assert not shared.answers
        await asyncio.to_thread(own.start, "valkey")

        async def used_again() -> bool:
            await admitted(throttle, 3, "fresh")
            return shared.answers

        await until(used_again, "Redis is asked again")
        await throttle.close()
        await redis.aclose()


async def test_every_counted_answer_says_how_much_is_left(engines: EngineThread, tmp_path: Path) -> None:
    limits: dict[str, float] = {"key_rate": 1, "key_burst": 600, "address_rate": 1, "address_burst": 300}
    limits["throttle_wait_seconds"] = PATIENT

    def left(answer: Answer) -> int:
        return int(answer.headers["RateLimit"].rpartition("r=")[2])  # type: ignore[index,call-overload]

    async with query_stage(tmp_path, engines.urls, "left_test", **limits) as stage:
        first = await stage.get("/v1/regions", key="reader")
        assert first.headers["RateLimit-Policy"] == '"key";q=600;w=600'  # type: ignore[index,call-overload]
        unknown = await stage.get(f"/v1/assets/{'0' * 26}", key="reader")
        unknown.problem(404, "not-found")
        assert left(unknown) <= left(first) < 600
        image = await stage.get("/i/photos/none", key=None)
        assert image.headers["RateLimit-Policy"] == '"address";q=300;w=300'  # type: ignore[index,call-overload]
        assert left(image) < 300
        for path in ("/health", "/docs", "/nowhere"):
            assert "RateLimit" not in (await stage.get(path, key=None)).headers


async def test_a_key_and_an_address_are_refused_by_both_services_together(
    engines: EngineThread, tmp_path: Path
) -> None:
    limits: dict[str, float] = {"key_rate": 1, "key_burst": 60, "address_rate": 1, "address_burst": 30}
    limits["throttle_wait_seconds"] = PATIENT
    async with query_stage(tmp_path, engines.urls, "throttle_test", **limits) as stage:
        other = another_instance(stage)
        async with running(other, heard=False):

            async def ask(number: int) -> int:
                service = (stage, other)[number % 2]
                return (await service.get("/v1/regions", key="reader")).status

            started = time.monotonic()
            codes = [await ask(number) for number in range(150)]
            back = time.monotonic() - started  # one token a second comes back
            assert 60 - 2 * Rate(1, 60).lease <= codes.count(200) <= 60 + back + 1
            assert codes.count(429) == 150 - codes.count(200)
            answer = await stage.get("/v1/regions", key="reader")
            problem = answer.problem(429, "too-many-requests")
            assert (problem["limit"], problem["burst"]) == (1, 60)
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["RateLimit-Policy"] == '"key";q=60;w=60'  # type: ignore[index,call-overload]
            assert (await stage.get("/v1/uploads", key="reader")).status == 405
            assert (await stage.ask("POST", "/v1/uploads", {"bucket": "tiny"}, key="writer")).status == 201
            answers = [await stage.get("/i/photos/none", key=None) for _ in range(45)]
            codes = [answer.status for answer in answers]
            assert codes.count(429) >= 10
            assert set(codes) == {404, 429}
            assert {a.headers["Access-Control-Allow-Origin"] for a in answers} == {"*"}  # type: ignore[index,call-overload]
            assert (await stage.get("/health", key=None)).status == 200
