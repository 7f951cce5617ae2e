"""What is looked at while uploads run and after: rates, memory of each daemon, pages of the listing."""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count, pairwise
from typing import NamedTuple

import msgspec
import psutil
from msgspec import Struct
from PIL import Image

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET
from benchmarks.ask import Asker
from benchmarks.family_memory import memory
from benchmarks.pictures import Pictures, soft_noise

PAGE = 1000
_CATALOG_SECONDS, _LOOK_SECONDS = 120.0, 1.0


class SmallPictures(Pictures):
    """JPEGs of a few kilobytes, as thumbnails of a shop are."""

    def __init__(self, rng: random.Random) -> None:
        out = io.BytesIO()
        small: Image.Image = soft_noise(192, 144, rng)
        small.save(out, "JPEG", quality=75)
        self._start = out.getvalue().removesuffix(b"\xff\xd9")
        self._hash = sha256(self._start)
        self._numbers = count(rng.getrandbits(40))


def rates(ended: Sequence[float], began: float, parts: int) -> list[float]:
    """Uploads a second in each of `parts` equal portions of the uploads; `ended` in order, seconds."""
    size = len(ended) // parts
    marks = [began, *(ended[(part + 1) * size - 1] for part in range(parts))]
    return [size / (late - early) for early, late in pairwise(marks)]


def growth(samples: Sequence[float]) -> float:
    """What the last tenth of the samples has more than those after the first fifth, as a factor."""
    size = max(1, len(samples) // 10)
    fifth = samples[len(samples) // 5 : len(samples) // 5 + size] or samples[:1]
    return (sum(samples[-size:]) / size) / (sum(fifth) / len(fifth))


class MemoryCourse:
    """Proportional memory (MB) of every daemon with its workers, sampled when told."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._processes = {
            name: psutil.Process(pid)
            for name, daemon in cluster.daemons.items()
            if (pid := daemon.status.pid) is not None
        }
        self.samples: dict[str, list[float]] = {name: [] for name in self._processes}

    def look(self) -> None:
        """One sample of each."""
        for name, process in self._processes.items():
            self.samples[name].append(memory(process).pss)


class _Page(Struct):
    assets: list[dict[str, object]]
    next_cursor: str | None = None


class Listing(NamedTuple):
    """A walk through all pages: how many assets, seconds of each full page. Not `whole`: it was refused."""

    assets: int
    seconds: list[float]
    whole: bool = True


async def listed(cluster: LocalCluster, asker: Asker, wanted: int, say: Callable[[str], None]) -> Listing:
    """All pages, once the catalog has `wanted` assets or long enough was waited for that."""
    end = time.monotonic() + _CATALOG_SECONDS
    while (found := await _walk(cluster, asker)).assets < wanted and time.monotonic() < end:
        say(f"the catalog has {found.assets:,} of {wanted:,}")
        await asyncio.sleep(_LOOK_SECONDS)
    return found


async def _walk(cluster: LocalCluster, asker: Asker) -> Listing:
    port, cursor, assets = cluster.ports[cluster.names("query_service")[0]], "", 0
    seconds: list[float] = []
    while True:
        path = f"/v1/assets?bucket={BUCKET}&limit={PAGE}" + (f"&cursor={cursor}" if cursor else "")
        head = f"GET {path} HTTP/1.1\r\nHost: query\r\nAuthorization: Bearer {cluster.admin_key}\r\n\r\n"
        began = time.perf_counter()
        answer = await asker.ask(port, (head.encode(),))
        if answer.status == 503:  # the stand-in scans; it may take longer than a query service waits
            return Listing(assets, seconds, whole=False)
        if answer.status != 200:
            raise RuntimeError(f"listing: {answer}")
        page = msgspec.json.decode(answer.body, type=_Page)
        if len(page.assets) == PAGE:
            seconds.append(time.perf_counter() - began)
        assets += len(page.assets)
        if page.next_cursor is None:
            return Listing(assets, seconds)
        cursor = page.next_cursor
