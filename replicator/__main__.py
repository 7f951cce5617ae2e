"""python -m replicator --settings FILE.toml"""

from __future__ import annotations

import sys

from atoll.daemon_main import daemon_main
from replicator.app import run
from replicator.settings import ReplicatorSettings

if __name__ == "__main__":
    sys.exit(daemon_main("replicator", ReplicatorSettings, run))
