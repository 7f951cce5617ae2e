"""Carrying out many changes: a bounded number at a time, each with its own end, progress told. I/O by others.

One file's failure is that file's. But when one after another fails for what is not its fault – the cluster
is away, the key is not valid – the run ends: each of a hundred thousand would wait out its patience.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from atoll.client.folder_files import Change, FolderProgress
from atoll.client.many import each
from atoll.errors import AtollError, Failed, Forbidden, Unauthorized

FAILURES_IN_A_ROW = 20

Stage = Literal["compare", "upload", "delete", "download"]
Sent = Callable[[int], None]
Work = Callable[[Change, Sent], Awaitable[Change]]


class FolderRun:
    """One stage of a run over `changes`; `ended` has them as they ended."""

    def __init__(
        self, stage: Stage, changes: Sequence[Change], progress: Callable[[FolderProgress], None]
    ) -> None:
        self._stage, self._changes, self._progress = stage, changes, progress
        self._moved = self._total = 0
        self._total = sum(change.size for change in changes)
        self._failures = 0
        self.ended: list[Change] = []

    async def run(self, work: Work, parallel: int) -> list[Change]:
        """Each change as it ended. `work` raises what its change fails with; `FAILURES_IN_A_ROW` end it."""
        if self._changes:
            self._tell(None)
        await each(self._changes, parallel, lambda change: self._one(change, work))
        return self.ended

    async def _one(self, change: Change, work: Work) -> None:
        counted = _Counted(self)
        try:
            ended = await work(change, counted.sent)
        except AtollError as error:
            counted.sent(0)
            self._over(replace(change, error=error))
            self._count_failure(error)
            return
        counted.sent(change.size)
        self._failures = 0
        self._over(replace(ended, done=True))

    def _count_failure(self, error: AtollError) -> None:
        if isinstance(error, (Failed, Unauthorized, Forbidden)):
            self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise error

    def moved(self, count: int) -> None:
        """So many bytes more (or less, when a try begins anew)."""
        self._moved += count
        self._tell(None)

    def _over(self, change: Change) -> None:
        self.ended.append(change)
        self._tell(change)

    def _tell(self, change: Change | None) -> None:
        done, files = len(self.ended), len(self._changes)
        self._progress(FolderProgress(self._stage, done, files, self._moved, self._total, change))


class _Counted:
    """The bytes of one change; what a repeated try sends again counts once."""

    def __init__(self, run: FolderRun) -> None:
        self._run, self._last = run, 0

    def sent(self, done: int) -> None:
        change, self._last = done - self._last, done
        if change:
            self._run.moved(change)
