"""`Client`: the synchronous face of `AsyncClient`, for scripts and threads.

Its event loop runs in a thread of its own, so it works where a loop already runs and from any thread.
Callbacks (`progress`) are called in that thread and must not call the client.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from atoll.bucket import Bucket
from atoll.client.async_client import MAX_IN_MEMORY, AsyncClient
from atoll.client.bucket_calls import BucketDeletion, BucketDetails
from atoll.client.cluster_file import local_access
from atoll.client.loop_thread import LoopThread
from atoll.client.reference import Reference
from atoll.client.source import Source
from atoll.client.sync_browser_calls import SyncBrowserCalls
from atoll.client.sync_folder_calls import SyncFolderCalls
from atoll.client.sync_job_calls import SyncJobs, SyncWebhooks
from atoll.client.sync_key_calls import SyncKeys, SyncUploadKeys
from atoll.client.sync_operations import SyncOperations
from atoll.client.sync_search_calls import SyncSearchCalls
from atoll.client.sync_trash_calls import SyncTrashCalls
from atoll.client.sync_url_calls import SyncUrlCalls
from atoll.client.sync_url_list_calls import SyncUrlListCalls
from atoll.client.sync_version_calls import SyncVersionCalls
from atoll.client.upload_many import UploadProgress, UploadResult
from atoll.client.views import (
    Deleted,
    KeptBucket,
    Locations,
    NodeView,
    RegionView,
    Resolved,
    ResolveResult,
    SetView,
)
from atoll.model import Position
from atoll.node_api import AssetView

T = TypeVar("T")

_Results = list[UploadResult]  # inside the class, `list` is the method


class Client(
    SyncFolderCalls,
    SyncSearchCalls,
    SyncUrlCalls,
    SyncUrlListCalls,
    SyncVersionCalls,
    SyncBrowserCalls,
    SyncTrashCalls,
):
    """A cluster, as one synchronous object: methods, arguments and errors are those of `AsyncClient`.

    Use it as a context manager, or `close()` it; may be shared by threads.
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
        self._client = AsyncClient(
            urls, api_key, region=region, position=position, tls_ca_file=tls_ca_file, patience=patience
        )
        self._thread = LoopThread(self._client.close)
        self.jobs = SyncJobs(self._thread, self._client.jobs)
        self.webhooks = SyncWebhooks(self._thread, self._client.webhooks)
        self.operations = SyncOperations(self._thread, self._client.operations)
        self.keys = SyncKeys(self._thread, self._client.keys)
        self.upload_keys = SyncUploadKeys(self._thread, self._client.upload_keys)
        # Also when the client is forgotten, and at the interpreter's end.
        self._end = weakref.finalize(self, self._thread.end)

    @classmethod
    def from_cluster(
        cls, path: str | os.PathLike[str] = ".atoll", *, region: str | None = None, patience: float = 15.0
    ) -> Client:
        """A client of the cluster that `atoll up` runs under `path`, with its admin key; `SettingsError`."""
        return cls(*local_access(path), region=region, patience=patience)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end the thread; the client cannot be used again."""
        self._end()

    @property
    def _browsers(self) -> AsyncClient:
        return self._client

    @property
    def _folders(self) -> AsyncClient:
        return self._client

    @property
    def _versions(self) -> AsyncClient:
        return self._client

    @property
    def _searches(self) -> AsyncClient:
        return self._client

    @property
    def _trash(self) -> AsyncClient:
        return self._client

    @property
    def _urls(self) -> AsyncClient:
        return self._client

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.run(work)

    def upload(
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
        """Upload a path, bytes or a binary file object; durable when this returns."""
        return self._run(
            self._client.upload(
                source,
                bucket=bucket,
                public_id=public_id,
                tags=tags,
                context=context,
                title=title,
                alt=alt,
                filename=filename,
                durability=durability,
                eager=eager,
                overwrite=overwrite,
                background=background,
                progress=progress,
            )
        )

    def upload_many(
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
        """Upload files, and the images below directories; one result each, in order."""
        return self._run(
            self._client.upload_many(
                paths,
                bucket=bucket,
                parallel=parallel,
                progress=progress,
                prefix=prefix,
                tags=tags,
                context=context,
                eager=eager,
            )
        )

    def asset(self, asset_id: str) -> AssetView:
        """The asset with its locations."""
        return self._run(self._client.asset(asset_id))

    def asset_by_name(self, bucket: str, public_id: str) -> AssetView:
        """The asset of that name with its locations."""
        return self._run(self._client.asset_by_name(bucket, public_id))

    def list(self, bucket: str, prefix: str = "", limit: int | None = None) -> Iterator[AssetView]:
        """The assets of a bucket whose public_id starts with `prefix`, page by page."""
        assets = self._client.list(bucket, prefix, limit)
        while (asset := self._run(_next(assets))) is not None:
            yield asset

    def delete(
        self, reference: str, *, bucket: str | None = None, trash_seconds: int | None = None
    ) -> Deleted:
        """Delete an asset, by its id or as `BUCKET/PUBLIC_ID`."""
        return self._run(self._client.delete(reference, bucket=bucket, trash_seconds=trash_seconds))

    def url(
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
        """Where the image, or what a transformation makes of it, is for a client in `region` or there."""
        return self._run(
            self._client.url(
                reference,
                bucket=bucket,
                transformation=transformation,
                region=region,
                position=position,
                expires_in=expires_in,
                net=net,
            )
        )

    def resolve(
        self,
        items: Iterable[str | Reference],
        *,
        transformation: str | None = None,
        region: str | None = None,
        position: Position | None = None,
    ) -> tuple[ResolveResult, ...]:
        """Where many images are: per item a `Resolved` or its error, in order."""
        return self._run(
            self._client.resolve(items, transformation=transformation, region=region, position=position)
        )

    def get(
        self,
        reference: str,
        *,
        bucket: str | None = None,
        transformation: str | None = None,
        max_bytes: int = MAX_IN_MEMORY,
    ) -> bytes:
        """The image's bytes, or what a transformation makes of them, checked against their hash."""
        return self._run(
            self._client.get(reference, bucket=bucket, transformation=transformation, max_bytes=max_bytes)
        )

    def download(
        self,
        reference: str,
        path: str | os.PathLike[str],
        *,
        bucket: str | None = None,
        transformation: str | None = None,
    ) -> Resolved:
        """Stream the image into `path`, which appears only whole and checked."""
        return self._run(self._client.download(reference, path, bucket=bucket, transformation=transformation))

    def locations(self, asset_id: str) -> Locations:
        """Which nodes hold the asset's blob, and which should."""
        return self._run(self._client.locations(asset_id))

    def wait_replicated(
        self, asset_id: str, regions: int | None = None, timeout: float = 60.0, *, version: str = ""
    ) -> Locations:
        """Wait until the asset, of this `version` or a later one, is in `regions` regions (None: on all
        nodes of its set)."""
        return self._run(self._client.wait_replicated(asset_id, regions, timeout, version=version))

    def nodes(self) -> tuple[NodeView, ...]:
        """All nodes, as seen now."""
        return self._run(self._client.nodes())

    def sets(self) -> tuple[SetView, ...]:
        """All replica sets."""
        return self._run(self._client.sets())

    def regions(self) -> tuple[RegionView, ...]:
        """All regions."""
        return self._run(self._client.regions())

    def buckets(self) -> tuple[KeptBucket, ...]:
        """All buckets."""
        return self._run(self._client.buckets())

    def create_bucket(
        self, name: str, visibility: str = "public", *, durability: str = "local"
    ) -> KeptBucket:
        """Make a bucket, or give it another policy."""
        return self._run(self._client.create_bucket(name, visibility, durability=durability))

    def put_bucket(self, bucket: Bucket, *, if_etag: str | None = None) -> KeptBucket:
        """Make a bucket, or replace its whole policy."""
        return self._run(self._client.put_bucket(bucket, if_etag=if_etag))

    def bucket(self, name: str) -> BucketDetails:
        """One bucket and how much is in it."""
        return self._run(self._client.bucket(name))

    def delete_bucket(
        self, name: str, *, force: bool = False, trash_seconds: int | None = None
    ) -> BucketDeletion:
        """Delete an empty bucket, or begin to delete everything in it."""
        return self._run(self._client.delete_bucket(name, force=force, trash_seconds=trash_seconds))

    def bucket_deletion(self, name: str) -> BucketDeletion:
        """How far the deletion of a bucket is."""
        return self._run(self._client.bucket_deletion(name))


async def _next(assets: AsyncIterator[AssetView]) -> AssetView | None:
    return await anext(assets, None)
