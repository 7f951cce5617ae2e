"""What `atoll sync`, `import` and `export` have in common: the target, options, progress, and the cache."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from atoll.cli.access import Access
from atoll.cli.argument_types import parallel
from atoll.cli.output import note, size
from atoll.cli.upload_screen import Screen
from atoll.client.folder_files import FolderPlan, FolderProgress
from atoll.names import check_bucket

NOTE_SECONDS = 3.0


class Target(NamedTuple):
    """A bucket, and a folder in it ("" for all of it)."""

    bucket: str
    prefix: str


def target(text: str) -> Target:
    """`BUCKET` or `BUCKET/PREFIX`; `BadName`."""
    bucket, _, prefix = text.partition("/")
    return Target(check_bucket(bucket), prefix)


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """Which files, how many at once, and looking only."""
    for name, does in (("--include", "only what matches"), ("--exclude", "not what matches; it wins")):
        parser.add_argument(
            name,
            action="append",
            default=[],
            metavar="GLOB",
            help=f"{does}: '*.png' anywhere, '2024/**/a*' from the top; may be given more than once",
        )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--parallel", type=parallel, default=8, metavar="N", help="files at once (default 8, at most 64)"
    )


def add_upload_options(parser: argparse.ArgumentParser) -> None:
    """What uploads carry."""
    parser.add_argument("--tag", action="append", default=[], help="a tag; may be given more than once")
    parser.add_argument(
        "--durability",
        metavar="local|regions:N|all",
        help="acknowledged only when so many regions have each file (else the bucket's default)",
    )


def comparing(clock: Callable[[], float] = time.monotonic) -> Callable[[FolderProgress], None]:
    """Tells of a long comparison, now and then: it may have to read all files."""
    told = clock()

    def tell(progress: FolderProgress) -> None:
        nonlocal told
        if clock() - told >= NOTE_SECONDS:
            told = clock()
            note(f"compared {progress.files} of {progress.files_total} files, {size(progress.bytes)}")

    return tell


@contextmanager
def goes_on() -> Iterator[None]:
    """Says at Ctrl-C that nothing is lost."""
    try:
        yield
    except asyncio.CancelledError:
        note("The same command goes on from here.")
        raise


def moved(plan: FolderPlan) -> tuple[int, int]:
    """Bytes and files that the plan moves or deletes, for a screen."""
    changes = plan.transfers
    return sum(change.size for change in changes), len(changes) + len(plan.deletes)


def showing(plan: FolderPlan, screen: Screen) -> Callable[[FolderProgress], None]:
    """Moves the screen's bar: the deletes come after all bytes."""
    total, transfers = moved(plan)[0], len(plan.transfers)

    def show(progress: FolderProgress) -> None:
        if progress.stage == "delete":
            screen.show(total, transfers + progress.files)
        else:
            screen.show(progress.bytes, progress.files)

    return show


def hash_cache_of(access: Access) -> str:
    """Where this command remembers hashes of local files."""
    return str(access.kept("hashes", ".db"))
