"""What the operating system says of the disk, made ours, once: `NoSpace` or `StoreFailed`.

`with ours: …` – a class and not a generator, which would cost more than the system call.
"""

from __future__ import annotations

import errno
from types import TracebackType

from atoll.errors import NoSpace
from storage_node.store import StoreFailed

_FULL = {errno.ENOSPC, errno.EDQUOT}


class _Ours:
    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in _FULL:
            raise NoSpace("The node's disk is full. Ask for a ticket to another node.") from error
        raise StoreFailed(f"The disk failed: {error}") from error


ours = _Ours()
