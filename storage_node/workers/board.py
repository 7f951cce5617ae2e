"""A few numbers that all processes of a node see at once: shared memory, a row for each process.

For what is asked at every upload and must not cost a call: how much room is promised, how many uploads
are under way, how busy each is, and how home's disk does. Each process writes its own row only (home's is
row 0), one aligned word at a time, so nothing needs a lock; a reader may see two words from different
moments.
"""

from __future__ import annotations

import mmap
import os
from typing import NamedTuple

_WORDS = 8  # of eight bytes: a cache line for each process
_PROMISED, _UNDER_WAY, _LOAD, _TOTAL, _FREE, _INODES, _DISK = range(7)
_FAILING, _READ_ONLY = 1, 2
HOME = 0


class DiskRow(NamedTuple):
    """What home last measured, in bytes; 0 before it did."""

    total: int
    free: int
    inodes_free: int


class Board:
    """`file`: as `new_board` made it; `me`: the row of this process."""

    def __init__(self, file: int, processes: int, me: int) -> None:
        self.processes, self._me = processes, me
        self._memory = memoryview(mmap.mmap(file, _WORDS * 8 * processes)).cast("q")

    def tell(self, *, promised: int | None = None, under_way: int | None = None) -> None:
        """What this process has promised (bytes), and how many uploads it serves."""
        if promised is not None:
            self._set(_PROMISED, promised)
        if under_way is not None:
            self._set(_UNDER_WAY, under_way)

    def tell_load(self, load: float) -> None:
        """How busy this process is, 0 to 1 and above."""
        self._set(_LOAD, int(load * 1e6))

    def tell_disk(self, disk: DiskRow, *, failing: bool, read_only: bool) -> None:
        """Home's word on the disk, for all."""
        for word, value in zip((_TOTAL, _FREE, _INODES), disk, strict=True):
            self._set(word, value)
        self._set(_DISK, _FAILING * failing + _READ_ONLY * read_only)

    def forget(self, row: int) -> None:
        """A process has ended: nothing is promised any more. By home."""
        for word in range(_WORDS):
            self._memory[row * _WORDS + word] = 0

    @property
    def promised_by_others(self) -> int:
        """Bytes."""
        return self._sum(_PROMISED)

    @property
    def under_way_elsewhere(self) -> int:
        """Uploads that other processes serve."""
        return self._sum(_UNDER_WAY)

    @property
    def loads(self) -> list[float]:
        """Of all processes but this one."""
        return [self._memory[row * _WORDS + _LOAD] / 1e6 for row in self._others()]

    @property
    def disk(self) -> DiskRow:
        """As home said it."""
        return DiskRow(self._memory[_TOTAL], self._memory[_FREE], self._memory[_INODES])

    @property
    def failing(self) -> bool:
        """Whether the disk gives no answer; with `read_only` a `DiskHealth`."""
        return bool(self._memory[_DISK] & _FAILING)

    @property
    def read_only(self) -> bool:
        """Whether it takes no bytes."""
        return bool(self._memory[_DISK] & _READ_ONLY)

    def _others(self) -> list[int]:
        return [row for row in range(self.processes) if row != self._me]

    def _sum(self, word: int) -> int:
        return sum(self._memory[row * _WORDS + word] for row in self._others())

    def _set(self, word: int, value: int) -> None:
        self._memory[self._me * _WORDS + word] = value


def new_board(processes: int) -> int:
    """The descriptor of an empty board for so many processes; children inherit it."""
    file = os.memfd_create("atoll-board")
    os.ftruncate(file, _WORDS * 8 * processes)
    return file
