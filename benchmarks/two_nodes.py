"""Two nodes of one set in two regions, and one replicator: uploads to the first, copies to the second.

A local cluster of which only that runs: third node, query services and monitor are stopped once there is a
bucket, so that the machine is for what is measured. Uploads have tickets that are signed here. When a copy is
durable is what the second node's own receipt says (`receipts`); `absent` looks for all of them on its disk.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import psutil

from atoll.ids import new_id, now_ms
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS, SET
from atoll.settings import read_secret
from atoll.signing import Keys, Ticket, sign_token
from benchmarks.ask import Asker
from benchmarks.held import Missing, Node, Wanted, unknown_to_index, wrong_on_disk
from benchmarks.lean_client import Request, Run, send_all
from benchmarks.one_node import NO_EXTRAS
from benchmarks.open_loop import OpenLoop, at_rate
from benchmarks.pictures import Picture
from benchmarks.receipts import Receipts, receipts_of
from benchmarks.uploader import Upload

GIVER, TAKER = (f"{region.name}-1" for region in REGIONS[:2])
REPLICATOR = f"{TAKER}-replicator"
_USED = {GIVER, TAKER, REPLICATOR}
_LOOK_SECONDS, _SILENCE_SECONDS = 0.1, 60.0
_DEPTH = re.compile(r"^atoll_outbox_depth(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_METRICS = b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n"


class TwoNodes:
    """Both nodes run; the replicator does while it is told to."""

    def __init__(self, cluster: LocalCluster, receipts: Receipts) -> None:
        self._cluster, self._receipts, self._asker = cluster, receipts, Asker()
        self._keys = Keys(read_secret(cluster.paths.secrets / "cluster-secret"))

    def close(self) -> None:
        self._asker.close()

    async def replicate(self) -> None:
        """The replicator begins."""
        await self._cluster.daemons[REPLICATOR].start()

    async def rest(self) -> None:
        """The replicator ends."""
        await self._cluster.daemons[REPLICATOR].stop()

    async def upload(self, pictures: Sequence[Picture], clients: int) -> Run:
        """As fast as the first node takes them; and its events are in the stream."""
        requests = [self._request(picture)[1] for picture in pictures]
        run = await send_all(self._cluster.ports[GIVER], requests, clients)
        await self._published()
        return run

    async def upload_at(self, pictures: Sequence[Picture], per_second: float) -> OpenLoop[Upload]:
        """One after the other at its time, to the first node."""
        return await at_rate(pictures, per_second, self._upload)

    async def durable(self, hashes: Sequence[str]) -> dict[str, float]:
        """When each was durable on the second node (Unix s), once all are or none came for a minute."""
        wanted, found = set(hashes), dict[str, float]()
        news_at = time.monotonic()
        while len(found) < len(wanted) and time.monotonic() - news_at < _SILENCE_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            told = self._receipts.read()
            now = {sha: told[sha][TAKER].fsynced_at for sha in wanted & told.keys() if TAKER in told[sha]}
            if len(now) > len(found):
                found, news_at = now, time.monotonic()
        self._receipts.forget()
        return found

    def absent(self, wanted: Sequence[Wanted]) -> list[Missing]:
        """What the second node's index or disk lacks. Blocks."""
        node = Node(TAKER, self._cluster.ports[TAKER], self._cluster.paths.data(TAKER))
        hashes = [each.sha256 for each in wanted]
        return unknown_to_index(node, wanted, BUCKET) + wrong_on_disk(node, hashes)

    def cpu(self, daemon: str) -> float:
        """Seconds that it took so far, with the processes below it."""
        pid = self._cluster.daemons[daemon].status.pid
        assert pid is not None
        process = psutil.Process(pid)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        return float(sum(each.user + each.system for each in times))

    async def _upload(self, picture: Picture) -> Upload:
        """RuntimeError when it is refused."""
        asset_id, request = self._request(picture)
        sent_at = time.time()
        answer = await self._asker.ask(self._cluster.ports[GIVER], request)
        if answer.status != 201:
            raise RuntimeError(f"upload to {GIVER}: {answer}")
        return Upload(asset_id, picture.sha256, GIVER, sent_at, sent_at, time.time())

    def _request(self, picture: Picture) -> tuple[str, Request]:
        asset_id, length = new_id(), len(picture.body)
        ticket = Ticket(new_id(), GIVER, SET, BUCKET, asset_id, now_ms() + 3_600_000, 64 * 2**20)
        target = f"/v1/uploads?ticket={quote(sign_token(ticket, self._keys.ticket))}"
        head = f"PUT {target} HTTP/1.1\r\nHost: node\r\nContent-Length: {length}\r\n\r\n"
        return asset_id, Request(head.encode(), picture.body)

    async def _published(self) -> None:
        async with asyncio.timeout(_SILENCE_SECONDS):
            while await self._depth():  # noqa: ASYNC110 - another process's metric
                await asyncio.sleep(_LOOK_SECONDS)

    async def _depth(self) -> float:
        answer = await self._asker.ask(self._cluster.ports[GIVER], (_METRICS,))
        (depth,) = _DEPTH.findall(answer.body.decode())
        return float(depth)


@asynccontextmanager
async def two_nodes(directory: Path) -> AsyncIterator[TwoNodes]:
    """They run under `directory`; the replicator rests."""
    async with (
        LocalCluster(directory, known_ports=False, extra={"storage_node": NO_EXTRAS}) as cluster,
        receipts_of(cluster) as receipts,
    ):
        others = [process for name, process in cluster.daemons.items() if name not in _USED]
        await asyncio.gather(*(process.stop() for process in others))
        nodes = TwoNodes(cluster, receipts)
        await nodes.rest()
        try:
            yield nodes
        finally:
            nodes.close()
