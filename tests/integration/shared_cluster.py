"""The real cluster that several files of tests share: from the first test that wants it to the last in a row.

An idle cluster takes a fifth of a core from all the stories that come later: so it ends with the last file
that uses it, unless the next one uses it too. Called by conftest.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from client_clusters import ClusterUnderTest, real_cluster

FIXTURE = "running_cluster"


class SharedCluster:
    """At most one that runs; another after it was closed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: ClusterUnderTest | None = None

    def running(self, factory: pytest.TempPathFactory) -> ClusterUnderTest:
        """The one there is, or a new one."""
        if self._running is None:
            self._running = self._stack.enter_context(real_cluster(factory.mktemp("atoll")))
        return self._running

    def close(self) -> None:
        """End it, if it runs."""
        self._running = None
        self._stack.close()


def files_with_it(items: list[pytest.Item]) -> frozenset[Path]:
    """The files that have a test which uses it."""
    return frozenset(item.path for item in items if _uses_it(item))


def _uses_it(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    real = callspec is not None and callspec.params.get("cluster") == "real"
    return real or FIXTURE in getattr(item, "fixturenames", ())
