"""GET and HEAD of a blob by a client: from memory, else from disk, else from a peer. Never a wrong byte.

Called for every path that no other handler owns, so it also says what is wrong with a path. What has a
transformation in it goes on to derivative_delivery.py. The hot path (hot_path.py) answers most reads before
they come here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from atoll.errors import AtollError, NotFound
from atoll.prepared import DateLine, Prepared, is_plain
from storage_node.blob_address import BLOB_SEGMENTS, parse_address
from storage_node.blob_answer import Answers, BlobRequest, conditions_of
from storage_node.blob_headers import hot_blob_head
from storage_node.delivery_access import DeliveryAccess
from storage_node.fetch import Fetched
from storage_node.hand_over import HandOver
from storage_node.home_redirect import HomeRedirect
from storage_node.local_copies import LocalCopies, LocalCopy
from storage_node.peers import Peers
from storage_node.pull_outcome import PullsThrough
from storage_node.quarantine import Verdict
from storage_node.ram_cache import Entry, RamCache
from storage_node.read_metrics import ReadMetrics, Served
from storage_node.sending import from_chunks, from_memory
from storage_node.spooled import chunks_of
from storage_node.store import StoreFailed
from storage_node.verified_read import BadCopy

_METHODS = ("GET", "HEAD")
BORROWED_SECONDS = 60.0  # what no delete drops, for this node has no record of it, leaves memory by time


Transformed = Callable[[web.Request, str], Awaitable[web.StreamResponse]]  # with the raw path


class Delivery:
    """See the module. `own_set` is this node's; `transformed` answers paths that are longer than a blob's."""

    def __init__(
        self,
        own_set: str,
        access: DeliveryAccess,
        ram: RamCache,
        local: LocalCopies,
        peers: Peers,
        puller: PullsThrough,
        answers: Answers,
        counts: ReadMetrics,
        transformed: Transformed,
        home: HomeRedirect,
        hand_over: HandOver | None = None,
    ) -> None:
        self._home, self._hand_over, self._date = home, hand_over, DateLine(time.time)
        self._transformed = transformed
        self._own_set, self._access, self._ram, self._local = own_set, access, ram, local
        self._peers, self._puller, self._answers, self._counts = peers, puller, answers, counts

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The catch-all handler. Errors are an `AtollError`, or 405."""
        if request.method not in _METHODS:
            raise web.HTTPMethodNotAllowed(request.method, _METHODS)
        path = _raw_path(request)
        if (away := self._home.elsewhere(request, path)) is not None:
            return away
        if path.count("/") > BLOB_SEGMENTS:
            return await self._transformed(request, path)
        try:
            return await self._serve(self._admit(request, path))
        except AtollError as error:
            if isinstance(error, NotFound) or error.status >= 500:
                self._counts.miss.requests += 1
            raise

    def _admit(self, request: web.Request, path: str) -> BlobRequest:
        """The request, if it names a blob that may exist and that this client may read."""
        address = parse_address(path)
        bucket = self._access.bucket(address.bucket)
        private_seconds = self._access.private_seconds(request, bucket, path)
        if not self._peers.knows_set(address.handle.set):
            raise NotFound(f"There is no set {address.handle.set!r}.", set=address.handle.set)
        return BlobRequest(request, address, private_seconds, self._ram.drops, conditions_of(request))

    async def _serve(self, asked: BlobRequest) -> web.StreamResponse:
        entry = self._ram.get(asked.address.path)
        if entry is not None:
            pieces = partial(from_memory, entry.body)
            return await self._answers.answer(asked, self._counts.ram, len(entry.body), pieces)
        if self._hand_over is not None and self._hand_over.may(asked):
            held = await self._local.known(asked.address)
            if held is not None:
                self._counts.handed.requests += 1
                self._counts.handed.bytes += held.blob.size
                return self._hand_over.answer(asked, held)
        try:
            copy = await self._here(asked)
        except BadCopy:
            return await self._from_peers(asked, keep=False)
        except StoreFailed as failed:
            return await self._past_the_disk(asked, failed)
        if copy is not None:
            return await self._from_copy(asked, self._counts.disk, copy)
        return await self._from_peers(asked, keep=True)

    async def _past_the_disk(self, asked: BlobRequest, failed: StoreFailed) -> web.StreamResponse:
        """A disk that hangs or fails does not keep a peer from giving the bytes; that no peer has them
        does not mean that nobody does."""
        try:
            return await self._from_peers(asked, keep=False)
        except NotFound:
            raise failed from None

    async def _here(self, asked: BlobRequest) -> LocalCopy | None:
        """This node's copy. A bad one is moved away; `BadCopy` when it is still in the way after that."""
        look = self._local.read if asked.wants_body else self._local.find
        try:
            return await look(asked.address)
        except BadCopy as bad:
            if await self._local.judge(bad) is Verdict.UNMOVED:
                raise
            return await look(asked.address)

    async def _from_copy(self, asked: BlobRequest, served: Served, copy: LocalCopy) -> web.StreamResponse:
        size = copy.held.blob.size
        if copy.body is not None:
            own = asked.address.handle.set == self._own_set
            self._remember(asked, copy.body, None if own else BORROWED_SECONDS)
            if asked.private_seconds is None and is_plain(asked.request):
                return self._prepared(asked, served, copy.body)
            return await self._answers.answer(asked, served, size, partial(from_memory, copy.body))
        read = self._local.chunks(copy.held, fall_back=True)
        return await self._answers.answer(asked, served, size, partial(from_chunks, read))

    def _prepared(self, asked: BlobRequest, served: Served, body: bytes) -> web.StreamResponse:
        """As the hot path will answer the next request for it."""
        served.requests += 1
        served.bytes += len(body)
        return Prepared(hot_blob_head(asked.address, len(body)), body, self._date.line())

    async def _from_peers(self, asked: BlobRequest, *, keep: bool) -> web.StreamResponse:
        async with self._puller.through(asked.address, keep=keep) as pulled:
            if isinstance(pulled, Fetched):  # its file lasts as long as this context
                return await self._from_fetched(asked, pulled)
        return await self._from_copy(asked, self._counts.peer, LocalCopy(pulled.held, pulled.body))

    async def _from_fetched(self, asked: BlobRequest, fetched: Fetched) -> web.StreamResponse:
        if fetched.body is not None:
            self._remember(asked, fetched.body, BORROWED_SECONDS)
            pieces = partial(from_memory, fetched.body)
        else:
            pieces = partial(from_chunks, chunks_of(fetched, self._local.reads))
        return await self._answers.answer(asked, self._counts.peer, fetched.size, pieces)

    def _remember(self, asked: BlobRequest, body: bytes, seconds: float | None) -> None:
        """Into memory with bytes that were just verified, unless something was dropped since we began.

        For so many seconds; None: until a delete drops them.
        """
        address, public = asked.address, asked.private_seconds is None
        if self._ram.fits(len(body)):
            head = hot_blob_head(address, len(body)) if public else b""
            blobs = ((address.bucket, address.handle.sha256),)
            expires_at = None if seconds is None else time.monotonic() + seconds
            entry = Entry(address.path, blobs, body, head, public=public, expires_at=expires_at)
            self._ram.put(entry, asked.seen_drops)


def _raw_path(request: web.Request) -> str:
    """The path as sent, nothing decoded. RFC 9112 section 3.2.2: a target may also be a whole URL."""
    target = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path
    return target.partition("?")[0]
