"""Images by URL through a whole cluster: ordered over HTTP, by the client and by the command."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import named_daemon
import pytest
import pytest_asyncio
from client_clusters import picture
from named_daemon import Names
from web_site import Page, WebSite

from atoll.client.async_client import AsyncClient
from atoll.errors import NotAnImage, NotFetched, OutwardRefused
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import DaemonPlan
from atoll.local.process_spec import ProcessSpec

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

BUCKET = "fetched"
INSIDE = "127.0.0.2"  # an address of our own network, which nobody named
LAUNCHER = str(Path(named_daemon.__file__).resolve())


class NamedCluster(LocalCluster):
    """Its daemons live on a machine where `names` says what names lead to."""

    @property
    def names_there(self) -> Names:
        return Names(self.paths.root.resolve() / "names.json")

    def _spec(self, plan: DaemonPlan) -> ProcessSpec:
        spec = super()._spec(plan)
        python, _, kind, *rest = spec.argv
        return replace(spec, argv=(python, LAUNCHER, kind, str(self.names_there.path), *rest))


@pytest.fixture(scope="module")
def site():
    with WebSite() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory, site):
    outward = {"outward_networks": ("127.0.0.1/32",), "outward_ports": (site.port,)}
    extra = {"storage_node": {**outward, "faces": "off"}, "query_service": outward}
    root = tmp_path_factory.mktemp("cluster")
    Names(root / "names.json").say({})
    async with NamedCluster(root, known_ports=False, extra=extra) as running:
        hosts = {"visibility": "public", "fetch_hosts": ["127.0.0.1", "localhost"]}
        await ask(running, "PUT", f"/v1/buckets/{BUCKET}", hosts, 201)
        yield running


async def ask(cluster, method, path, body=None, status=200):
    """One request to the first query service."""
    url = cluster.url(cluster.names("query_service")[0]) + path
    headers = {"Authorization": f"Bearer {cluster.admin_key}"}
    data = None if body is None else msgspec.json.encode(body)
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=data, headers=headers) as answer,
    ):
        said = await answer.json()
        assert answer.status == status, said
        return said


async def command(cluster, *arguments, stdin=None):
    """`atoll upload …`: exit code, output, errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "atoll.cli", "upload", "--cluster", str(cluster), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    return process.returncode, out.decode(), err.decode()


@pytest_asyncio.fixture(loop_scope="module")
async def client(cluster):
    async with AsyncClient(cluster.url(cluster.names("query_service")[0]), cluster.admin_key) as asking:
        yield asking


@pytest.fixture(scope="module")
def pictures(site):
    """Six of them, at /0.png to /5.png; beside them what is no image, and what leads inside."""
    found = [picture(seed) for seed in range(6)]
    for number, body in enumerate(found):
        site.pages[f"/{number}.png"] = Page(body)
    site.pages["/text"] = Page(b"no image")
    site.pages["/inside"] = Page(status=302, headers={"Location": "http://10.0.0.1/"})
    return found


def digest(body):
    return hashlib.sha256(body).hexdigest()


async def test_an_order_by_url_is_a_job_and_its_image_has_what_was_said_of_it(
    cluster, site, client, pictures
):
    order = {"bucket": BUCKET, "url": site.url("/0.png"), "public_id": "web/cat", "tags": ["sea"]}
    job = await ask(cluster, "POST", "/v1/uploads/by-url", order, 202)
    assert (job["kind"], job["bucket"], job["prefix"]) == ("fetch", BUCKET, "web/cat")
    done = await client.jobs.wait(job["id"])
    assert done.state == "done"
    first = await client.asset(done.assets[0])
    assert (first.public_id, first.tags, first.filename) == ("web/cat", ("sea",), "0.png")


async def test_the_client_waits_for_an_image_by_url_and_takes_a_data_uri(site, client, pictures):
    asset = await client.upload_url(site.url("/1.png"), bucket=BUCKET, public_id="web/dog")
    assert (asset.public_id, asset.sha256) == ("web/dog", digest(pictures[1]))
    assert await client.get(f"{BUCKET}/web/dog") == pictures[1]
    uri = "data:image/png;base64," + base64.b64encode(pictures[2]).decode()
    assert (await client.upload(uri, bucket=BUCKET)).sha256 == digest(pictures[2])


async def test_what_cannot_or_must_not_be_fetched_is_told_apart(site, client, pictures):
    with pytest.raises(NotFetched):
        await client.upload_url(site.url("/missing"), bucket=BUCKET)
    with pytest.raises(NotAnImage):
        await client.upload_url(site.url("/text"), bucket=BUCKET)
    for refused in (
        "https://other.example/",
        "http://u:p@127.0.0.1/",
        "file:///etc/passwd",
        site.url("/inside"),
    ):
        with pytest.raises(OutwardRefused):
            await client.upload_url(refused, bucket=BUCKET)
    with pytest.raises(OutwardRefused, match="fetches nothing"):
        await client.upload_url(site.url("/0.png"), bucket="images")


async def test_several_urls_are_one_order_and_an_outcome_each(site, client, pictures):
    urls = [site.url(path) for path in ("/3.png", "/missing", "/4.png", "/inside", "/text")]
    outcomes = await client.upload_urls(urls, bucket=BUCKET, tags=["many"])
    assert [outcome.url for outcome in outcomes] == urls
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None), NotFetched, type(None), OutwardRefused, NotAnImage,
    ]  # fmt: skip
    stored = [outcome.asset for outcome in outcomes if outcome.asset]
    assert [(asset.sha256, asset.tags) for asset in stored] == [
        (digest(body), ("many",)) for body in (pictures[3], pictures[4])
    ]


async def test_of_an_order_that_is_refused_nothing_is_fetched(cluster, site, client, pictures):
    asked, urls = len(site.asked), [site.url("/3.png"), site.url("/4.png")]
    with pytest.raises(OutwardRefused):  # one is not to be reached
        await client.upload_urls([urls[0], "http://127.0.0.1:1/"], bucket=BUCKET)
    for body, status in (
        ({"urls": urls, "public_id": "web/many"}, 400),
        ({"urls": urls, "url": urls[0]}, 400),
        ({}, 400),
        ({"url": urls[0], "form_fields": ["title"]}, 400),
        ({"urls": urls * 50 + urls[:1]}, 413),
    ):
        refused = await ask(cluster, "POST", "/v1/uploads/by-url", {"bucket": BUCKET, **body}, status)
        assert status != 413 or (refused["limit"], refused["got"]) == (100, 101)
    assert len(site.asked) == asked


async def test_the_command_takes_urls_a_data_uri_and_standard_input(cluster, site, pictures):
    uri = "data:image/png;base64," + base64.b64encode(pictures[4]).decode()
    urls = ("--url", site.url("/3.png"), "--url", site.url("/0.png"))
    into = ("--bucket", BUCKET, "--json")
    code, out, err = await command(cluster.paths.root, *into, *urls, uri, "-", stdin=pictures[5])
    assert code == 0, err
    came = {json.loads(line)["asset"]["sha256"] for line in out.splitlines()}
    assert came == {digest(pictures[number]) for number in (0, 3, 4, 5)}


async def test_the_command_says_of_each_url_what_came_of_it(cluster, site, pictures):
    urls = ("--url", site.url("/3.png"), "--url", "https://other.example/", "--url", site.url("/missing"))
    code, out, _ = await command(cluster.paths.root, "--bucket", BUCKET, "--json", *urls)
    assert code != 0
    said = [json.loads(line) for line in out.splitlines()]
    assert [line["status"] for line in said] == ["uploaded", "failed", "failed"]  # one order each, then
    assert [line["problem"]["type"].rpartition(":")[2] for line in said[1:]] == [
        "outward-refused",
        "not-fetched",
    ]


async def test_neither_redirects_nor_names_that_change_lead_inside(cluster, site):
    """The attack, live: a server of our own network holds a picture, and nothing ever asks it for that."""
    site.pages["/open.png"] = Page(picture(40))
    port, wanted = site.port, {"visibility": "public", "fetch_hosts": ["127.0.0.1", INSIDE, "*.test"]}
    wanted["fetch_hosts"].append("169.254.169.254")
    await ask(cluster, "PUT", "/v1/buckets/attacked", wanted, 201)
    names = {name: [["127.0.0.1"], [INSIDE]] for name in ("rebind.test", "flip.test")}
    names |= {"inside.test": [[INSIDE]], "both.test": [["127.0.0.1", INSIDE]], "to.test": [["127.0.0.1"]]}
    cluster.names_there.say(names)
    targets = [
        f"http://{INSIDE}:{port}/secret.png",
        f"http://169.254.169.254:{port}/latest/meta-data",
        f"http://inside.test:{port}/secret.png",
        f"http://both.test:{port}/secret.png",
        f"http://[::ffff:{INSIDE}]:{port}/secret.png",
        f"http://[64:ff9b::7f00:2]:{port}/secret.png",
        f"http://2130706434:{port}/secret.png",
        f"http://127.1:{port}/secret.png",
        f"http://a@{INSIDE}:{port}/secret.png",
        f"//{INSIDE}:{port}/secret.png",
        "file:///etc/passwd",
    ]
    for number, target in enumerate(targets):
        site.pages[f"/to/{number}"] = Page(status=302, headers={"Location": target})
    site.pages["/flip"] = Page(status=307, headers={"Location": f"http://flip.test:{port}/secret.png"})
    with WebSite(INSIDE, port) as inside:
        inside.pages["/secret.png"] = Page(picture(41))
        async with AsyncClient(cluster.url(cluster.names("query_service")[0]), cluster.admin_key) as client:
            redirected = [f"http://to.test:{port}/to/{number}" for number in range(len(targets))]
            urls = [*redirected, *targets[:4], f"http://flip.test:{port}/flip"]
            outcomes = await client.upload_urls(urls, bucket="attacked")
            told = {outcome.url: outcome.error for outcome in outcomes}
            assert {type(error) for error in told.values()} == {OutwardRefused}, told
            named = (targets[2], targets[3], urls[-1])  # where a name leads is nobody's business
            assert not any(INSIDE in str(told[url].problem()) for url in named), told
            assert cluster.names_there.asked("flip.test") == 2  # the redirect was looked up anew, and refused

            stored = await client.upload_url(f"http://rebind.test:{port}/open.png", bucket="attacked")
            assert stored.sha256 == hashlib.sha256(picture(40)).hexdigest()
            assert cluster.names_there.asked("rebind.test") == 1  # no second look-up to lie to
            with pytest.raises(OutwardRefused):
                await client.upload_url(f"http://rebind.test:{port}/secret.png", bucket="attacked")
            assert [asset.sha256 async for asset in client.list("attacked")] == [stored.sha256]
        assert inside.asked == []
