"""How far a drain is, on standard error: a bar on a terminal, else a line when something changed."""

from __future__ import annotations

import sys

from atoll.cli.output import note
from atoll.client.proof_views import Drain


class DrainScreen:
    """A context; `show` as often as one likes."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._last = ""
        self._bar = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(f"draining {node}", total=None)

    def __enter__(self) -> DrainScreen:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, drain: Drain) -> None:
        """The newest word."""
        if self._bar:
            self._bar.update(self._task, total=drain.images, completed=drain.confirmed or 0)
        line = "; ".join(drain.waiting_for) or "every image is confirmed elsewhere"
        if line != self._last:
            self._last = line
            if self._bar:
                self._bar.console.print(f"  {line}", markup=False, highlight=False)
            else:
                note(f"{self._node}: {line}")
