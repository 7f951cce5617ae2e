"""How far an upload is, on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from atoll.cli.output import note, size

LINE_SECONDS = 1.0


class Screen(Protocol):
    """Shows progress while the context lasts."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, sent: int, done: int) -> None:
        """So many bytes have gone out, so many files are over with."""


class Tally:
    """Bytes and files of one run; a retried file's bytes count once."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._sent: dict[Path, int] = {}
        self._total = self._done = 0

    def sent(self, path: Path, count: int) -> None:
        """So many bytes of this file have gone out (again from 0 at a retry)."""
        self._total += count - self._sent.get(path, 0)
        self._sent[path] = count
        self._screen.show(self._total, self._done)

    def finished(self, path: Path) -> None:
        """This file is over with."""
        self._done += 1
        self._sent.pop(path, None)
        self._screen.show(self._total, self._done)


class Blank:
    """Shows nothing."""

    def __enter__(self) -> Blank:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, sent: int, done: int) -> None:
        """Nothing."""


class Bar:
    """A progress bar over all bytes and files."""

    def __init__(self, bytes_total: int, files_total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.fields[files]}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(compact=True),
            # A URL that is printed above the bar has to stay one line, to be copied.
            console=Console(stderr=True, soft_wrap=True, highlight=False),
            # Lines printed meanwhile go above the bar; piped ones must go where they are piped.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._files = files_total
        self._task = self._progress.add_task("", total=bytes_total, files=f"0/{files_total} files", pace="")
        self._began = time.monotonic()

    def __enter__(self) -> Bar:
        self._began = time.monotonic()
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, sent: int, done: int) -> None:
        """Move the bar."""
        pace = f"{size(round(sent / max(0.001, time.monotonic() - self._began)))}/s" if sent else ""
        self._progress.update(self._task, completed=sent, files=f"{done}/{self._files} files", pace=pace)


class Lines:
    """At most one line a second, and one at the end."""

    def __init__(
        self, bytes_total: int, files_total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes, self._files, self._clock = bytes_total, files_total, clock
        self._began = clock()
        self._next = self._began + LINE_SECONDS
        self._last = (0, 0)

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._print()

    def show(self, sent: int, done: int) -> None:
        """Print if it is time."""
        self._last = (sent, done)
        if self._clock() >= self._next:
            self._next = self._clock() + LINE_SECONDS
            self._print()

    def _print(self) -> None:
        sent, done = self._last
        note(f"{done}/{self._files} files, {size(sent)} of {size(self._bytes)}{self._pace(sent)}")

    def _pace(self, sent: int) -> str:
        """How fast, and how long still at that rate."""
        seconds = self._clock() - self._began
        if not sent or seconds <= 0:
            return ""
        rate, left = sent / seconds, max(0, self._bytes - sent)
        return f", {size(round(rate))}/s" + (f", {round(left / rate)} s left" if left else "")


def make_screen(bytes_total: int, files_total: int) -> Screen:
    """What fits standard error; nothing when there is nothing to do."""
    if files_total == 0:
        return Blank()
    return Bar(bytes_total, files_total) if sys.stderr.isatty() else Lines(bytes_total, files_total)
