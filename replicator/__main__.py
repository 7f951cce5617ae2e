"""python -m replicator --settings FILE.toml"""

from __future__ import annotations

import sys

from atoll.kept_imports import kept_imports


def main() -> int:
    """Its exit code."""
    with kept_imports():
        from atoll.daemon_main import daemon_main
        from replicator.app import run
        from replicator.settings import ReplicatorSettings
    return daemon_main("replicator", ReplicatorSettings, run, batch_work=True)


if __name__ == "__main__":
    sys.exit(main())
