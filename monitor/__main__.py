"""`python -m monitor --settings FILE.toml`: read the settings, then run the monitor until a signal."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from atoll import lifecycle, log
from atoll.settings import SettingsError, load
from monitor.app import run
from monitor.settings import MonitorSettings


def main() -> int:
    """Exit code: 0 after an ordered end, 1 after a failure, 2 when the settings are not usable."""
    parser = argparse.ArgumentParser(prog="monitor", description="Atoll's monitor.")
    parser.add_argument("--settings", type=Path, help="TOML file; ATOLL_* variables win over it")
    parser.add_argument("--check", action="store_true", help="check the settings and exit")
    arguments = parser.parse_args()
    try:
        settings = load(MonitorSettings, arguments.settings)
        if arguments.check:
            return 0
        log.configure(settings.name, settings.log_level)
        return lifecycle.run(partial(run, settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
