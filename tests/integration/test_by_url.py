"""Images by URL through a whole cluster: ordered over HTTP, by the client and by the command."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys

import aiohttp
import msgspec
import pytest
from client_clusters import picture
from web_site import Page, WebSite

from atoll.client.async_client import AsyncClient
from atoll.errors import NotAnImage, NotFetched, OutwardRefused
from atoll.local.cluster import LocalCluster

pytestmark = pytest.mark.integration

BUCKET = "fetched"


@pytest.fixture(scope="module")
def site():
    with WebSite() as running:
        yield running


@pytest.fixture
async def cluster(tmp_path, site):
    outward = {"outward_networks": ("127.0.0.0/8",), "outward_ports": (site.port,)}
    extra = {"storage_node": {**outward, "faces": "off"}, "query_service": outward}
    async with LocalCluster(tmp_path / "cluster", known_ports=False, extra=extra) as running:
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


async def test_an_image_goes_in_by_url_by_data_uri_and_from_standard_input(cluster, site, tmp_path):
    data = [picture(seed) for seed in range(6)]
    for number, body in enumerate(data):
        site.pages[f"/{number}.png"] = Page(body)
    site.pages["/text"] = Page(b"no image")
    site.pages["/inside"] = Page(status=302, headers={"Location": "http://10.0.0.1/"})

    async with AsyncClient(cluster.url(cluster.names("query_service")[0]), cluster.admin_key) as client:
        order = {"bucket": BUCKET, "url": site.url("/0.png"), "public_id": "web/cat", "tags": ["sea"]}
        job = await ask(cluster, "POST", "/v1/uploads/by-url", order, 202)
        assert (job["kind"], job["bucket"], job["prefix"]) == ("fetch", BUCKET, "web/cat")

        asset = await client.upload_url(site.url("/1.png"), bucket=BUCKET, public_id="web/dog")
        assert (asset.public_id, asset.sha256) == ("web/dog", hashlib.sha256(data[1]).hexdigest())
        assert await client.get(f"{BUCKET}/web/dog") == data[1]

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

        uri = "data:image/png;base64," + base64.b64encode(data[2]).decode()
        assert (await client.upload(uri, bucket=BUCKET)).sha256 == hashlib.sha256(data[2]).hexdigest()

        done = await ask(cluster, "GET", f"/v1/jobs/{job['id']}")
        assert done["state"] == "done"
        first = await client.asset(done["assets"][0])
        assert (first.public_id, first.tags, first.filename) == ("web/cat", ("sea",), "0.png")

    other = "data:image/png;base64," + base64.b64encode(data[4]).decode()
    code, out, err = await command(
        tmp_path / "cluster",
        "--bucket",
        BUCKET,
        "--json",
        "--url",
        site.url("/3.png"),
        other,
        "-",
        stdin=data[5],
    )
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["asset"]["sha256"] for line in lines} == {hashlib.sha256(d).hexdigest() for d in data[3:]}
