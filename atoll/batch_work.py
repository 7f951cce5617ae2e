"""Work that pushes nobody aside when it wakes: the kernel's batch class (SCHED_BATCH, sched(7)).

A thread that wakes, because its disk or its message is there, usually pushes aside whoever computes on that
core. With some dozen processes on two cores that happens eight times an upload, mostly to hand the core back
a few microseconds later, and the one pushed aside may hold the interpreter's lock that the other wants. A
thread of this class waits until a core is free or the other's slice (some milliseconds) is over; then it has
its full share. The loops that answer people keep the usual class. Linux only; needs no rights.
"""

from __future__ import annotations

import os
import sys


def become_batch_work() -> None:
    """From now on for the calling thread, and all threads and processes that it starts."""
    if sys.platform == "linux":
        try:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        except OSError:  # a container's filter forbids it, or its kernel knows none: it is only slower then
            return
