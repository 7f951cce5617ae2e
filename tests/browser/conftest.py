"""One cluster and one Chromium for all stories of the web app; each story has a browser profile of its own.

A story leaves the cluster whole, and uses names of its own. What a page does wrong – an exception, a refusal
by its policy, an error in the console – fails the story that met it. The policy holds for Playwright, too: it
evaluates functions, but no text in a page (`wait_for_function` is refused; `expect(locator)` waits as well).
Its loop runs as long as the browser does, in the main thread: so all of it ends with this folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from client_clusters import ClusterUnderTest, real_cluster
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from browser.person import Person
from browser.pictures import Album

LOUD = "!!! NO CHROMIUM ON THIS MACHINE (package chromium): THE STORIES OF THE WEB APP ARE SKIPPED !!!"
DEADLINE_MS = 15_000  # of everything that is waited for: machines that are busy are slow, not wrong
SEEN_FIRST = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="package")
def chromium() -> str:
    """The distribution's browser; ATOLL_CHROMIUM names another one."""
    given = os.environ.get("ATOLL_CHROMIUM")
    found = next(filter(None, map(shutil.which, (given,) if given else SEEN_FIRST)), None)
    if found is None:
        pytest.skip(LOUD)
    return found


@pytest.fixture(scope="package")
def cluster(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """Three regions, as `atoll up` starts them."""
    with real_cluster(tmp_path_factory.mktemp("browser-cluster")) as running:
        yield running


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Headless; without its sandbox where we are root, for it refuses that."""
    expect.set_options(timeout=DEADLINE_MS)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()


@pytest.fixture(scope="package")
def album(cluster: ClusterUnderTest) -> Iterator[Album]:
    """Uploads pictures as a program would."""
    with Album(cluster) as opened:
        yield opened


@contextmanager
def somebody(browser: Browser, cluster: ClusterUnderTest, **options: Any) -> Iterator[Person]:
    """With a profile of their own; `options` as Playwright has them for a context."""
    size = {"width": 1280, "height": 800}
    context = browser.new_context(**{"base_url": cluster.query_urls[0], "viewport": size, **options})
    context.set_default_timeout(DEADLINE_MS)
    person = Person(context.new_page(), cluster)
    yield person
    context.close()
    assert person.complaints == []


@pytest.fixture
def stranger(browser: Browser, cluster: ClusterUnderTest) -> Iterator[Person]:
    """Somebody who is not signed in."""
    with somebody(browser, cluster) as person:
        yield person


@pytest.fixture(scope="package")
def session(browser: Browser, cluster: ClusterUnderTest) -> StorageState:
    """What a browser keeps of the administrator who signed in: once is enough for all stories."""
    with somebody(browser, cluster) as person:
        person.sign_in(cluster.api_key)
        return person.page.context.storage_state()


@pytest.fixture
def person(browser: Browser, cluster: ClusterUnderTest, session: StorageState) -> Iterator[Person]:
    """Somebody who is signed in with the administrator's key."""
    with somebody(browser, cluster, storage_state=session) as found:
        yield found


@pytest.fixture
def page(person: Person) -> Page:
    """What that person sees."""
    return person.page
