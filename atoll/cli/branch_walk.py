"""Walks the 256 branches of each set with a progress bar, and can take up where an earlier walk stopped.

First each set is looked at as a whole: what that settles – nothing there, or all nodes alike – is not walked.

Owns the note of what is done: a file with a line per finished branch, for one kind of walk over one cluster;
it is removed when the walk is complete. Called by `atoll verify --all` and `atoll catalog`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from atoll.backoff import Backoff
from atoll.cli.output import note
from atoll.client.source import local_file
from atoll.client.views import SetView
from atoll.errors import Overloaded

BRANCHES = 256
LINE_SECONDS = 2.0
ROOM_SECONDS = 300.0  # how long a walk waits for a service that does enough already

T = TypeVar("T")


class Branch(Protocol):
    """What is noted of a branch."""

    @property
    def set(self) -> str:
        """Of which set."""

    @property
    def branch(self) -> str:
        """Two hex digits."""

    @property
    def complete(self) -> bool:
        """Whether there is nothing to look at again."""


V = TypeVar("V", bound=Branch)
V_co = TypeVar("V_co", bound=Branch, covariant=True)


class Survey(Protocol[V_co]):
    """What one look at a set has settled."""

    @property
    def settled(self) -> Sequence[V_co]:
        """Branches that need not be walked."""


class _Head(Struct, frozen=True):
    """The first line: when the walk began (Unix seconds), and about whom it is."""

    begun: float
    about: str


class BranchNotes(Generic[V]):
    """What a walk has done, in a file; a context. `kind` is the type of one branch's result.

    Taken up again is only a walk about the same (`about`: the nodes asked), begun less than `most_seconds`
    ago, and of it only the branches of which every node was asked and that were found whole: the rest may be
    otherwise by now.
    """

    def __init__(
        self,
        path: Path,
        kind: type[V],
        *,
        about: str,
        most_seconds: float,
        resume: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._kind, self._resume = path, kind, resume
        self._about, self._most_seconds, self._now = about, most_seconds, now

    def __enter__(self) -> BranchNotes[V]:
        with local_file(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            head, self.done = self._read()
            self.begun = head.begun
            self._file = self._path.open("wb")  # anew: the last line may have been cut off
            self._write(head, *self.done)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, result: V) -> None:
        """One branch is done."""
        self.done.append(result)
        self._write(result)

    def forget(self) -> None:
        """The walk is complete; the next one begins anew."""
        self._path.unlink(missing_ok=True)

    def _write(self, *lines: object) -> None:
        with local_file(self._path):
            self._file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
            self._file.flush()

    def _read(self) -> tuple[_Head, list[V]]:
        anew = _Head(self._now(), self._about)
        if not self._resume or not self._path.exists():
            return anew, []
        first, *lines = self._path.read_bytes().splitlines() or [b""]
        head = _decoded(first, _Head)
        if head is None or head.about != self._about:
            return anew, []
        if not 0 <= anew.begun - head.begun < self._most_seconds:
            return anew, []
        found = (_decoded(line, self._kind) for line in lines)
        whole = {(done.set, done.branch): done for done in found if done is not None and done.complete}
        return (head if whole else anew), list(whole.values())


def _decoded(line: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError:
        return None  # cut off when the last walk was killed


def with_nodes(sets: Iterable[SetView]) -> list[str]:
    """The sets that have nodes to ask; of others, as after a restored backup, it is said."""
    names = []
    for one in sets:
        if one.members:
            names.append(one.name)
        else:
            note(f"! set {one.name} has no nodes: nothing is known of what it may hold")
    return names


async def left_to_walk(
    sets: Sequence[str], survey: Callable[[str], Awaitable[Survey[V]]], notes: BranchNotes[V]
) -> list[tuple[str, int]]:
    """The branches that are neither noted already nor settled by one look at each set; those are noted."""
    known = {(done.set, done.branch) for done in notes.done}
    if known:
        note(f"resuming: {len(known)} branches were done before (--fresh begins anew)")
    for name in sets:
        for branch in (await _when_there_is_room(partial(survey, name))).settled:
            if (name, branch.branch) not in known:
                known.add((name, branch.branch))
                notes.add(branch)
    return [(name, b) for name in sets for b in range(BRANCHES) if (name, f"{b:02x}") not in known]


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
                notes.add(await _when_there_is_room(partial(ask, set_name, branch)))
                step()

        tasks = [asyncio.create_task(work(), name=f"{what} {n}") for n in range(parallel)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _when_there_is_room(ask: Callable[[], Awaitable[T]]) -> T:
    """Somebody else may walk, or the service may still be busy with what was broken off."""
    backoff = Backoff(0.5, 5.0)
    end = time.monotonic() + ROOM_SECONDS
    while True:
        try:
            return await ask()
        except Overloaded:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(backoff.next())


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
