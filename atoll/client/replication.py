"""Waiting until an asset is in enough regions. I/O through what it is given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from atoll.backoff import Backoff
from atoll.client.query import LEAST_SECONDS, Sleep
from atoll.client.views import Locations
from atoll.errors import AtollError, Failed, NotFound, Unavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0


class NotReplicatedYet(Unavailable):
    """The wait is over and regions are missing. Nothing is lost: replication goes on."""

    slug = "not-replicated-yet"
    title = "The image is not in enough regions yet"


async def wait_replicated(
    ask: Callable[[], Awaitable[Locations]],
    regions: int | None,
    timeout: float,
    *,
    version: str = "",
    rng: random.Random | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Locations:
    """Where it is, once that is `regions` regions (None: on all nodes of its set).

    Copies of a version before `version` prove nothing of it: such an answer counts as none. Until `timeout`
    seconds are over, an asset that is not in the catalog yet is waited for. Raises `NotReplicatedYet`, or the
    last error when the question could not be answered.
    """
    clock = asyncio.get_running_loop().time
    end, backoff = clock() + timeout, Backoff(FIRST_PAUSE, LONGEST_PAUSE, rng)
    while True:
        answer = await _answer(ask, max(LEAST_SECONDS, end - clock()))
        if isinstance(answer, Locations) and answer.version >= version and _enough(answer, regions):
            return answer
        pause = backoff.next()
        if clock() + pause > end:
            raise _too_late(answer, regions, timeout, version)
        await sleep(pause)


async def _answer(ask: Callable[[], Awaitable[Locations]], seconds: float) -> Locations | AtollError:
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return Unavailable("The query service gave no answer in time.")
    except (NotFound, Failed) as error:
        return error


def _enough(where: Locations, regions: int | None) -> bool:
    if regions is not None:
        return len(where.regions) >= regions
    return bool(where.expected) and not where.missing


def _too_late(
    answer: Locations | AtollError, regions: int | None, timeout: float, version: str
) -> AtollError:
    if isinstance(answer, AtollError):
        return answer
    if answer.version < version:
        return NotReplicatedYet(
            f"After {timeout:g} s the catalog knows an older version only.", version=version
        )
    wanted = "not on all nodes of its set" if regions is None else f"not in {regions} regions"
    return NotReplicatedYet(
        f"After {timeout:g} s the image is {wanted}; replication goes on, ask again later.",
        confirmed=sorted(answer.regions),
        missing=sorted(answer.missing),
    )
