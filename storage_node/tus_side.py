"""Resumable uploads, put together: what was unfinished at the last stop, their routes, their end by time.

Called by upload_side.py; app.py runs `sweep`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge

from atoll.cluster_map import LiveClusterMap
from atoll.errors import Gone
from atoll.signing import Ticket
from storage_node.body_pace import Pace, too_large
from storage_node.cors import UploadPages
from storage_node.ground import Ground
from storage_node.ingest import Upload
from storage_node.tus_address import TusAddress
from storage_node.tus_api import TusApi
from storage_node.tus_book import TusBook, TusLimits
from storage_node.tus_bytes import TusBytes
from storage_node.tus_create import Creation, CreationRules
from storage_node.tus_finish import Finisher
from storage_node.tus_receive import Receiver
from storage_node.tus_record import TusRecord
from storage_node.tus_shelf import TusShelf
from storage_node.tus_sweep import sweep_once
from storage_node.upload_answer import Acknowledger
from storage_node.upload_door import UploadDoor
from storage_node.upload_intake import UploadIntake
from storage_node.upload_policy import max_bytes, upload_of

_SWEEP_SECONDS = 60.0


class TusSide:
    """`threads` write. Made before the node serves: the constructor reads what is on the disk."""

    def __init__(
        self,
        ground: Ground,
        cluster: LiveClusterMap,
        door: UploadDoor,
        intake: UploadIntake,
        acknowledger: Acknowledger,
        threads: Executor,
    ) -> None:
        settings = ground.settings
        self._settings, self._cluster, self._ground = settings, cluster, ground
        shelf = TusShelf(settings.data_dir)
        limits = TusLimits(settings.tus_max_uploads, settings.tus_max_bytes, settings.tus_max_parts)
        self.book = TusBook(limits, ground.space, shelf.load())
        pace = Pace(settings.upload_idle_seconds, settings.upload_min_bytes_per_second)
        receiver = Receiver(shelf, self.book, pace, threads)
        self._finisher = Finisher(shelf, self.book, receiver, intake, self._upload_of, threads)
        address = TusAddress(ground.keys, ground.origin.node, settings.public_url)
        creation = Creation(self._rules(), address, shelf, self.book, self._finisher, threads)
        self.api = TusApi(
            ground.origin,
            door,
            address,
            self.book,
            creation,
            TusBytes(ground.space, receiver, self._finisher, acknowledger),
            self._finisher,
            acknowledger,
            self._limit_of,
            settings.max_upload_bytes,
        )
        _gauges(ground.registry, self.book)

    def _rules(self) -> CreationRules:
        settings = self._settings
        return CreationRules(
            settings.tus_max_parts,
            settings.tus_max_metadata,
            settings.tus_expiry_seconds * 1000,
            self._limit_of,
            self._ground.origin.now_ms,
        )

    def _limit_of(self, ticket: Ticket) -> int:
        return max_bytes(ticket, self._settings, self._cluster.current)

    def _upload_of(self, record: TusRecord, filename: str | None, content_type: str | None) -> Upload:
        """The bucket's policy may have become narrower since the upload began, and its time have passed.

        After that the index may have forgotten what its ticket was used for: see MAX_TUS_EXPIRY_SECONDS.
        """
        if self._ground.origin.now_ms() >= record.expires_at:
            raise Gone("This upload has expired. Begin anew.", expired_at=record.expires_at)
        limit = self._limit_of(record.ticket)
        if record.length > limit:
            raise too_large(limit, record.length)
        return upload_of(
            record.ticket, record.file, filename, content_type, self._settings, self._cluster.current
        )

    def pages(self, request: web.Request) -> UploadPages | None:
        """Whose pages may go on with the resumable upload at this request's path, if there is one."""
        ticket = self.book.ticket_of(request.path.rpartition("/")[2])
        return UploadPages(ticket.bucket, ticket.origin) if ticket else None

    async def sweep(self) -> None:
        """Remove what has expired, for ever."""
        every = min(_SWEEP_SECONDS, self._settings.tus_expiry_seconds / 2)
        while True:
            await sweep_once(self.book, self._finisher.forget, self._ground.origin.now_ms())
            await asyncio.sleep(every)


def _gauges(registry: CollectorRegistry, book: TusBook) -> None:
    unfinished = Gauge("atoll_tus_uploads", "Resumable uploads that are unfinished.", registry=registry)
    unfinished.set_function(lambda: book.open)
    kept = Gauge("atoll_tus_bytes", "Bytes that unfinished resumable uploads have here.", registry=registry)
    kept.set_function(lambda: book.kept_bytes)
