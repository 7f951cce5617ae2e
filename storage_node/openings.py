"""What a node opens before it serves, and closes after: data directory, threads, inspectors. Called by app.

Everything is put on the caller's stack, so that it ends in reverse: a thread that waits for a commit gets it,
because the threads were opened after the index and end before it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

from atoll.batch_work import become_batch_work
from atoll.errors import Failed
from atoll.settings import SettingsError
from storage_node.data_dir_lock import lock_data_dir
from storage_node.derivative_store import DerivativeStore
from storage_node.disk_store import DiskStore
from storage_node.font_folder import read_fonts
from storage_node.index import Index
from storage_node.index_recovery import open_index
from storage_node.index_writer import Committed
from storage_node.inspection import InspectionLimits, Inspector
from storage_node.looks import extra
from storage_node.one_core import ANY
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.text_fonts import Fonts, package_families
from storage_node.worker_pool import PoolLimits

log = logging.getLogger(__name__)


def open_disk(
    settings: NodeSettings, origin: Origin, stack: AsyncExitStack, committed: Committed
) -> tuple[DiskStore, Index]:
    """Store and index; `committed` is told of each commit. `SettingsError` for what cannot be used."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        stack.callback(os.close, lock_data_dir(settings.data_dir))  # before all else, until all is closed
        store = DiskStore(settings.data_dir)
        index = open_index(settings.data_dir, origin, committed, whole_bytes=settings.index_check_bytes)
    except (ValueError, OSError, Failed) as error:
        raise SettingsError([f"data_dir: {error}"]) from error
    stack.push_async_callback(asyncio.to_thread, index.close)
    log.info("removed %d half-written files", store.clear_staged())
    return store, index


def open_threads(
    stack: AsyncExitStack, name: str, threads: int, begin: Callable[[], None] | None = None
) -> ThreadPoolExecutor:
    """Threads called `name`, which are batch work beside the loop; each runs `begin` first."""

    def begin_thread() -> None:
        become_batch_work()
        if begin is not None:
            begin()

    pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=begin_thread)
    stack.push_async_callback(asyncio.to_thread, pool.shutdown)
    return pool


async def open_derivatives(
    settings: NodeSettings, space: SpaceGuard, index: Index, stack: AsyncExitStack
) -> DerivativeStore:
    """What was rendered before, and room for more. `SettingsError` for what cannot be used."""
    try:
        store = await asyncio.to_thread(
            DerivativeStore, settings.data_dir, settings.derivative_bytes, space.has_room, index.needs
        )
    except Failed as error:
        raise SettingsError([f"data_dir: {error}"]) from error
    stack.push_async_callback(asyncio.to_thread, store.close)
    return store


async def open_fonts(settings: NodeSettings) -> Fonts:
    """What texts are drawn in; the operator's families go before. `SettingsError` for an unusable folder."""
    if settings.text_fonts is None:
        return Fonts(package_families())
    try:
        own = await asyncio.to_thread(read_fonts, settings.text_fonts)
    except OSError as error:
        raise SettingsError([f"text_fonts: {error}"]) from error
    log.info("texts may be drawn in %d families of the operator", len(own), extra={"fonts": sorted(own)})
    return Fonts({**package_families(), **own})


async def open_inspector(settings: NodeSettings, stack: AsyncExitStack) -> Inspector:
    """As `launch_inspector`, and its workers are warm."""
    inspector = launch_inspector(settings, stack)
    await asyncio.to_thread(inspector.wait_warm)
    return inspector


def launch_inspector(settings: NodeSettings, stack: AsyncExitStack) -> Inspector:
    """Worker processes that decode what strangers send; they need a moment. `SettingsError` if they lack an
    extra."""
    find_faces = extra.looks_for_faces(settings.faces, installed=extra.cascade() is not None)
    log.info("uploads are %ssearched for faces", "" if find_faces else "not ")
    inspector = Inspector(
        PoolLimits(workers=settings.inspectors, job_seconds=settings.inspect_seconds),
        InspectionLimits(
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            max_parts=settings.max_parts,
            max_scans=settings.max_scans,
            max_frame_pixels_sum=settings.max_pixels,
        ),
        settings.inspect_memory,
        find_faces=find_faces,
        any_core=settings.core != ANY,
    )
    inspector.launch()
    stack.push_async_callback(asyncio.to_thread, inspector.close)
    return inspector
