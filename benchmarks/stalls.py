"""What holds the event loops of all daemons while a whole cluster is loaded: uploads and their copies,
look-ups, hot reads, thumbnails of photographs (`stall_load`).

Every daemon measures its own loop all the time (atoll/loop_meter.py): its figures are read before and after
the load.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from atoll.local.cluster import LocalCluster
from atoll.local.ports import LOOPBACK
from benchmarks.ask import Asker
from benchmarks.context import Context
from benchmarks.one_node import NO_EXTRAS
from benchmarks.result import Mark, Result, Series
from benchmarks.stall_load import BATCH, PER_SECOND, SECONDS, Load

LONGEST = 0.02  # seconds
_METRICS = f"GET /metrics HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode()
_BUCKET = re.compile(r'^atoll_loop_busy_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\S+)$', re.MULTILINE)

Wakes = Counter[float]  # how often a loop woke, by the least time (seconds) within which it was busy


async def run(ctx: Context) -> Result:
    """Fill a cluster a little, load it round after round."""
    asker = Asker()
    ctx.say("starting a cluster")
    async with LocalCluster(
        ctx.directory / "cluster", known_ports=False, extra={"storage_node": NO_EXTRAS}
    ) as cluster:
        load = Load(cluster, asker)
        await load.fill()
        rounds = [await _round(cluster, load, asker) for _ in ctx.each_round("everything at once")]
    asker.close()
    return _result(rounds, load.thumbnails)


async def _round(cluster: LocalCluster, load: Load, asker: Asker) -> dict[str, Wakes]:
    """By daemon: how its loop woke under load."""
    ports = {plan.name: cluster.ports[plan.name] for plan in cluster.plans}
    before = {name: await _wakes(asker, name, port) for name, port in ports.items()}
    await load.round()
    return {name: await _wakes(asker, name, port) - before[name] for name, port in ports.items()}


async def _wakes(asker: Asker, daemon: str, port: int) -> Wakes:
    text = (await asker.ask(port, (_METRICS,))).body.decode()
    within = [(float(bound), int(float(count))) for bound, count in _BUCKET.findall(text)]
    if not within:
        raise RuntimeError(f"{daemon} does not say how its loop is")
    counts = [count for _, count in within]
    return Counter({bound: at - below for (bound, at), below in zip(within, [0, *counts], strict=False)})


def _result(rounds: Sequence[dict[str, Wakes]], thumbnails: int) -> Result:
    daemons = sorted(rounds[0])
    longer = {
        name: tuple(
            float(sum(n for within, n in wakes[name].items() if within > LONGEST)) for wakes in rounds
        )
        for name in daemons
    }
    longest = [
        Series(f"{name}: longest, at most", "ms", tuple(_longest(wakes[name]) * 1000 for wakes in rounds))
        for name in daemons
    ]
    woken = Series("looks at a loop", "", tuple(float(sum(w.total() for w in r.values())) for r in rounds))
    over = Series(
        f"over {LONGEST * 1000:g} ms, all daemons together",
        "",
        tuple(map(sum, zip(*longer.values(), strict=True))),
    )
    mark = Mark(over.name, sum(over.values), 0.0, at_most=True)
    return Result(
        "Stalls of the event loops under load", (woken, over, *longest), (mark,), _notes(thumbnails)
    )


def _longest(wakes: Wakes) -> float:
    """The bound of the highest class that something fell into."""
    return max((within for within, number in wakes.items() if number and within != float("inf")), default=0.0)


def _notes(thumbnails: int) -> tuple[str, ...]:
    return (
        f"A local cluster of three regions under {PER_SECOND:g} uploads a second of 80 KB, {SECONDS} s a"
        f" round, each copied to two regions, and all the while look-ups of one and of {BATCH} assets, hot"
        " reads from every node, and thumbnails of a photograph of 2,040 x 1,360 that no node has made"
        f" ({thumbnails} in all). All daemons, engines and the client share the cores.",
        "Measured by each daemon itself, a hundred times a second: how late its loop was, as far as its own"
        " thread computed meanwhile (not: waited for a core). Figures are bounds of classes: 20 means more"
        " than 10 ms and at most 20.",
    )
