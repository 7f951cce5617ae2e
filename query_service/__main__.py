"""python -m query_service --settings FILE.toml"""

from __future__ import annotations

import sys

from atoll.kept_imports import kept_imports


def main() -> int:
    """Its exit code."""
    with kept_imports():
        from atoll.daemon_main import daemon_main
        from query_service.app import run
        from query_service.settings import QuerySettings
    return daemon_main("query_service", QuerySettings, run)


if __name__ == "__main__":
    sys.exit(main())
