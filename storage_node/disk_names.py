"""Renames into a tree of directories, durable: what disk_store.py publishes, one or several at once.

The directory is fsynced after the rename, or the name itself could be lost; and every directory that was made
on the way, in its parent, for the same reason. A directory that exists may have been made a moment ago by
another thread which has not fsynced the parent yet, so existence proves nothing: only directories this
process has itself made durable are skipped. After a restart, the first fsync of a parent makes all that it
already holds durable, so that a full store is known again after a few hundred fsyncs.

All renames come first, and then all fsyncs: a file system that keeps a journal writes it out once for them,
and what is fsynced behind that costs little. Blocking; from any thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import NamedTuple

from atoll.atomic_file import fsync_directory

_REMEMBERED_DIRECTORIES = 300_000


class Move(NamedTuple):
    """From a path of the same file system to one below the top."""

    source: str
    target: str


class _Syncs:
    """The directories to fsync; of each, who needs it, and what it holds that is durable then."""

    def __init__(self) -> None:
        self.needed: dict[str, set[int]] = {}
        self.held: dict[str, set[str]] = {}

    def add(self, directory: str, who: int, held: Sequence[str] = ()) -> None:
        self.needed.setdefault(directory, set()).add(who)
        self.held.setdefault(directory, set()).update(held)


class DiskNames:
    """Below the directory `top`, which is durable itself."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._durable: set[str] = set()
        self._lock = threading.Lock()

    def put(self, moves: Sequence[Move]) -> list[OSError | None]:
        """What went wrong with each; nothing, and it survives a power cut. Replaces what is there."""
        syncs, errors = _Syncs(), list[OSError | None]([None] * len(moves))
        for who, move in enumerate(moves):
            try:
                self._rename(move, who, syncs)
            except OSError as error:
                errors[who] = error
        self._sync(syncs, errors)
        return errors

    def _sync(self, syncs: _Syncs, errors: list[OSError | None]) -> None:
        """Parents come first here. Behind an error nothing is remembered: what it holds may still be lost."""
        failed = False
        for directory, those in syncs.needed.items():
            try:
                fsync_directory(directory)
            except OSError as error:
                failed = True
                for who in those:
                    errors[who] = errors[who] or error
            else:
                self._remember(set() if failed else syncs.held[directory])

    def _rename(self, move: Move, who: int, syncs: _Syncs) -> None:
        directory = os.path.dirname(move.target)
        self._make(directory, who, syncs)
        try:
            os.rename(move.source, move.target)
        except FileNotFoundError:  # somebody removed the directory behind our back: make it again
            self._durable.clear()
            self._make(directory, who, syncs)
            os.rename(move.source, move.target)
        syncs.add(directory, who)

    def _make(self, directory: str, who: int, syncs: _Syncs) -> None:
        """Make `directory` and its parents below the top, as far as they are not known to be durable."""
        if directory in self._durable or directory == self._top:
            return
        parent = os.path.dirname(directory)
        self._make(parent, who, syncs)
        made = [directory]
        try:
            os.mkdir(directory)
        except FileExistsError:
            made = [f"{parent}/{name}" for name in os.listdir(parent)]  # the fsync will cover all of them
        syncs.add(parent, who, made)

    def _remember(self, directories: set[str]) -> None:
        if not directories:
            return
        with self._lock:
            if len(self._durable) >= _REMEMBERED_DIRECTORIES:
                self._durable.clear()  # forgetting costs an extra fsync, never a lost name
            self._durable.update(directories)
