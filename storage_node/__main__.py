"""python -m storage_node --settings FILE.toml"""

from __future__ import annotations

import sys

from atoll.kept_imports import kept_imports


def main() -> int:
    """Its exit code."""
    with kept_imports():
        from atoll.daemon_main import daemon_main
        from storage_node.app import run
        from storage_node.settings import NodeSettings
    return daemon_main("storage_node", NodeSettings, run)


if __name__ == "__main__":
    sys.exit(main())
