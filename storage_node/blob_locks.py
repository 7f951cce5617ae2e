"""One lock per blob (striped): nobody unlinks a file while another is about to commit its row.

Held from the rename into place to the index commit (uploads, pulls, repairs), and from the last look at
the index to the unlink (deletes, quarantine). Threads of one process; blocking.
"""

from __future__ import annotations

import threading

_STRIPES = 1024


class BlobLocks:
    """`with locks.of(sha256): …`"""

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def of(self, sha256: str) -> threading.Lock:
        """The lock of this blob, shared with one in a thousand others."""
        return self._locks[int(sha256[:8], 16) % _STRIPES]
