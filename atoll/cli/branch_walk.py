"""Walks the 256 branches of each set with a progress bar, and can take up where an earlier walk stopped.

Owns the note of what is done: a file with a line per finished branch, for one kind of walk over one cluster;
it is removed when the walk is complete. Called by `atoll verify --all` and `atoll catalog`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from atoll.cli.output import note
from atoll.client.source import local_file

BRANCHES = 256
LINE_SECONDS = 2.0

V = TypeVar("V")


class BranchNotes(Generic[V]):
    """What a walk has done, in a file; a context. `kind` is the type of one branch's result."""

    def __init__(self, path: Path, kind: type[V], *, resume: bool) -> None:
        self._path, self._kind = path, kind
        self._resume = resume

    def __enter__(self) -> BranchNotes[V]:
        with local_file(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._resume:
                self._path.unlink(missing_ok=True)
            self.done = list(self._read())
            self._file = self._path.open("ab")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, result: V) -> None:
        """One branch is done."""
        self.done.append(result)
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()

    def forget(self) -> None:
        """The walk is complete; the next one begins anew."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> Iterator[V]:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=self._kind)
            except msgspec.MsgspecError:
                return  # cut off when the last walk was killed


async def walk(
    todo: Sequence[tuple[str, int]],
    ask: Callable[[str, int], Awaitable[V]],
    notes: BranchNotes[V],
    *,
    what: str,
    parallel: int,
) -> None:
    """Ask about every branch of `todo`; an error ends the walk, and what was done stays noted."""
    queue = iter(todo)
    with _progress(what, len(todo)) as step:

        async def work() -> None:
            for set_name, branch in queue:
                notes.add(await ask(set_name, branch))
                step()

        tasks = [asyncio.create_task(work(), name=f"{what} {n}") for n in range(parallel)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, else a line now and then; both on standard error."""
    if not sys.stderr.isatty():
        yield _lines(what, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _lines(what: str, total: int) -> Callable[[], None]:
    done, due = 0, time.monotonic() + LINE_SECONDS

    def step() -> None:
        nonlocal done, due
        done += 1
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_SECONDS
            note(f"{what}: {done}/{total} branches")

    return step
