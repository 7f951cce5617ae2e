"""The secrets of a local cluster: made once, kept in files that only their owner can read.

Owns DIR/secrets (0700) and the files in it (0600): the engines' passwords, the cluster secret, the admin
key. Refuses a file that others can read: what it holds may be known already, so it must be made again.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from atoll.local.engine_errors import EngineError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_MAX_BYTES = 4096


def new_secret() -> str:
    """256 random bits in 43 characters that need no quoting in a URL, a header or a configuration file."""
    return secrets.token_urlsafe(32)


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file with this text that only its owner can read; never seen half written."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _create(draft, text)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


class SecretsDir:
    """Create or read secrets by name."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)  # mkdir's mode is subject to the umask, and the directory may be older
        self._path = path

    def path(self, name: str) -> Path:
        """Where this secret lies, for those who tell people where to look."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a secret's name: {name!r}")
        return self._path / name

    def get(self, name: str, make: Callable[[], str] = new_secret) -> str:
        """The secret of this name, made now if there is none. Raises EngineError when it is not private.

        Two processes that ask at once get the same one: a link is made by exactly one of them.
        """
        path = self.path(name)
        if not path.exists():
            draft = path.with_name(f".{name}.{secrets.token_hex(4)}")
            try:
                _create(draft, make() + "\n")
                with contextlib.suppress(FileExistsError):
                    os.link(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            _sync_directory(self._path)
        return _read(path)


def _create(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # data encrypted or signed with it may be durable first


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _read(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(fd) as file:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise EngineError(f"{path} can be read by others: delete it, so that a new one is made")
        secret = file.read(_MAX_BYTES).strip()
    if not secret:
        raise EngineError(f"{path} is empty: delete it, so that a new one is made")
    return secret
