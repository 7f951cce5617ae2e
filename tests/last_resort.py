"""Ends a process of tests that hangs where pytest-timeout does not reach: used by conftest.

At its limit a test is broken off by an exception in the main thread. Who then waits, in a `finally`, for a
thread that never ends hangs for good, and with it the whole run. A while later the process says where each of
its threads stands and ends; pytest-xdist reports that test as failed and goes on in another process.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator

import pytest

GRACE = 60.0  # seconds for a test that was broken off, and for its fixtures
_SAID_TO = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """What the tests print is captured; this is not."""
    assert sys.__stderr__ is not None
    config.stash[_SAID_TO] = os.dup(sys.__stderr__.fileno())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test with its fixtures, and those of its file and of the run that end with it."""
    if limit := limit_of(item):
        faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=item.config.stash[_SAID_TO])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The end of the process, which waits for every thread that a test has left. A worker is ended by
    pytest-xdist, when the last of them has done its tests."""
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(GRACE, exit=True, file=config.stash[_SAID_TO])


def limit_of(item: pytest.Item) -> float:
    """Seconds that pytest-timeout gives a test; 0 for no limit."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout"))
