"""A node fetches images by URL: stored as uploads are, and the wall stands whatever a task says."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from job_stage import JobStage, cluster_map, connect, make_bucket
from node_fixture import BUCKET, SET, NodeProcess, new_region, picture
from web_site import Page, WebSite

from atoll.bucket import Bucket
from atoll.ids import new_id, now_ms
from atoll.jobs import FetchWork
from atoll.signing import Ticket

pytestmark = pytest.mark.integration


@pytest.fixture
def site():
    with WebSite() as running:
        yield running


@contextlib.asynccontextmanager
async def stage(engines, directory, site, hosts=("127.0.0.1",), **settings):
    settings = {
        "job_retry_seconds": 0.1,
        "outward_networks": ["127.0.0.0/8"],
        "outward_ports": [site.port],
        **settings,
    }
    node = NodeProcess(directory, engines.urls.nats, new_region(), settings).start()
    await make_bucket(node, fetch_hosts=hosts)
    running = await connect(node)
    try:
        yield running
    finally:
        await running.client.close()
        node.end()


def work(it: JobStage, url: str, **fields) -> FetchWork:
    ticket = {
        "ticket_id": new_id(),
        "node": it.node.name,
        "set": SET,
        "bucket": BUCKET,
        "asset_id": new_id(),
        "expires_at": now_ms() + 60_000,
        "max_bytes": 2**20,
    }
    return FetchWork(url, Ticket(**{**ticket, **fields}))


async def outcome(it: JobStage, order: FetchWork):
    task = await it.put(order)
    (said,) = await it.ended(task.job)
    return said


def stored(it: JobStage) -> dict[str, bytes]:
    """The blobs on the node's disk, by SHA-256."""
    files = [file for file in (it.node.data / "blobs").rglob("*") if file.is_file()]
    return {file.stem: file.read_bytes() for file in files}


async def test_what_a_url_gives_is_stored_as_an_upload_is(fresh_nats, tmp_path, site):
    data = picture(size=(300, 200))
    site.pages["/a/cat.png"] = Page(data, headers={"Content-Type": "text/html"})  # who knows what it says
    site.pages["/r"] = Page(status=302, headers={"Location": "/a/cat.png"})
    async with stage(fresh_nats, tmp_path / "node", site) as it:
        order = work(it, site.url("/r"), tags=("sea",))
        said = await outcome(it, order)
        assert (said.state, said.done, said.assets) == ("done", 1, (order.ticket.asset_id,))
        assert stored(it) == {hashlib.sha256(data).hexdigest(): data}
        blob = f"{BUCKET}/{SET}/{hashlib.sha256(data).hexdigest()}.jpg"
        assert it.node.request("GET", f"/{blob}").status == 200
    assert site.asked == ["/r", "/a/cat.png"]


async def test_a_task_that_is_given_again_fetches_nothing_again(fresh_nats, tmp_path, site):
    """Its first try may have died between the commit and the report; the page may be another by now."""
    site.pages["/"] = lambda: Page(picture())
    async with stage(fresh_nats, tmp_path / "node", site) as it:
        order = work(it, site.url("/"))
        first = await outcome(it, order)
        assert (await outcome(it, order)).assets == first.assets == (order.ticket.asset_id,)
        assert len(stored(it)) == 1
    assert site.asked == ["/"]


async def test_a_server_that_fails_for_a_while_is_asked_again(fresh_nats, tmp_path, site):
    data, answers = picture(), [Page(status=503), Page(b"half", promised=1000)]
    site.pages["/"] = lambda: answers.pop(0) if answers else Page(data)
    async with stage(fresh_nats, tmp_path / "node", site) as it:
        said = await outcome(it, work(it, site.url("/")))
        assert (said.state, said.tries) == ("done", 3)
        assert list(stored(it).values()) == [data]


async def test_a_server_that_always_fails_is_given_up(fresh_nats, tmp_path, site):
    site.pages["/"] = Page(status=503)
    async with stage(fresh_nats, tmp_path / "node", site, job_tries=2) as it:
        said = await outcome(it, work(it, site.url("/")))
        assert (said.state, said.errors[0].problem) == ("parked", "outward-failed")
    assert len(site.asked) == 2


REFUSED = {
    "/missing": (Page(status=404), "not-fetched"),
    "/page": (Page(b"<html>"), "not-an-image"),
    "/svg": (Page(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not-an-image"),
    "/empty": (Page(b""), "empty-body"),
    "/half": (Page(picture(size=(200, 200))[:5000]), "undecodable"),
    "/large": (Page(bytes(2**20 + 1)), "too-large"),
    "/inside": (Page(status=302, headers={"Location": "http://10.0.0.1/"}), "outward-refused"),
    "/circle": (Page(status=302, headers={"Location": "/circle"}), "not-fetched"),
    "/packed": (Page(picture(), headers={"Content-Encoding": "gzip"}), "not-fetched"),
}


async def test_what_cannot_be_taken_ends_the_job_at_once_and_leaves_nothing(fresh_nats, tmp_path, site):
    async with stage(fresh_nats, tmp_path / "node", site) as it:
        for path, (page, problem) in REFUSED.items():
            site.pages[path] = page
            said = await outcome(it, work(it, site.url(path)))
            assert (said.state, said.failed, said.tries) == ("failed", 1, 1), path
            assert said.errors[0].problem == problem, path
        assert stored(it) == {}


async def test_without_a_list_of_hosts_nothing_is_fetched_even_if_a_task_is_there(fresh_nats, tmp_path, site):
    async with stage(fresh_nats, tmp_path / "node", site, hosts=()) as it:
        assert (await outcome(it, work(it, site.url("/")))).errors[0].problem == "outward-refused"
    assert site.asked == []


@pytest.mark.parametrize("bucket", [BUCKET, "new"])
async def test_an_order_may_be_faster_than_the_news_of_its_bucket_and_of_its_hosts(
    fresh_nats, tmp_path, site, bucket
):
    data = picture()
    site.pages["/"] = Page(data)
    async with stage(fresh_nats, tmp_path / "node", site, hosts=()) as it, cluster_map(it.node) as others:
        task = await it.put(work(it, site.url("/"), bucket=bucket))
        await it.until(it.under_way, "the node takes the order")
        await others.put(Bucket(bucket, fetch_hosts=("127.0.0.1",)))
        (said,) = await it.ended(task.job)
        assert (said.state, said.errors) == ("done", ())
        assert list(stored(it).values()) == [data]


async def test_addresses_of_this_machine_are_refused_unless_the_operator_names_them(
    fresh_nats, tmp_path, site
):
    async with stage(fresh_nats, tmp_path / "node", site, outward_networks=[]) as it:
        for host in ("127.0.0.1", "localhost", "[::1]"):
            said = await outcome(it, work(it, f"http://{host}:{site.port}/"))
            assert (said.state, said.errors[0].problem) == ("failed", "outward-refused"), host
    assert site.asked == []
