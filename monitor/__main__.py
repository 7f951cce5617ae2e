"""`python -m monitor --settings FILE.toml`: run the monitor until a signal."""

from __future__ import annotations

import sys

from atoll.kept_imports import kept_imports


def main() -> int:
    """Its exit code."""
    with kept_imports():
        from atoll.daemon_main import daemon_main
        from monitor.app import run
        from monitor.settings import MonitorSettings
    return daemon_main("monitor", MonitorSettings, run)


if __name__ == "__main__":
    sys.exit(main())
