"""CPU time and peak memory of every process that a benchmark starts, by what it is. A thread that looks on.

Peaks are the system's own (the high-water mark of resident memory, Linux); elsewhere the largest that was
seen. A process that lived shorter than a look may be missing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import psutil

from benchmarks.result import ProcessUse

_LOOK_SECONDS = 0.25
_IGNORED = {"reaper", "launcher"}  # our supervisor's own, which do nothing


class _Seen(NamedTuple):
    name: str
    cpu: float
    peak_mb: float


class Watch:
    """A context: what ran below this process in it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, float], _Seen] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def found(self) -> tuple[ProcessUse, ...]:
        """One line for each kind of process, the busiest first."""
        kinds: dict[str, list[_Seen]] = {}
        for each in self._seen.values():
            if each.name not in _IGNORED:
                kinds.setdefault(each.name, []).append(each)
        uses = [_use(name, of) for name, of in kinds.items()]
        return tuple(sorted(uses, key=lambda use: use.cpu_seconds, reverse=True))

    def _run(self) -> None:
        me = psutil.Process()
        while not self._end.wait(_LOOK_SECONDS):
            for process in (me, *me.children(recursive=True)):
                try:
                    self._look(process, process.pid == me.pid)
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue

    def _look(self, process: psutil.Process, is_me: bool) -> None:
        key = (process.pid, process.create_time())
        name = "the bench itself" if is_me else name_of(process.cmdline(), process.name())
        times, before = process.cpu_times(), self._seen.get(key)
        peak = max(before.peak_mb if before else 0.0, _peak_mb(process))
        self._seen[key] = _Seen(name, times.user + times.system, peak)


def _use(name: str, of: list[_Seen]) -> ProcessUse:
    cpu = sum(each.cpu for each in of)
    return ProcessUse(name, len(of), round(cpu, 2), round(max(each.peak_mb for each in of), 1))


def name_of(argv: Iterable[str], fallback: str) -> str:
    """What a process is: a module of ours, a script, else its program. Forked ones carry their own name."""
    words = list(argv)
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1].removesuffix(".__main__")
    for word in words[1:]:
        if word.endswith(".py"):
            return " ".join([Path(word).stem, *words[words.index(word) + 2 : words.index(word) + 3]])
    return Path(words[0].split(":")[0]).name if words and words[0] else fallback


def _peak_mb(process: psutil.Process) -> float:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split(None, 1)[0]) * 1024 / 1e6
    except (OSError, ValueError, IndexError):  # no such system, or a process that has just ended
        return float(process.memory_info().rss / 1e6)
