"""The disk that loses power, and how many stories are told on it: by default one, of a seed drawn anew.

make powerloss STORIES=50            fifty, of seeds from a random one on
make powerloss SEED=12345 STORIES=1  one of them again
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lossy_disk import LossyDisk, what_is_missing
from own_nats import OwnNats

_FAILED = "powerloss/seeds"  # in pytest's cache: --last-failed tells the same story again


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when the command line names this folder, as `make powerloss` does."""
    group = parser.getgroup("power loss")
    group.addoption("--power-seed", type=int, default=0, help="of the first story; 0: any")
    group.addoption("--power-stories", type=int, default=1, help="how many stories, each of the next seed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "story_number" in metafunc.fixturenames:
        stories = metafunc.config.getoption("power_stories", 1)
        metafunc.parametrize("story_number", range(stories))  # ids must not change from run to run


@pytest.fixture(scope="session")
def first_seed(pytestconfig: pytest.Config) -> int:
    """Chosen, or that of the run whose failures are tried again, or any."""
    seed = pytestconfig.getoption("power_seed", 0)
    if not seed and pytestconfig.getoption("lf", False):
        seed = pytestconfig.cache.get(_FAILED, 0) if pytestconfig.cache else 0
    seed = seed or random.SystemRandom().randrange(1, 2**31)
    if pytestconfig.cache:
        pytestconfig.cache.set(_FAILED, seed)
    return int(seed)


@pytest.fixture
def tell() -> Callable[[str], object]:
    """Says how a story goes, for whoever looks into one that failed."""
    return lambda text: sys.stdout.write(text + "\n")


@pytest.fixture
def story_seed(first_seed: int, story_number: int, tell: Callable[[str], object]) -> int:
    """This story's."""
    tell(f"power-loss story of seed {first_seed + story_number}")
    return first_seed + story_number


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LossyDisk]:
    """An empty one, mounted."""
    if (reason := what_is_missing()) is not None:
        pytest.skip(f"NO POWER-LOSS TEST WAS RUN: {reason}")
    with LossyDisk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    """A server of the story's own."""
    server = OwnNats(tmp_path, user="test", password="of-this-test")
    server.start()
    yield f"nats://test:of-this-test@127.0.0.1:{server.port}"
    server.kill()
