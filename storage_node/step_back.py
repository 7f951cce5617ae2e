"""How a process steps back for others while cores are scarce.

`nice` alone does nothing on most Linux machines: the kernel shares cores between sessions first (sched(7),
autogroup), and only what is in the same session by niceness. So the session's own figure is set, too; a
worker has a session to itself (`worker_process`), and nobody else steps back with it.
"""

from __future__ import annotations

import os
import random
import time

_SESSION = "/proc/self/autogroup"
_TRIES = 20  # who is not root may set it once in a tenth of a second, all processes of the machine together
_PAUSE_SECONDS = (0.05, 0.15)


def step_back(niceness: int) -> None:
    """By so much, 0 to 19: at 10 this process gets a tenth of what others get that want the same core."""
    if not niceness:
        return
    os.nice(niceness)
    for _ in range(_TRIES):
        if _session_too(niceness):
            return
        time.sleep(random.uniform(*_PAUSE_SECONDS))


def _session_too(niceness: int) -> bool:
    """Whether no other try is needed: it is set, or nothing is shared by session here."""
    try:
        session = os.open(_SESSION, os.O_WRONLY)
    except OSError:
        return True
    try:
        os.write(session, str(niceness).encode())
    except BlockingIOError:  # too soon after somebody else's
        return False
    except OSError:
        return True
    finally:
        os.close(session)
    return True
