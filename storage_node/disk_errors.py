"""What the operating system says of the disk, made ours, once: `NoSpace` or `StoreFailed`.

`with ours: …` – a class and not a generator, which would cost more than the system call.
"""

from __future__ import annotations

import errno
from types import TracebackType

from atoll.errors import AtollError, NoSpace
from storage_node.store import StoreFailed

_FULL = {errno.ENOSPC, errno.EDQUOT}


def made_ours(error: OSError) -> AtollError:
    """The same as our error, with the disk's own as its cause."""
    if error.errno in _FULL:
        made: AtollError = NoSpace("The node's disk is full. Ask for a ticket to another node.")
    else:
        made = StoreFailed(f"The disk failed: {error}")
    made.__cause__ = error
    return made


class _Ours:
    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise made_ours(error) from error


ours = _Ours()
