"""What a supervised process is: frozen data that `process` runs as often as it must.

Called by the engine files (and by whoever starts daemons on one machine). Holds no state: the same spec
starts the same process again, on the same port and data.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atoll.local.guard import Guard

# Returns when the process answers; raises NotReadyError when it does not yet.
HealthCheck = Callable[[], Awaitable[None]]

# All a child learns of our environment: enough to run, to find shared libraries and to know whom TLS trusts;
# no settings, no secrets.
_PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """How to start a process, how to know that it works, and how to end it. Times in seconds."""

    name: str
    argv: tuple[str, ...]  # the first is an absolute path; never holds a secret: anyone can read it
    env: Mapping[str, str] = field(repr=False)  # all of its environment
    cwd: Path
    health: HealthCheck = field(repr=False)
    log: Path  # takes its stdout and stderr
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0  # from the stop signal to SIGKILL
    ready_within: float = 30.0  # from the start to the first healthy answer
    restart: bool = True  # when it dies unasked
    restart_within: float = 5.0  # from a death to the next start, however often it dies
    niceness: int = 0  # 0 to 19: how far it steps back for the others when cores are scarce
    batch_work: bool = False  # it pushes nobody aside who computes (atoll/batch_work.py)


@dataclass(frozen=True, kw_only=True)
class EngineSpec(ProcessSpec):
    """An engine: a process with a URL for its clients."""

    url: str = field(repr=False)  # holds the credentials
    batch_work: bool = True
    # Work before the first start that needs the engine itself (say, making a user).
    prepare: Callable[[Guard], Awaitable[None]] | None = field(default=None, repr=False)


def child_environment(inherited: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of a child: a few harmless variables of ours, and a HOME with no foreign settings."""
    passed = {name: inherited[name] for name in _PASSED_ON if name in inherited}
    return {**passed, "HOME": str(home)}
