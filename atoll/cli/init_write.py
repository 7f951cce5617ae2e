"""Writes the files of `atoll init`: nothing over anything, each whole, secrets private from the start."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from pathlib import Path

from atoll.atomic_file import fsync_directory
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.init_secrets import PlannedFile


class Exists(WrongUsage):
    """Files are there already."""

    slug = "exists"
    title = "Nothing was written: there is something already"


def refuse_existing(files: Iterable[PlannedFile]) -> None:
    """`Exists` if one of them is there, be it a link that leads nowhere."""
    there = [str(file.path) for file in files if os.path.lexists(file.path)]
    if there:
        raise Exists(
            "Settings and secrets are never overwritten. Move these away, if a new cluster is meant:",
            files=there,
        )


def owner_of(name: str | None) -> tuple[int, int] | None:
    """User and group ids of a user; `WrongUsage` for one that there is not."""
    if name is None:
        return None
    try:
        user = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError as error:
        if name.isdecimal():  # of a container, whose users this machine does not know
            return int(name), int(name)
        raise WrongUsage(f"There is no user {name}: see deploy/systemd/atoll.sysusers.conf.") from error
    return user.pw_uid, user.pw_gid


def write(files: Iterable[PlannedFile], directory: Path, owner: tuple[int, int] | None) -> None:
    """Each file whole, private from its first byte on, and durable before anything is made with it."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        _give(directory, owner)
    for file in files:
        descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, file.mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            os.fchmod(descriptor, file.mode)  # the umask may have taken more away
            opened.write(file.text)
            opened.flush()
            os.fsync(descriptor)
        _give(file.path, owner)
    fsync_directory(directory)


def _give(path: Path, owner: tuple[int, int] | None) -> None:
    if owner is None:
        return
    try:
        os.chown(path, *owner)
    except PermissionError as error:
        raise WrongUsage(f"{path} cannot be given to another user: run it as root.") from error
