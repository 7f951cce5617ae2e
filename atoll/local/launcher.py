"""The first instant of every supervised process: waits for the word, ties its life to ours, becomes it.

Run as a script (`python -I -S launcher.py PARENT_PID NICENESS CLASS PROGRAM ARGS…`) by `spawn`; standard
library only.

Why not a `preexec_fn`: Python code between fork and exec deadlocks in a process with threads. A program of
its own may do what it likes before `execv`, and keeps its process id. Besides niceness and class, two things
happen here:

- It blocks until one byte comes on stdin. The supervisor sends it after the guard knows our process id; if
  the supervisor dies before, stdin ends and so do we: there is no instant in which nobody would end us.
- On Linux it asks the kernel for SIGKILL when the parent dies, so that even killing supervisor and guard
  together leaves nothing. (The kernel means the parent *thread*: the supervisor must spawn from a thread
  that lives as long as the process shall, which its event loop's thread does.)
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _die_with(parent: int) -> None:
    if sys.platform != "linux":
        return  # elsewhere the guard alone does it
    import ctypes  # here: costs milliseconds that other systems need not pay

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)


def _become_batch_work() -> None:
    if sys.platform != "linux":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:  # a container's filter forbids it: it is only slower then
        return


def _clean_inheritance() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Python ignores these for itself, and ignored signals survive exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def main(argv: list[str]) -> None:
    """Become `argv[3:]` once told so; before it the parent's process id, how much to step back, and whether
    as batch work ("batch", see atoll/batch_work.py)."""
    if os.read(0, 1) != b"g":
        sys.exit(1)
    _die_with(int(argv[0]))
    os.nice(int(argv[1]))
    if argv[2] == "batch":
        _become_batch_work()
    _clean_inheritance()
    program = argv[3:]
    try:
        os.execv(program[0], program)  # noqa: S606 - the program is ours; no shell is wanted
    except OSError as error:
        sys.exit(f"cannot run {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
