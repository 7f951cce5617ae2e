"""How much room the node has, and when it stops taking bytes. Loop-thread only but for what says otherwise;
measured in threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from atoll.errors import NoSpace
from storage_node.disk_probe import DiskHealth, TrustedDisk, no_answer
from storage_node.store import Space


class Promises(Protocol):
    """Where the processes of a node tell each other what they have promised, in bytes (workers/board.py)."""

    @property
    def promised_by_others(self) -> int: ...

    def tell(self, *, promised: int) -> None: ...


class Alone:
    """The node is one process."""

    promised_by_others = 0

    def tell(self, *, promised: int) -> None:
        """Nobody asks."""


class SpaceGuard:
    """Free bytes minus what uploads under way will need; read-only below the reserve."""

    def __init__(
        self,
        reserve: int,
        capacity: int | None,
        disk: DiskHealth | None = None,
        promises: Promises | None = None,
    ) -> None:
        self._reserve, self._capacity = reserve, capacity
        self._disk, self._promises = disk or TrustedDisk(), promises or Alone()
        self._own = 0
        self.total = 0
        self.free = 0
        self.inodes_free = 0

    def measured(self, disk: Space, used: int) -> None:
        """Take a measurement; `used` is the bytes of blobs and derivatives, held against a capacity."""
        self.total, self.free, self.inodes_free = disk.total, disk.free, disk.inodes_free
        if self._capacity is not None:
            self.total = min(disk.total, self._capacity)
            self.free = max(0, min(disk.free, self._capacity - used))

    @property
    def _promised(self) -> int:
        return self._own + self._promises.promised_by_others

    @property
    def read_only(self) -> bool:
        """Whether new bytes are refused."""
        return self.free - self._promised < self._reserve or self._disk.read_only

    @property
    def shortfall(self) -> int:
        """Bytes that lack to the reserve; 0 before the first measurement. From any thread."""
        return max(0, self._reserve + self._promised - self.free) if self.total else 0

    def has_room(self, size: int) -> bool:
        """Whether `size` bytes may be kept that nobody would miss. From any thread."""
        return not self._disk.read_only and self.free - self._promised - size >= self._reserve

    def check(self, expected: int) -> None:
        """Whether `expected` bytes may come.

        `NoSpace` if they would eat into the reserve, `StoreFailed` while the disk gives no answer.
        """
        if self._disk.failing:
            raise no_answer()
        if self.free - self._promised - expected < self._reserve:
            raise NoSpace(
                "This node is read-only: its free space is at its reserve. Ask for a ticket to another node.",
                bytes_free=self.free,
                reserve=self._reserve,
                needed=expected,
            )

    def hold(self, more: int) -> None:
        """Hold room for `more` bytes, or with a negative number give it back. Unchecked: see `check`."""
        self._own += more
        self._promises.tell(promised=self._own)

    @contextmanager
    def promise(self, expected: int) -> Iterator[None]:
        """Hold room for `expected` bytes meanwhile; refused as by `check`."""
        self.check(expected)
        self.hold(expected)
        try:
            yield
        finally:
            self.hold(-expected)
