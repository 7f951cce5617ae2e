"""Whether the disk still answers: a thread writes a little, durably, twice a second; others look at it.

A disk that hangs raises no error: whoever asks it waits. So one thread of its own waits on purpose, and the
others only look at how long it has. No answer within `seconds` means *failing*: the node says so in its
heartbeat and at /health, refuses at once what would need the disk, and others stop coming. A disk that
refuses to be written to but answers is *read-only*; a full one is neither (space.py sees to that).

Asked every half second and given two, a disk that stalls is known within 2.5 s, and with the heartbeat
that is sent at once within the three seconds in which others must know.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from atoll.errors import AtollError, NoSpace
from storage_node.store import StoreFailed

log = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
_EVERY_SECONDS = 0.5
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


class DiskHealth(Protocol):
    """What others ask. Never blocks; from any thread."""

    @property
    def failing(self) -> bool:
        """Whether the disk gives no answer, or an error."""

    @property
    def read_only(self) -> bool:
        """Whether the disk answers that it takes no bytes, though it is not full."""


class TrustedDisk:
    """A disk that nobody probes."""

    failing = False
    read_only = False


class DiskProbe:
    """`write` makes something small durable (`BlobStore.probe`). Between `start` and `close` it is asked."""

    def __init__(
        self,
        write: Callable[[], None],
        seconds: float = PROBE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._seconds, self._clock = write, seconds, clock
        self._asked_at: float | None = None  # while no answer has come
        self._refusal: AtollError | None = None
        self._closing = threading.Event()
        # A daemon thread, as a disk that hangs for ever must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="disk probe", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def close(self) -> None:
        """Ask no more; does not wait for a disk that hangs."""
        self._closing.set()
        self._thread.join(self._seconds)

    @property
    def failing(self) -> bool:
        """See `DiskHealth`."""
        asked_at = self._asked_at
        if asked_at is not None and self._clock() - asked_at >= self._seconds:
            return True
        return self._refusal is not None and not self.read_only

    @property
    def read_only(self) -> bool:
        """See `DiskHealth`."""
        refusal = self._refusal
        cause = refusal.__cause__ if refusal else None
        return isinstance(cause, OSError) and cause.errno in _REFUSED

    def ask(self) -> None:
        """Ask once, as the thread does. Blocks as long as the disk does."""
        self._asked_at = self._clock()
        try:
            self._write()
            refusal = None
        except NoSpace:
            refusal = None  # full, and in good health
        except AtollError as error:
            refusal = error
        if (refusal is None) != (self._refusal is None):
            log.warning("the disk %s", f"failed: {refusal.detail}" if refusal else "answers again")
        self._refusal, self._asked_at = refusal, None

    def _run(self) -> None:
        while not self._closing.is_set():
            self.ask()
            self._closing.wait(_EVERY_SECONDS)


def no_answer() -> StoreFailed:
    """The error of whoever would have to wait for a disk that hangs."""
    return StoreFailed("The node's disk gives no answer. Ask another node.", retry_after=5)
