"""One body to one asset: room for it, its way through the spool, its acceptance, and the figures of all that.

Knows nothing of HTTP. Called by uploads_api for each file; ingest.py makes the file durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram

from atoll.errors import AtollError
from atoll.metrics import LATENCY_BUCKETS
from atoll.model import AssetRecord
from storage_node.fresh_uploads import FreshUploads
from storage_node.ingest import Ingest, Upload
from storage_node.space import SpaceGuard
from storage_node.spool import Spool
from storage_node.store import BlobKey, BlobStore
from storage_node.thread_answer import ThreadAnswer


class UploadIntake:
    """`spool_threads` write bodies as they come, `ingest_threads` make them durable; `heard_of` waits for
    the news of a new bucket. `deleted` is told of uploads that took older versions' place.
    """

    def __init__(
        self,
        store: BlobStore,
        ingest: Ingest,
        space: SpaceGuard,
        ingest_threads: Executor,
        spool_threads: Executor,
        registry: CollectorRegistry,
        fresh: FreshUploads,
        heard_of: Callable[[str], Awaitable[None]],
        deleted: Callable[[], None] = lambda: None,
    ) -> None:
        self._heard_of, self._deleted = heard_of, deleted
        self._store, self._ingest, self._space, self._fresh = store, ingest, space, fresh
        self._ingest_threads, self._spool_threads = ingest_threads, spool_threads
        self._uploads = Counter("atoll_uploads", "Files taken, by result.", ["result"], registry=registry)
        self._bytes = Counter("atoll_upload_bytes", "Bytes of images taken.", registry=registry)
        self._seconds = Histogram(
            "atoll_upload_seconds",
            "From the complete body to durable.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )

    async def take(self, body: AsyncIterator[bytes], upload: Upload, expected: int) -> AssetRecord:
        """The record of `body`, durable. `expected` bytes of room are held meanwhile (`NoSpace`)."""
        await self._heard_of(upload.ticket.bucket)
        try:
            with self._space.promise(expected):
                record = await self._accept(await self._spooled(body), upload)
        except AtollError as error:
            self._uploads.labels(error.slug).inc()
            raise
        if not upload.versions.keep:
            self._deleted()
        self._uploads.labels("stored").inc()
        self._bytes.inc(record.blob.size)
        return record

    async def _spooled(self, body: AsyncIterator[bytes]) -> Spool:
        spool = Spool(self._store, self._spool_threads)
        try:
            async for chunk in body:
                await spool.feed(chunk)
        except BaseException:  # cancelled too: nothing half-written may stay
            await asyncio.shield(
                asyncio.get_running_loop().run_in_executor(self._spool_threads, spool.discard)
            )
            raise
        return spool

    async def _accept(self, spool: Spool, upload: Upload) -> AssetRecord:
        """From here on a client that goes away changes nothing: a retry with its ticket finds the upload."""
        answer, drops = ThreadAnswer[AssetRecord](), self._fresh.drops
        with self._seconds.time():
            answer.begin(self._ingest_threads, partial(self._ingest.accept, spool, upload))
            record = await answer.here
        if spool.body is not None:
            self._fresh.put(BlobKey(record.bucket, record.blob.sha256, record.blob.ext), spool.body, drops)
        return record
