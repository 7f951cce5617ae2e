"""Whole folders, synchronously: the part of `Client` that is the face of `folder_calls`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from atoll.client.export_calls import AnyPath, silent
from atoll.client.export_plan import ExportPlan
from atoll.client.folder_calls import FolderCalls
from atoll.client.folder_files import FolderPlan, FolderProgress, FolderReport
from atoll.client.listing_rows import Form

T = TypeVar("T")

Progress = Callable[[FolderProgress], None]


class _Face(Protocol):
    """What a synchronous client has: the asynchronous one, and a way to run what it returns."""

    @property
    def _folders(self) -> FolderCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncFolderCalls:
    """Methods, arguments and errors are those of `FolderCalls`."""

    def plan_sync(
        self: _Face,
        folder: AnyPath,
        bucket: str,
        prefix: str = "",
        *,
        delete: bool = False,
        force: bool = False,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderPlan:
        """What it takes to make the folder `prefix` of the bucket like a local one."""
        return self._run(
            self._folders.plan_sync(
                folder,
                bucket,
                prefix,
                delete=delete,
                force=force,
                include=include,
                exclude=exclude,
                hash_cache=hash_cache,
                progress=progress,
            )
        )

    def plan_import(
        self: _Face,
        listing: AnyPath,
        root: AnyPath | None,
        bucket: str,
        prefix: str = "",
        *,
        form: Form | None = None,
        columns: Iterable[str] | None = None,
        check_md5: bool = True,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderPlan:
        """What it takes to upload the images that a listing names and that lie below `root`."""
        return self._run(
            self._folders.plan_import(
                listing,
                root,
                bucket,
                prefix,
                form=form,
                columns=columns,
                check_md5=check_md5,
                include=include,
                exclude=exclude,
                hash_cache=hash_cache,
                progress=progress,
            )
        )

    def carry_out(
        self: _Face,
        plan: FolderPlan,
        *,
        parallel: int = 8,
        tags: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
        durability: str | None = None,
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderReport:
        """Do what a plan of `plan_sync` or `plan_import` says."""
        return self._run(
            self._folders.carry_out(
                plan,
                parallel=parallel,
                tags=tags,
                context=context,
                durability=durability,
                hash_cache=hash_cache,
                progress=progress,
            )
        )

    def sync(
        self: _Face,
        folder: AnyPath,
        bucket: str,
        prefix: str = "",
        *,
        delete: bool = False,
        force: bool = False,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        parallel: int = 8,
        tags: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderReport:
        """Make a folder of a bucket like a local one, moving only what differs."""
        return self._run(
            self._folders.sync(
                folder,
                bucket,
                prefix,
                delete=delete,
                force=force,
                include=include,
                exclude=exclude,
                parallel=parallel,
                tags=tags,
                hash_cache=hash_cache,
                progress=progress,
            )
        )

    def plan_export(
        self: _Face,
        bucket: str,
        prefix: str,
        folder: AnyPath,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> ExportPlan:
        """What it takes to have all images of a bucket's folder in a local one. `close()` it."""
        return self._run(
            self._folders.plan_export(
                bucket,
                prefix,
                folder,
                include=include,
                exclude=exclude,
                hash_cache=hash_cache,
                progress=progress,
            )
        )

    def carry_out_export(
        self: _Face, plan: ExportPlan, *, parallel: int = 8, progress: Progress = silent
    ) -> FolderReport:
        """Download what the plan says, then write manifest.jsonl."""
        return self._run(self._folders.carry_out_export(plan, parallel=parallel, progress=progress))

    def export(
        self: _Face,
        bucket: str,
        prefix: str,
        folder: AnyPath,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        parallel: int = 8,
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderReport:
        """Download all images of a bucket's folder into a local one, only what differs; with a manifest."""
        return self._run(
            self._folders.export(
                bucket,
                prefix,
                folder,
                include=include,
                exclude=exclude,
                parallel=parallel,
                hash_cache=hash_cache,
                progress=progress,
            )
        )
