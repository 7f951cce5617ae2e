"""The board kept up to date, a few times a second: home tells of the disk, each worker how busy it is."""

from __future__ import annotations

import asyncio

from storage_node.disk_probe import DiskHealth
from storage_node.node_load import NodeLoad
from storage_node.space import SpaceGuard
from storage_node.store import Space
from storage_node.workers.board import Board, DiskRow

_DISK_SECONDS = 0.2
_LOAD_SECONDS = 1.0


async def tell_disk(board: Board, space: SpaceGuard, disk: DiskHealth) -> None:
    """By home, for ever."""
    while True:
        row = DiskRow(space.total, space.free, space.inodes_free)
        board.tell_disk(row, failing=disk.failing, read_only=disk.read_only)
        await asyncio.sleep(_DISK_SECONDS)


async def follow_disk(board: Board, space: SpaceGuard) -> None:
    """By a worker, for ever: `space` is what home measured."""
    while True:
        space.measured(Space(*board.disk), 0)
        await asyncio.sleep(_DISK_SECONDS)


async def tell_load(board: Board, saturated: float) -> None:
    """By a worker, for ever. `saturated` (seconds) is what `NodeLoad` says."""
    loop, load = asyncio.get_running_loop(), NodeLoad(lambda: 0.0, saturated=saturated)
    while True:
        due = loop.time() + _LOAD_SECONDS
        await asyncio.sleep(_LOAD_SECONDS)
        load.woken(loop.time() - due)
        board.tell_load(load.measure(_LOAD_SECONDS))
