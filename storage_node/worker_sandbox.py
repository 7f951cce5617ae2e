"""The child's half of a worker: shut itself in, then answer one frame after the other.

Owns the resource limits, the death of the child with its daemon, and the frame loop; knows nothing of what a
job is. A job module's `main` calls `live` with its handler; imports and warm-up come before that, so that the
limits hold for everything that touches a hostile byte. `worker_process` is the parent's half.

What is shut: memory (address space), CPU time per job, files written (none, unless the job kind writes),
descriptors, core dumps, gaining privileges. What is not: reading files and the network, which would take
namespaces or seccomp; run the daemon under a service manager that denies both.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from atoll.batch_work import become_batch_work
from storage_node.one_core import leave_core
from storage_node.step_back import step_back

OUT_OF_CPU_TIME = signal.SIGPROF  # what ends a worker whose job used up its processor time

_LENGTH_BYTES = 4
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The limits of one worker. Travels as JSON in the child's argv."""

    memory_bytes: int = 1 << 30  # address space, interpreter and decoders included
    cpu_seconds: float = 8.0  # processor time per job, of all its threads
    file_bytes: int = 0  # the longest file it may write
    open_files: int = 32
    any_core: bool = False  # though the daemon keeps to one
    niceness: int = 0  # 0 to 19: how far it steps back for others when cores are scarce

    def arguments(self) -> list[str]:
        """The argv of a child of this process."""
        return [str(os.getpid()), msgspec.json.encode(self).decode()]

    def command(self, module: str) -> list[str]:
        """How to start `module`, a job module with a `main`, in this sandbox.

        -P: what lies in a working directory is never imported.
        """
        return [sys.executable, "-P", "-m", module, *self.arguments()]


def live(argv: Sequence[str], handle: Callable[[bytes], bytes]) -> None:
    """Enter the sandbox that `argv` describes and answer frames until the daemon closes its end."""
    parent, sandbox = int(argv[0]), msgspec.json.decode(argv[1], type=Sandbox)
    requests, replies = _private_pipes()
    _die_with(parent)
    if sandbox.any_core:
        leave_core()
    become_batch_work()
    step_back(sandbox.niceness)
    _shut_in(sandbox)
    _write_frame(replies, b"")  # warm and shut in
    while (request := _read_frame(requests)) is not None:
        # Ends the process, whoever listens. An rlimit would do the same, in whole seconds only.
        signal.setitimer(signal.ITIMER_PROF, sandbox.cpu_seconds)
        _write_frame(replies, handle(request))


def _private_pipes() -> tuple[int, int]:
    """Keep the two pipes for frames alone: what a C library prints about hostile bytes goes nowhere."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return requests, replies


def _die_with(parent: int) -> None:
    # The daemon drains its uploads after SIGTERM, and needs its workers for that: they end when it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform != "linux":
        return  # there, the end of the request pipe and the CPU limit must do
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # When the machine's memory runs out, the kernel shall take a worker and not the daemon.
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")
    if os.getppid() != parent:  # it died before the first prctl
        os._exit(1)


def _shut_in(sandbox: Sandbox) -> None:
    sys.dont_write_bytecode = True
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: sandbox.file_bytes,
        resource.RLIMIT_NOFILE: sandbox.open_files,
    }
    if sys.platform == "linux":  # macOS knows the name and refuses the value
        limits[resource.RLIMIT_AS] = sandbox.memory_bytes
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _read_frame(source: int) -> bytes | None:
    length = _read_exactly(source, _LENGTH_BYTES)
    return None if length is None else _read_exactly(source, int.from_bytes(length, "big"))


def _read_exactly(source: int, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        part = os.read(source, size - len(received))
        if not part:
            return None
        received += part
    return bytes(received)


def _write_frame(target: int, body: bytes) -> None:
    frame = memoryview(len(body).to_bytes(_LENGTH_BYTES, "big") + body)
    while frame:
        frame = frame[os.write(target, frame) :]
