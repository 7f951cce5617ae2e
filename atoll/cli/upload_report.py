"""What became of each file, on standard output; errors in words on standard error."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from atoll.cli.journal import Done
from atoll.cli.output import emit_json, note, on_terminal, say, show_error
from atoll.client.source import FileChanged, FileUnusable
from atoll.client.tree import FoundFile
from atoll.errors import AtollError, Rejected
from atoll.node_api import AssetView
from atoll.settings import SettingsError


@dataclass(frozen=True)
class Outcome:
    """The end of one file or URL. An uploaded one may have an error: it is not in enough regions yet."""

    path: Path | str  # a URL is no path: `//` in it counts
    status: str  # uploaded, skipped, failed
    asset_id: str | None = None
    url: str | None = None
    regions: tuple[str, ...] = ()
    asset: AssetView | None = None
    error: AtollError | None = None

    @classmethod
    def skipped(cls, file: FoundFile, done: Done) -> Outcome:
        """A file that an earlier run uploaded."""
        return cls(file.path, "skipped", done.asset_id, done.url, done.regions)

    @classmethod
    def uploaded(cls, file: FoundFile, asset: AssetView, regions: tuple[str, ...]) -> Outcome:
        """A file that this run uploaded."""
        return cls(file.path, "uploaded", asset.asset_id, asset.url, regions, asset)

    def json(self) -> dict[str, Any]:
        """As one line of --json."""
        line: dict[str, Any] = {
            "path": os.fsencode(self.path).decode(errors="replace"),
            "status": self.status,
        }
        if self.asset_id is not None:
            line |= {"asset_id": self.asset_id, "url": self.url, "regions": self.regions}
        if self.asset is not None:
            line["asset"] = msgspec.to_builtins(self.asset)
        if self.error is not None:
            line["problem"] = self.error.problem()
        return line


def may_pass(error: AtollError) -> bool:
    """Whether the same file may be taken another time, without anybody changing anything."""
    return isinstance(error, FileChanged) or not isinstance(error, (Rejected, FileUnusable, SettingsError))


class Report:
    """Prints outcomes as they come, and counts."""

    def __init__(self, *, as_json: bool, files: int) -> None:
        self._as_json, self._files = as_json, files
        self._counts = {"uploaded": 0, "skipped": 0, "failed": 0}
        self.errors: list[AtollError | None] = []

    def add(self, outcome: Outcome) -> None:
        """This file is over with."""
        self._counts[outcome.status] += 1
        self.errors.append(outcome.error)
        if outcome.error is not None:
            show_error(outcome.error, about=str(outcome.path))
        if self._as_json:
            emit_json(outcome.json())
        elif outcome.asset_id is not None and on_terminal():
            self._show(outcome)
        elif outcome.asset_id is not None:
            say(outcome.asset_id, outcome.url, ",".join(outcome.regions), outcome.path)

    def _show(self, outcome: Outcome) -> None:
        """For people: a line that fits; the URL, which does not, of a single file only."""
        regions = ", ".join(outcome.regions)
        before = "  (uploaded before)" if outcome.status == "skipped" else ""
        say(f"{outcome.asset_id}  {outcome.path}  {regions}{before}")
        if self._files == 1:
            say(outcome.url)

    def summary(self) -> None:
        """One line of figures."""
        parts = [f"{count} {status}" for status, count in self._counts.items() if count]
        note(", ".join(parts))
        if any(error is not None and may_pass(error) for error in self.errors):
            note("Run the same command again to try the failed ones again.")
