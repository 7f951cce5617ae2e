"""`python -m monitor --settings FILE.toml`: run the monitor until a signal."""

from __future__ import annotations

import sys

from atoll.daemon_main import daemon_main
from monitor.app import run
from monitor.settings import MonitorSettings

if __name__ == "__main__":
    sys.exit(daemon_main("monitor", MonitorSettings, run))
