"""What did happen, and what must therefore be true. Knows nothing of how Atoll works.

Every operation is written to a file before its answer is believed, so that a run that fails can be read line
by line. An operation without an answer leaves its asset in doubt: it may have happened or not, and only that
no wrong byte is read is demanded of it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from chaos.plan import Plan

State = Literal["live", "deleted", "erased", "doubt"]


@dataclass
class Asset:
    """One acknowledged upload; `busy` while an operation on it is under way."""

    asset_id: str
    public_path: str
    sha256: str
    number: int
    state: State = "live"
    busy: bool = False


class Register:
    """The record of one run, at `path`; a context."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path, self._begun = path, time.monotonic()
        self.assets: list[Asset] = []
        self.violations: list[str] = []
        self.counts: dict[str, int] = {}
        self._file = path.open("w", encoding="utf-8")
        self.note("plan", seed=plan.seed, seconds=plan.seconds, victim=plan.victim)

    def __enter__(self) -> Register:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, what: str, **facts: Any) -> None:
        """One line, on disk when this returns."""
        line = {"t": round(time.monotonic() - self._begun, 4), "what": what, **facts}
        self._file.write(json.dumps(line, default=str) + "\n")
        self._file.flush()
        self.counts[what] = self.counts.get(what, 0) + 1

    def stored(self, asset: Asset) -> None:
        """An upload was acknowledged."""
        self.assets.append(asset)
        self.note("stored", **asdict(asset))

    def became(self, asset: Asset, state: State) -> None:
        """An operation on it was acknowledged, or (doubt) got no answer."""
        asset.state = state
        self.note("became", asset_id=asset.asset_id, state=state)

    def violated(self, why: str, **facts: Any) -> None:
        """A promise was broken."""
        self.violations.append(f"{why}: {facts}")
        self.note("VIOLATION", why=why, **facts)

    def pick(self, fraction: float, *states: State) -> Asset | None:
        """One of the assets in these states with which nothing is being done."""
        free = [asset for asset in self.assets if asset.state in states and not asset.busy]
        return free[int(fraction * len(free))] if free else None
