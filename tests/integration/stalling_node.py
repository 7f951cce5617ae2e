"""A storage node whose disk hangs while a file called `stalled` lies beside its settings."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atoll.daemon_main import daemon_main
from storage_node.app import run
from storage_node.disk_store import DiskStore
from storage_node.settings import NodeSettings
from storage_node.staged_file import StagedFile

_ON_THE_DISK: dict[type, tuple[str, ...]] = {
    DiskStore: ("probe", "read", "size", "stage", "publish", "remove"),
    StagedFile: ("write", "sync"),
}


def hang_while(stalled: Path) -> None:
    """Make every call to the disk wait as long as the file is there."""
    for owner, names in _ON_THE_DISK.items():
        for name in names:
            setattr(owner, name, _hanging(getattr(owner, name), stalled))


def _hanging(work: Callable[..., Any], stalled: Path) -> Callable[..., Any]:
    def hanging(*arguments: Any) -> Any:
        while stalled.exists():
            time.sleep(0.01)
        return work(*arguments)

    return hanging


if __name__ == "__main__":
    hang_while(Path(sys.argv[sys.argv.index("--settings") + 1]).parent / "stalled")
    sys.exit(daemon_main("storage_node", NodeSettings, run))
