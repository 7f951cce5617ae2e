"""The words of work with whole folders: files, changes, plans, progress, reports. Pure.

A plan says what would be done; the report says what became of each of its changes. What is the same on both
sides is only counted: of a hundred thousand files most are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple

from atoll.client.source import FileUnusable
from atoll.errors import AtollError
from atoll.names import Handle

MAX_FILES = 1_000_000  # in one run: each takes about half a kilobyte of memory


class FolderUnsafe(FileUnusable):
    """What is asked would delete because of what cannot be seen; nothing was done."""

    slug = "folder-unsafe"
    title = "Deleting is refused"


class FileChanging(FileUnusable):
    """A file was written to while it was read, again and again."""

    slug = "file-changing"
    title = "The local file changes while it is read"


class FileDiffers(FileUnusable):
    """A file is not what a listing says: another size, MD5 or SHA-256."""

    slug = "file-differs"
    title = "The local file is not the one listed"


class FileMissing(FileUnusable):
    """A listing names a file that is not there."""

    slug = "file-missing"
    title = "The listed file is not there"


class Facts(NamedTuple):
    """What tells whether a file is still the one that was read; times are its file system's, in ns."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Facts:
        """Those of `stat`."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a listing says of a file, and what the asset shall carry; None: it does not say."""

    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    tags: tuple[str, ...] | None = None
    context: Mapping[str, str] | None = None
    title: str = ""
    alt: str = ""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the folder and the name that it has in the bucket; `relative` is for people."""

    path: Path
    relative: str
    public_id: str
    size: int
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """What the listing says of one asset: enough to compare. `sent`: what was uploaded, if that differs."""

    asset_id: str
    sha256: str
    size: int
    ext: str
    filename: str | None
    sent: str | None = None


class Step(StrEnum):
    """What is to be done for one file or asset."""

    UPLOAD = "upload"
    REPLACE = "replace"
    DELETE = "delete"
    DOWNLOAD = "download"
    SKIP = "skip"  # it cannot be done; `error` says why


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: what to do (`done` False), or what became of it. `path` is relative to the folder."""

    step: Step
    path: str | None = None
    public_id: str | None = None
    size: int = 0
    sha256: str | None = None
    asset_id: str | None = None
    error: AtollError | None = None
    done: bool = False
    file: LocalFile | None = None  # what to upload
    handle: Handle | None = None  # what to download
    line: int = -1  # of the manifest's draft

    def json(self) -> dict[str, Any]:
        """As one line of `--json`."""
        status = "failed" if self.error is not None else "done" if self.done else "planned"
        line: dict[str, Any] = {"step": self.step.value, "status": status}
        if self.path is not None:
            line["path"] = os.fsencode(self.path).decode(errors="replace")
        facts = {"public_id": self.public_id, "sha256": self.sha256, "asset_id": self.asset_id}
        line |= {name: value for name, value in facts.items() if value is not None}
        line |= {} if self.step is Step.SKIP else {"bytes": self.size}
        return line | ({} if self.error is None else {"problem": self.error.problem()})


@dataclass(frozen=True)
class FolderPlan:
    """What would be done between a folder and `bucket`; `unchanged` files and assets are the same already.

    `ignored` files are no images by their names, or were left out by patterns.
    """

    bucket: str
    prefix: str
    changes: tuple[Change, ...]
    unchanged: int = 0
    ignored: int = 0

    @property
    def transfers(self) -> tuple[Change, ...]:
        """The changes that move bytes."""
        return tuple(c for c in self.changes if c.step in {Step.UPLOAD, Step.REPLACE, Step.DOWNLOAD})

    @property
    def deletes(self) -> tuple[Change, ...]:
        """The assets that would be deleted."""
        return tuple(change for change in self.changes if change.step is Step.DELETE)

    @property
    def skipped(self) -> tuple[Change, ...]:
        """What cannot be done, each with its error."""
        return tuple(change for change in self.changes if change.step is Step.SKIP)


@dataclass(frozen=True)
class FolderReport:
    """What was done: every change of the plan as it ended, in the order of their ends."""

    changes: tuple[Change, ...] = field(default=())
    unchanged: int = 0
    ignored: int = 0

    @property
    def errors(self) -> tuple[AtollError, ...]:
        """What went wrong, one for each that did."""
        return tuple(change.error for change in self.changes if change.error is not None)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind, for people and programs."""
        done = [change.step.value for change in self.changes if change.error is None]
        found = {step.value: done.count(step.value) for step in Step if step is not Step.SKIP}
        return found | {"failed": len(self.errors), "unchanged": self.unchanged, "ignored": self.ignored}


@dataclass(frozen=True, slots=True)
class FolderProgress:
    """How far it is. `change` is set when one is over with; bytes fall back when a try is repeated."""

    stage: Literal["compare", "upload", "delete", "download"]
    files: int
    files_total: int
    bytes: int
    bytes_total: int
    change: Change | None = None
