"""One worker process as its owner sees it: start it, exchange a frame with it, kill it.

Knows pipes, frames and deadlines, and nothing of what a job is. A frame is a 4-byte big-endian length and
that many bytes. The child gets an empty environment (no secret of the daemon reaches it), `/` as its
working directory, and no descriptor but its three pipes. Used by one thread at a time: `worker_pool`
gives every worker a thread of its own. `worker_sandbox` is the child's half.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Sequence

_LENGTH_BYTES = 4
_MAX_REPLY_BYTES = 1 << 20  # a longer reply comes from a worker that was taken over
_MAX_REQUEST_BYTES = 60_000  # fits an empty pipe, so that writing to a stopped worker cannot block
_EXIT_SECONDS = 5.0  # how long a killed process may take to be reaped

_ENVIRONMENT = {
    # One malloc arena and one thread of numpy's: each more reserves address space, which the sandbox limits.
    "MALLOC_ARENA_MAX": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # A picture's memory goes back to the system with the picture. By itself malloc learns from a large one to
    # keep as much, for ever: 150 MB a worker after one of 36 megapixels.
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 20),
    "LC_ALL": "C.UTF-8",
}


class WorkerDied(Exception):
    """The process ended, or said something that no worker of ours says. `signal` ended it, if one did."""

    def __init__(self, signal: int | None) -> None:
        super().__init__(f"worker died (signal {signal})")
        self.signal = signal


class WorkerHung(Exception):
    """The deadline passed without a reply; the process must be killed."""


def check_request(request: bytes) -> None:
    """Refuse (ValueError) a request that the pipe might not take at once."""
    if len(request) > _MAX_REQUEST_BYTES:
        raise ValueError(f"a request of {len(request)} bytes is longer than {_MAX_REQUEST_BYTES}")


class WorkerProcess:
    """A running child."""

    def __init__(self, command: Sequence[str]) -> None:
        # A session of its own: Ctrl-C in a terminal must reach the daemon alone, which then drains its
        # uploads with workers alive.
        self._process = subprocess.Popen(  # noqa: S603 - the command is built from our own module names
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = self._process.stdin.fileno()
        self._from = self._process.stdout.fileno()
        # poll, not select: a busy daemon has descriptors above select's 1,024.
        self._poll = select.poll()
        self._poll.register(self._from, select.POLLIN)
        self.jobs_done = 0

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def wait_ready(self, deadline: float) -> None:
        """Return once the child has said that it is warm and in its sandbox. Deadline: monotonic seconds.

        Raises WorkerDied, WorkerHung.
        """
        self._read_frame(deadline)

    def exchange(self, request: bytes, deadline: float) -> bytes:
        """Send one request, return its reply. Raises WorkerDied, WorkerHung: then only `kill` is left."""
        try:
            os.write(self._to, len(request).to_bytes(_LENGTH_BYTES, "big") + request)
        except OSError:
            raise self._died() from None
        reply = self._read_frame(deadline)
        self.jobs_done += 1
        return reply

    def kill(self) -> None:
        """SIGKILL, reap, close the pipes. May be called again, and when the process has ended by itself."""
        self._process.kill()
        # A process in uninterruptible disk sleep cannot die yet; the daemon must not hang with it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def interrupt(self) -> None:
        """SIGKILL and no more, from another thread than the owner's: the owner sees the death and reaps."""
        self._process.kill()

    def _read_frame(self, deadline: float) -> bytes:
        buffer = bytearray()
        wanted = _LENGTH_BYTES
        while len(buffer) < wanted:
            buffer += self._read_some(deadline)
            if len(buffer) >= _LENGTH_BYTES:
                wanted = _LENGTH_BYTES + int.from_bytes(buffer[:_LENGTH_BYTES], "big")
            if wanted > _MAX_REPLY_BYTES or len(buffer) > wanted:
                raise WorkerDied(None)  # taken over: as good as dead
        return bytes(buffer[_LENGTH_BYTES:])

    def _read_some(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            raise WorkerHung
        received = os.read(self._from, 1 << 16)
        if not received:
            raise self._died()
        return received

    def _died(self) -> WorkerDied:
        """Says what ended the process, if it tells within a moment (its pipe closes just before it exits)."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1.0)
            return WorkerDied(-code if code < 0 else None)
        return WorkerDied(None)
