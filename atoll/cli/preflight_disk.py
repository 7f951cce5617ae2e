"""The directories that a daemon writes to: there, writable, on a fitting file system, with room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from atoll.cli.output import size
from atoll.cli.preflight_finding import Look, bad, well
from atoll.cli.preflight_host import mount_of
from atoll.cli.preflight_sync import ProbeFailed, judge, probe

MOUNTS = Path("/proc/self/mounts")
MIN_FREE, GOOD_FREE = 2 * 2**30, 20 * 2**30  # a node reserves 1 GiB and serves what is there
MIN_INODES = 100_000  # an image and its derivatives take five or so
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs"}
_VOLATILE = {"tmpfs", "ramfs", "overlay"}


def look_at_directory(path: Path, *, holds_data: bool) -> Iterator[Look]:
    """`holds_data`: images lie there; otherwise only what a daemon remembers of the cluster."""
    there = _nearest(path)
    name = "data directory" if holds_data else "state directory"
    if not os.access(there, os.W_OK | os.X_OK):
        what = path if there == path else f"{path} is not there, and {there}"
        yield bad(name, f"{what} is not writable for this user", "Make it, and give it to the daemon's user.")
        return
    yield well(name, str(path) if there == path else f"{path} will be made in {there}")
    table = MOUNTS.read_text() if MOUNTS.exists() else ""
    yield file_system(name, *mount_of(there.resolve(), table)[1:])
    if holds_data:
        yield from _room(there)
        yield _sync(there)


def _nearest(path: Path) -> Path:
    """The directory itself, or the one it would be made in."""
    here = path.absolute()
    while not here.exists() and here != here.parent:
        here = here.parent
    return here


def file_system(name: str, kind: str, options: str) -> Look:
    """What kind it is, and whether it was mounted to lie."""
    given = set(options.split(","))
    if "ro" in given:
        return bad(name, f"{kind}, mounted read-only", "Mount it read-write.")
    if given & {"nobarrier", "barrier=0"}:
        return bad(name, f"{kind} without barriers", "Mount it with barriers: nothing is durable without.")
    if kind in _NETWORK:
        todo = "Use a disk of this machine: SQLite and fsync are not safe across a network."
        return bad(name, f"{kind}, a network file system", todo)
    if kind in _VOLATILE:
        todo = "Use a disk: this is gone with the machine or the container (a volume is none of these)."
        return bad(name, f"{kind}, which does not last", todo, fails=False)
    return well(name, f"{kind or 'file system unknown'} ({options or 'options unknown'})")


def _room(path: Path) -> Iterator[Look]:
    found = os.statvfs(path)
    yield space(found.f_bavail * found.f_frsize)
    yield inodes(found.f_favail, found.f_files)


def space(free: int) -> Look:
    """Bytes that are left."""
    if free < MIN_FREE:
        return bad("free space", size(free), "Below reserve_bytes (1 GiB) the node takes no uploads.")
    if free < GOOD_FREE:
        return bad(
            "free space", size(free), "Enough to begin; see `atoll status` for days to full.", fails=False
        )
    return well("free space", size(free))


def inodes(free: int, total: int) -> Look:
    """Names that are left; some file systems (btrfs, XFS) make them as they go and say 0 of 0."""
    if total and free < MIN_INODES:
        return bad("inodes", f"{free} left", "Make the file system with more of them (mkfs.ext4 -T news).")
    return well("inodes", f"{free} left" if total else "made as needed")


def _sync(path: Path) -> Look:
    try:
        return judge("disk sync", probe(path))
    except ProbeFailed as error:
        return bad("disk sync", error.detail, "Nodes write, sync and rename here; see what refuses it.")
