"""In which process the files of tests run, and in which order, when there are several processes.

A file stays in one process, and so do files that share a cluster: else each process would start it anew. The
longest come first, or one process would be busy with the last of them alone. Used by conftest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from xdist.scheduler import LoadFileScheduling

T = TypeVar("T")

BROWSER, REAL_CLUSTER = "the browser", "the real cluster"
# Files whose tests share something, by the name of what they share. tests/integration/conftest.py refuses a
# user of the real cluster that is missing here.
SHARING: dict[str, tuple[str, ...]] = {
    BROWSER: ("tests/browser/",),
    REAL_CLUSTER: (
        "tests/integration/test_cli.py",
        "tests/integration/test_cli_folders.py",
        "tests/integration/test_client.py",
        "tests/integration/test_client_folders.py",
        "tests/integration/test_client_jobs.py",
        "tests/integration/test_versions.py",
        "tests/integration/test_words.py",
    ),
}
# Units of a minute and more. Whatever is missing here costs time, nothing else.
LONGEST: tuple[str, ...] = (
    "tests/probe/test_daemons_die.py",
    REAL_CLUSTER,
    "tests/probe/test_growth.py",
    "tests/integration/test_hostile_corpus.py",
    "tests/probe/test_lost_parts.py",
    BROWSER,
    "tests/integration/test_jobs_node.py",
    "tests/integration/test_node_life.py",
    "tests/probe/test_operations.py",
    "tests/integration/test_api_fuzz.py",
    "tests/probe/test_up_and_demo.py",
    "tests/chaos/test_chaos.py",
    "tests/integration/test_engines.py",
    "tests/probe/test_monitor_sees.py",
    "tests/probe/test_engines_away.py",
    "tests/integration/test_inspection.py",
)


def unit_of(nodeid: str) -> str:
    """What runs in one process without interruption: a file, or files that share something."""
    file = nodeid.split("::", 1)[0]
    for shared, files in SHARING.items():
        if file.startswith(files):
            return shared
    return file


def longest_first(items: Iterable[T], nodeid: Callable[[T], str]) -> list[T]:
    """Units named in LONGEST, then all others as they were; the tests of a unit follow each other."""
    units: dict[str, list[T]] = {unit: [] for unit in LONGEST}
    for item in items:
        units.setdefault(unit_of(nodeid(item)), []).append(item)
    return [item for unit in units.values() for item in unit]


class UnitScheduling(LoadFileScheduling):
    """A process gets one unit after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
