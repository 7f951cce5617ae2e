"""Every question that the catalog, jobs and webhooks put to MongoDB is one that an index answers.

Told by the driver's own record of what was sent while everything is asked once. Held here against the indexes
that are made (a stand-in has no plans to speak of); where `ATOLL_TEST_MONGODB_URL` names a server that uses
indexes, each question is explained by it, printed (pytest -rP) and must scan no collection and sort nothing.
Of one that is not MongoDB no order is asked that nothing bounds: DocumentDB sorts then what its index found.
Searches have a test of their own: test_search.py.
"""

from __future__ import annotations

import os
import sys
import time

import pytest
from pymongo.monitoring import CommandListener
from sample_events import BUCKET, buried, record, stored, version
from test_search import _stages

from atoll.backoff import Backoff
from atoll.events import JobMade, JobTask
from atoll.ids import new_id, now_ms
from atoll.jobs import JobFacts, TaskOutcome
from query_service import mongo_driver
from query_service.catalog import Catalog
from query_service.catalog_indexes import INDEXES
from query_service.circuit import Circuit
from query_service.history_fields import history_plan
from query_service.hook_messages import HookMessage
from query_service.hook_store import MAX_HOOKS, HookStore
from query_service.job_silence import Silence
from query_service.job_store import JobStore

pytestmark = pytest.mark.integration
REAL = os.environ.get("ATOLL_TEST_MONGODB_URL", "")
DAY = 86_400_000


class Heard(CommandListener):
    """What was sent, as (collection, filter, sort), and whole where it was a `find`."""

    def __init__(self):
        self.asked, self.finds = [], []

    def started(self, event):
        command, name = event.command, event.command_name
        if name == "find":
            self.finds.append(dict(command))
            self.asked.append((command["find"], command["filter"], dict(command.get("sort", {}))))
        for write, of in (("update", "updates"), ("delete", "deletes")):
            if name == write:
                self.asked += [(command[write], each["q"], {}) for each in command[of]]

    def succeeded(self, event):
        """It was answered."""

    def failed(self, event):
        """Then the test fails by itself."""


@pytest.fixture
def heard(monkeypatch):
    listener, client = Heard(), mongo_driver._client
    listening = lambda driver: lambda *a, **o: client(driver)(*a, **o, event_listeners=[listener])  # noqa: E731 - short
    monkeypatch.setattr(mongo_driver, "_client", listening)
    return listener


@pytest.fixture
async def mongo(engines, mongo_database, heard):
    database = mongo_driver.MongoDatabase(engines.urls.mongodb, mongo_database, "pymongo", "test")
    yield database
    await database.close()


async def ask_all(mongo):
    """Everything that is ever asked, at least once."""
    catalog = Catalog(mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
    await catalog.ensure_indexes()
    first = record("sea/one", 1000)
    second = record("sea/one", 2000)
    other = record("sea/two", 1000)
    await catalog.apply([stored(first, 1000), stored(other, 1000)])
    await catalog.apply([stored(second, 2000)])
    await catalog.apply([buried(other, 3000)])
    await catalog.asset(first.asset_id)
    await catalog.asset_by_name(BUCKET, "sea/one")
    for after in (None, "sea/a"):
        await catalog.page(BUCKET, "sea/", after, 10)
    await catalog.locations(BUCKET, first.blob.sha256)
    await catalog.in_leaves("s1", range(65536))
    await catalog.versions_in_leaves("s1", range(65536))
    await catalog.versions(first.asset_id, None, 10)
    await catalog.version(first.asset_id, first.version)
    await catalog.sets_of(first.asset_id)
    for sessions in (False, True):
        await catalog.search(history_plan("key", sessions=sessions), 10)
    await catalog.remove_ghosts({first.asset_id: version(2000)})
    await ask_for_jobs(JobStore(mongo, DAY, Silence(DAY), now_ms))
    await ask_for_hooks(HookStore(mongo, DAY))


async def ask_for_jobs(jobs):
    facts = JobFacts(new_id(), "look", BUCKET, "", "admin", now_ms(), 1, 1)
    await jobs.make(facts)
    await jobs.ready(facts)
    done = JobTask(new_id(), now_ms(), "eu-1", "eu", "main", TaskOutcome(facts.id, 0, "done", 1, 1))
    await jobs.apply([JobMade(new_id(), now_ms(), "eu-1", "eu", "main", facts), done], {})
    await jobs.get(facts.id)
    await jobs.get_many([facts.id])
    for bucket, by in ((None, None), (BUCKET, None), (None, "admin")):
        for before in (None, facts.id):
            await jobs.page(bucket, by, before, 10)
    (due,) = await jobs.due(facts.created_at + DAY, 10)
    await jobs.look_again(due["_id"], now_ms())
    await jobs.look_no_more([facts.id])
    await jobs.give_up(facts.id, now_ms(), "nothing was heard")
    await jobs.cancel(facts.id, now_ms())


async def ask_for_hooks(hooks):
    hook = {"_id": new_id(), "url": "https://x.example/", "events": [], "buckets": [], "created_at": 1}
    await hooks.add(hook)
    await hooks.all()
    await hooks.get(hook["_id"])
    await hooks.queue([(BUCKET, HookMessage(new_id(), "asset.stored", "2026-01-01T00:00:00Z", {}))], 1)
    (delivery,) = await hooks.due(now_ms(), 10)
    await hooks.take(delivery, now_ms() + 1000)
    for before in (None, new_id()):
        assert len(await hooks.page(hook["_id"], before, 10)) == 1
    await hooks.delivery(delivery["_id"])
    await hooks.again(hook["_id"], delivery["_id"], now_ms())
    await hooks.remove(hook["_id"])


def answering(collection, asked, sort):
    """The index that finds it and has its order: `_id`, or one whose first keys are asked for."""
    if "_id" in asked and not sort:
        return "_id_"
    for index in [{"_id": 1}, *(index.document["key"] for index in INDEXES.get(collection, []))]:
        keys = list(index)
        fixed = [key for key in keys if _is_point(asked.get(key))]
        ranged = [key for key in keys if key in asked and key not in fixed]
        order = [key for key in sort if key not in fixed]
        walk = [*fixed, *order, *[key for key in ranged if key not in order]]
        if (walk or not asked) and keys[: len(walk)] == walk:
            return "_".join(keys)
    return None


def _is_point(value):
    return value is not None and (not isinstance(value, dict) or set(value) == {"$in"})


async def test_every_question_has_an_index_that_answers_it(mongo, heard):
    await ask_all(mongo)
    assert len(heard.finds) > 25
    for collection, asked, sort in heard.asked:
        if collection == "webhooks" and not asked:
            continue  # all of them, and there are few
        assert answering(collection, asked, sort), (collection, asked, sort)
    assert MAX_HOOKS <= 100


@pytest.mark.skipif(not REAL, reason="needs a server that uses indexes: ATOLL_TEST_MONGODB_URL")
async def test_the_server_says_that_an_index_answers_every_question(mongo, heard):
    await ask_all(mongo)
    fill = [record(f"more/{number}", 10_000 + number) for number in range(300)]
    catalog = Catalog(mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
    await catalog.apply([stored(each, each.created_at) for each in fill])
    strict = "gitVersion" in await mongo._client.admin.command("buildInfo")
    for command in list(heard.finds):
        if command["find"] == "webhooks" and not command["filter"]:
            continue
        asked = {name: command[name] for name in ("find", "filter", "sort", "limit") if name in command}
        explained = await mongo._database.command("explain", asked)
        stages = _stages(explained["queryPlanner"]["winningPlan"])
        walk = " < ".join(stage["stage"] for stage in stages)
        sort = dict(command.get("sort", {}))
        sys.stdout.write(f"{walk:40} {command['find']} {dict(command['filter'])} {sort}\n")
        assert "COLLSCAN" not in walk, command
        assert "SORT" not in walk or not (strict or sort.keys() & command["filter"].keys()), command
