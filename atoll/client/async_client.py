"""`AsyncClient`: all a program asks of a cluster, one method each. It only wires the parts together.

Uploads, resolving and downloads are here; the rest it has from `asset_calls`, `folder_calls` and
`cluster_calls`.

Every method raises `atoll.errors.AtollError` classes: the one a service's problem document stands for, or
`Unavailable` when nobody answers. Everything has a deadline and repeats itself where that is safe.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import aiohttp

from atoll.atomic_file import replaceable
from atoll.client.browser_calls import BrowserCalls
from atoll.client.cluster_calls import ClusterCalls
from atoll.client.cluster_file import local_access
from atoll.client.connection import open_session
from atoll.client.download import Downloader, MemorySink, whole_file
from atoll.client.folder_calls import FolderCalls
from atoll.client.folder_parts import FolderParts
from atoll.client.job_calls import JobCalls
from atoll.client.keys import KeyCalls
from atoll.client.operations import Operations
from atoll.client.own_uploads import OwnUploads
from atoll.client.query import QueryServices
from atoll.client.reference import Reference, parse_reference
from atoll.client.resolving import Resolving, place, terms
from atoll.client.search_calls import SearchCalls
from atoll.client.settings import check_url
from atoll.client.source import Source, local_file, open_body
from atoll.client.trash_calls import TrashCalls
from atoll.client.tree import FoundFile, find_files
from atoll.client.upload import Uploader, UploadOrder
from atoll.client.upload_many import ManyUploads, Reporting, UploadObserver, UploadProgress, UploadResult
from atoll.client.url_list_calls import UrlListCalls
from atoll.client.version_calls import VersionCalls
from atoll.client.views import Resolved, ResolveResult, TicketView
from atoll.client.webhook_calls import WebhookCalls
from atoll.durability import check_durability
from atoll.errors import BadRequest
from atoll.model import Position
from atoll.names import check_bucket, check_public_id
from atoll.node_api import AssetView
from atoll.settings import SettingsError

MAX_IN_MEMORY = 512 * 2**20

_Results = list[UploadResult]  # inside the class, `list` is the method


class AsyncClient(
    FolderCalls, ClusterCalls, SearchCalls, UrlListCalls, VersionCalls, BrowserCalls, TrashCalls
):
    """A cluster, as one asynchronous object. Use it as a context manager, or `close()` it.

    `urls` are its query services (any of them will do; the others are for when one is away). `position` or
    `region` say where this client is; without them the cluster finds out by itself. `patience` is how many
    seconds a question is repeated while nobody answers. What it has uploaded it finds at once.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        api_key: str,
        *,
        region: str | None = None,
        position: Position | None = None,
        tls_ca_file: Path | None = None,
        patience: float = 15.0,
    ) -> None:
        urls = [urls] if isinstance(urls, str) else list(urls)
        _check_urls(urls)
        self._tls_ca_file = tls_ca_file
        self._opened: aiohttp.ClientSession | None = None
        here = place(region, position)
        query, own = QueryServices(urls, api_key, self._session, patience=patience), OwnUploads()
        ClusterCalls.__init__(self, query)
        SearchCalls.__init__(self, query, own)
        VersionCalls.__init__(self, query, own)
        UrlListCalls.__init__(self, query, here)
        BrowserCalls.__init__(self, query, here)
        TrashCalls.__init__(self, query)
        self._resolving = Resolving(query, own, here)
        self._uploader = Uploader(query, self._session, here, uploaded=own.uploaded)
        self._downloader = Downloader(self._session)
        FolderCalls.__init__(self, query, own, FolderParts(self._uploader, self._resolving, self._downloader))
        self.operations = Operations(query)
        self.keys = KeyCalls(query)
        self.jobs, self.webhooks = JobCalls(query), WebhookCalls(query)

    @classmethod
    def from_cluster(
        cls, path: str | os.PathLike[str] = ".atoll", *, region: str | None = None, patience: float = 15.0
    ) -> AsyncClient:
        """A client of the cluster that `atoll up` runs under `path`, with its admin key; `SettingsError`."""
        return cls(*local_access(path), region=region, patience=patience)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; the client opens new ones if it is used again."""
        session, self._opened = self._opened, None
        if session is not None:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:  # not in __init__: a session belongs to the running loop
            self._opened = open_session(self._tls_ca_file)
        return self._opened

    async def upload(
        self,
        source: Source,
        *,
        bucket: str,
        public_id: str | None = None,
        tags: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
        title: str = "",
        alt: str = "",
        filename: str | None = None,
        durability: str | None = None,
        eager: Iterable[str] = (),
        overwrite: bool = True,
        background: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> AssetView:
        """Upload a path, bytes, a binary file object or a data URI to the nearest node; durable when this
        returns.

        `durability` is `local`, `regions:N` or `all` (None: the bucket's default): the answer waits until so
        many regions have it; `AssetView.durability` says which did when the node's patience ended.
        `eager`: transformations that the node makes at once, so that the first who asks need not wait. With
        `background` they are a job, `AssetView.job`, and nothing but the bytes is waited for.
        Without `overwrite` a taken name is refused (`AlreadyExists`); with it, it gets a new version.
        `progress(sent, total)` hears of bytes; `sent` falls back to 0 when a try is repeated. Raises
        `BadName`, `FileUnusable`, what the services say (`NotAnImage`, `TooLarge`, `NoSpace`, …), and
        `Unavailable` when no node could be reached.
        """
        order = _order(bucket, public_id, tags, context, durability, eager, title, alt, overwrite)
        order = replace(order, background=background)
        async with open_body(source, filename) as body:
            return await self._uploader.upload(
                body, order, lambda sent: progress(sent, body.size) if progress else None
            )

    async def upload_many(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        bucket: str,
        parallel: int = 8,
        progress: Callable[[UploadProgress], None] | None = None,
        prefix: str | None = None,
        tags: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
        eager: Iterable[str] = (),
    ) -> _Results:
        """Upload files, and the images below directories; one result each, in order.

        With `prefix` the public_id is prefix + path below the given directory, without the extension;
        without it the cluster makes one. A file's failure is its own: look at `UploadResult.error`.
        """
        files = await asyncio.to_thread(find_files, paths, prefix)
        order = _order(bucket, None, tags, context, eager=eager)
        return await ManyUploads(self._uploader, order, Reporting(progress)).run(files, parallel)

    async def upload_files(
        self,
        files: Iterable[FoundFile],
        *,
        bucket: str,
        observer: UploadObserver,
        tickets: Callable[[FoundFile], TicketView | None] = lambda _: None,
        parallel: int = 8,
        tags: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
        durability: str | None = None,
        eager: Iterable[str] = (),
        title: str = "",
        alt: str = "",
    ) -> _Results:
        """`upload_many` for who keeps a journal: `tickets` gives back what `observer` was told before."""
        order = _order(bucket, None, tags, context, durability, eager, title, alt)
        return await ManyUploads(self._uploader, order, observer, tickets).run(files, parallel)

    async def url(
        self,
        reference: str,
        *,
        bucket: str | None = None,
        transformation: str | None = None,
        region: str | None = None,
        position: Position | None = None,
        expires_in: int | None = None,
        net: str | None = None,
    ) -> Resolved:
        """Where the image is for a client in `region` or at `position` (unless given: this client).

        `reference` is an asset id, `BUCKET/PUBLIC_ID`, or a handle as `BUCKET/SET/SHA256.EXT`; with
        `bucket` a public_id or a handle in it. With a `transformation` (`c_fill,g_auto,w_200,h_200`) the
        URLs lead to what it makes of the image, and are signed where that is needed; `image_url` is for
        `<img src>`. A signed URL is good for `expires_in` seconds and, with `net` (203.0.113.0/24), only in
        that network.
        Raises `NotFound`, `BadName`, `BadTransformation`.
        """
        what = parse_reference(reference, bucket)
        return await self._resolving.one(
            what, place(region, position), transformation, terms(expires_in, net)
        )

    async def resolve(
        self,
        items: Iterable[str | Reference],
        *,
        transformation: str | None = None,
        region: str | None = None,
        position: Position | None = None,
    ) -> tuple[ResolveResult, ...]:
        """Where many images are: per item a `Resolved` or its error, in order. All as in `url`."""
        wanted = [item if isinstance(item, Reference) else parse_reference(item) for item in items]
        return await self._resolving.many(wanted, place(region, position), transformation)

    async def get(
        self,
        reference: str,
        *,
        bucket: str | None = None,
        transformation: str | None = None,
        max_bytes: int = MAX_IN_MEMORY,
    ) -> bytes:
        """The image's bytes, or what the transformation makes of them, checked by hash; all as in `url`.

        Raises `NotFound`, `TooLarge` above `max_bytes`, `UpstreamFailed` when no node had the right
        bytes, `Unavailable` when none could be reached.
        """
        sink, what = MemorySink(max_bytes), parse_reference(reference, bucket)
        await self._downloader.fetch(lambda: self._resolving.one(what, transformation=transformation), sink)
        return bytes(sink.content)

    async def download(
        self,
        reference: str,
        path: str | os.PathLike[str],
        *,
        bucket: str | None = None,
        transformation: str | None = None,
    ) -> Resolved:
        """Stream the image into `path`, which appears only whole and checked. Errors as for `get`.

        `FileUnusable` when a folder, a device or a pipe has that name. Returns where the bytes came from.
        """
        what = parse_reference(reference, bucket)
        with local_file(path):
            whole = replaceable(Path(path))
        async with whole_file(whole) as sink:
            return await self._downloader.fetch(
                lambda: self._resolving.one(what, transformation=transformation), sink
            )


def _check_urls(urls: Sequence[str]) -> None:
    mistakes = [] if urls else ["url: is missing; give the address of a query service"]
    for url in urls:
        try:
            check_url(url)
        except ValueError as error:
            mistakes.append(f"url: {error} (got {url!r})")
    if mistakes:
        raise SettingsError(mistakes)


def _order(
    bucket: str,
    public_id: str | None,
    tags: Iterable[str],
    context: Mapping[str, str] | None,
    durability: str | None = None,
    eager: Iterable[str] = (),
    title: str = "",
    alt: str = "",
    overwrite: bool = True,
) -> UploadOrder:
    for name, words in (("tags", tags), ("eager", eager)):
        if isinstance(words, str):
            raise BadRequest(f"{name} is a list of {name}, not one string.", got=words[:80])
    public_id = None if public_id is None else check_public_id(public_id)
    wanted = None if durability is None else check_durability(durability)
    return UploadOrder(
        check_bucket(bucket),
        public_id,
        tuple(tags),
        dict(context or {}),
        wanted,
        tuple(eager),
        title,
        alt,
        overwrite,
    )
