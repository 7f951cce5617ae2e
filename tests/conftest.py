"""Fixtures that more than one folder of tests needs: real engines, started once or afresh."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import uuid
from collections.abc import Iterator

import last_resort
import pymongo
import pytest
from engine_thread import EngineThread
from file_order import UnitScheduling, longest_first
from forked_daemons import spawn_daemon
from how_long import much
from xdist.remote import Producer

from atoll.local import ports
from atoll.local.engines import GivenUrls

_CHAOS = "chaos/seed"  # in pytest's cache: --last-failed does the same again


def pytest_configure(config: pytest.Config) -> None:
    """The environment of all processes; and the seed of the chaos run, once, before there are workers, so
    that it can be told at the top."""
    # No test asks strangers by TLS, and to read the certificates of all authorities takes a tenth of a start.
    os.environ.setdefault("SSL_CERT_FILE", os.devnull)
    config.pluginmanager.register(last_resort)
    # A shell that starts something in the background has it ignore Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        return
    seed = os.environ.get("CHAOS_SEED", "")
    if not seed and config.cache and config.getoption("lf", False):
        seed = str(config.cache.get(_CHAOS, ""))
    os.environ["CHAOS_SEED"] = seed or str(random.SystemRandom().randrange(10**6))
    if config.cache:
        config.cache.set(_CHAOS, os.environ["CHAOS_SEED"])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See file_order."""
    items[:] = longest_first(items, lambda item: item.nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling | None:
    """`--dist loadfile`, but for files that share something."""
    return UnitScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_report_header() -> str:
    """What a failed chaos run needs to be done again."""
    seed = os.environ["CHAOS_SEED"]
    return f"chaos seed: {seed} (again: make chaos SEED={seed} MINUTES={much(1, 2)})"


@pytest.fixture(scope="session", autouse=True)
def _clusters_fork_their_daemons() -> Iterator[None]:
    """A start of half a second, hundreds of times, is minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("atoll.local.process.spawn", spawn_daemon)
        yield


@pytest.fixture(scope="session", autouse=True)
def _ports_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each process of tests chooses ports in a part of the range of its own: nothing holds a port between
    its choice and its use, and a daemon whose port another process chose, too, ended at its start."""
    with pytest.MonkeyPatch.context() as patch:
        if given := getattr(request.config, "workerinput", None):
            number, many = int(given["workerid"].removeprefix("gw")), int(given["workercount"])
            low, high = ports._RANDOM_RANGE
            share = (high + 1 - low) // many
            first = low + number % many * share
            patch.setattr(ports, "_RANDOM_RANGE", (first, first + share - 1))
        yield


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineThread]:
    """One set of engines for the whole run. Do not break it, and do not count on an empty JetStream.

    `ATOLL_TEST_MONGODB_URL`: a server that uses indexes, in place of the stand-in.
    """
    given = GivenUrls(mongodb=os.environ.get("ATOLL_TEST_MONGODB_URL") or None)
    with EngineThread(tmp_path_factory.mktemp("engines"), given) as running:
        yield running


@pytest.fixture
def fresh_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineThread]:
    """Engines of the test's own, empty: to kill, to stop, or because streams are named by region."""
    with EngineThread(tmp_path_factory.mktemp("fresh-engines")) as running:
        yield running


@pytest.fixture
def fresh_nats(engines: EngineThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineThread]:
    """NATS of the test's own, empty, to be broken; the others are the whole run's. Starts in no time."""
    others = GivenUrls(redis=engines.urls.redis, mongodb=engines.urls.mongodb)
    with EngineThread(tmp_path_factory.mktemp("fresh-nats"), others) as running:
        yield running


@pytest.fixture
def mongo_database(engines: EngineThread) -> Iterator[str]:
    """The name of a database of the test's own on the shared engines, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    with contextlib.closing(pymongo.MongoClient[dict[str, object]](engines.urls.mongodb)) as client:
        client.drop_database(name)
