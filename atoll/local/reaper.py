"""The guard process: ends what a killed supervisor left behind.

Run as a script (`python -I -S reaper.py GRACE_SECONDS`) by `guard`; standard library only, so that it stays
small. Its stdin is a pipe whose only writer is the supervisor. Lines `add PGID` and `remove PGID` say which
process groups are the supervisor's; at the end of file – the supervisor is gone, however it went – those
left get SIGTERM, and after the grace SIGKILL.

Refuses to be stopped itself (own session, signals ignored): it ends when its supervisor does. Refuses to
signal a stranger: process ids are used again, so it notes each leader's start time when it is added. A
group outlives its leader and keeps its id from being used again, so "leader gone" is still ours, "leader
started at another time" is not.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

_POLL = 0.05


def start_time(pid: int) -> str | None:
    """An opaque mark that tells this process from a later one of the same id; None when there is none."""
    if sys.platform == "linux":
        fields = _stat(pid)
        return fields[19] if fields else None
    import subprocess  # macOS: one second of resolution is the best that can be had without ctypes structs

    argv = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - fixed program
    return found.stdout.strip() or None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (the name before them may hold anything)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def group_lives(pgid: int) -> bool:
    """Whether the group has a member that is more than a zombie."""
    if sys.platform != "linux":
        return _signal(pgid, 0)
    stats = (_stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return any(s is not None and int(s[2]) == pgid and s[0] not in "ZX" for s in stats)


def _signal(pgid: int, number: int) -> bool:
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        return False
    return True


def is_ours(pgid: int, known: str | None) -> bool:
    """Whether the group that has this id now is the one that was added."""
    now = start_time(pgid)
    return now is None or now == known


def end_groups(groups: Iterable[int], grace: float) -> None:
    """SIGTERM, up to `grace` seconds, SIGKILL; returns when no group lives, or after another grace."""
    left = set(groups)
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = {pgid for pgid in left if _signal(pgid, number)}
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline:
            time.sleep(_POLL)
            left = {pgid for pgid in left if group_lives(pgid)}


def main(argv: list[str]) -> None:
    """Keep the list until the supervisor is gone, then end what is on it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b"ready\n")  # from here on nothing but its supervisor's end, or SIGKILL, ends it
    groups: dict[int, str | None] = {}
    for line in iter(sys.stdin.buffer.readline, b""):
        verb, _, number = line.decode().partition(" ")
        if verb == "add":
            groups[int(number)] = start_time(int(number))
        else:
            groups.pop(int(number), None)
    end_groups((pgid for pgid, known in groups.items() if is_ours(pgid, known)), float(argv[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
