"""Fetching from other servers: every hop held to the list and to the wall, sizes, times and answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from aiohttp import web

from atoll.errors import BodyTimeout, NotFetched, OutwardFailed, OutwardRefused, TooLarge
from atoll.outward import OutwardLimits, open_outward
from atoll.outward_addresses import AddressPolicy
from atoll.outward_url import parse_url
from storage_node.body_pace import Pace
from storage_node.url_fetch import FetchRules, UrlFetcher, filename_of

HOSTS = ("img.example.org", "*.cdn.example")
HOME = AddressPolicy.of(["127.0.0.1/32"])


class Site:
    """A server whose pages a test writes: by path, a response or something that makes one."""

    def __init__(self):
        self.pages, self.asked, self.port = {}, [], 0

    async def __call__(self, request):
        self.asked.append(f"{request.host.partition(':')[0]}{request.path}")
        page = self.pages[request.path]
        return await page(request) if callable(page) else page

    def leads(self, path, location, status=302):
        async def redirect(_):
            return web.Response(status=status, headers={"Location": location})

        self.pages[path] = redirect

    def url(self, path, host="img.example.org"):
        return f"http://{host}:{self.port}{path}"


@contextlib.asynccontextmanager
async def fetching(redirects=3, pace=None, addresses=None):
    """A site, and what fetches from it; `addresses` of hosts that are not the site's."""

    async def lookup(host, port):
        return (addresses or {}).get(host, ["127.0.0.1"])

    site = Site()
    runner = web.ServerRunner(web.Server(site), shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    site.port = listening.getsockname()[1]
    await web.SockSite(runner, listening).start()
    rules = FetchRules((80, site.port), redirects, pace or Pace(5, 1))
    try:
        async with open_outward(HOME, OutwardLimits(), lookup=lookup) as outward:
            yield site, UrlFetcher(outward, rules)
    finally:
        await runner.cleanup()


async def fetch(fetcher, url, max_bytes=1000):
    async with fetcher.fetched(url, HOSTS, max_bytes) as fetched:
        return b"".join([piece async for piece in fetched.pieces]), fetched


async def test_the_bytes_come_with_their_length_and_name():
    async with fetching() as (site, fetcher):
        site.pages["/a/cat.jpg"] = web.Response(body=b"abc")
        data, fetched = await fetch(fetcher, site.url("/a/cat.jpg"))
    assert (data, fetched.length, fetched.filename) == (b"abc", 3, "cat.jpg")


async def test_redirects_are_followed_each_checked_by_itself():
    async with fetching() as (site, fetcher):
        site.leads("/1", "/2", 301)
        site.leads("/2", f"//a.cdn.example:{site.port}/3", 307)
        site.leads("/3", site.url("/4"), 308)
        site.pages["/4"] = web.Response(body=b"abc")
        assert (await fetch(fetcher, site.url("/1")))[0] == b"abc"
    assert site.asked == ["img.example.org/1", "img.example.org/2", "a.cdn.example/3", "img.example.org/4"]


async def test_the_number_of_redirects_has_a_limit():
    async with fetching(redirects=2) as (site, fetcher):
        site.leads("/", "/")
        with pytest.raises(NotFetched):
            await fetch(fetcher, site.url("/"))
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    "location",
    [
        "http://other.example/",
        "http://cdn.example/",
        "http://evilcdn.example/",
        "http://127.0.0.1/",
        "http://inside.cdn.example/",
        "http://img.example.org:22/",
        "http://user:secret@img.example.org/",
        "file:///etc/passwd",
        "http://[::1]/",
        "http://2130706433/",
    ],
)
async def test_a_redirect_leads_nowhere_that_a_url_may_not(location):
    async with fetching(addresses={"inside.cdn.example": ["10.0.0.1"]}) as (site, fetcher):
        site.leads("/", location)
        with pytest.raises(OutwardRefused):
            await fetch(fetcher, site.url("/"))
    assert site.asked == ["img.example.org/"]


@pytest.mark.parametrize("host", ["other.example", "cdn.example", "127.0.0.1"])
async def test_a_host_that_is_not_listed_is_not_asked(host):
    async with fetching() as (site, fetcher):
        with pytest.raises(OutwardRefused):
            await fetch(fetcher, site.url("/", host))
    assert site.asked == []


@pytest.mark.parametrize("status", [404, 403, 204])
async def test_an_answer_that_stays_so_is_final(status):
    async with fetching() as (site, fetcher):
        site.pages["/"] = web.Response(status=status)
        with pytest.raises(NotFetched) as caught:
            await fetch(fetcher, site.url("/"))
    assert not caught.value.retry_safe
    assert caught.value.facts["origin_status"] == status


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_an_answer_that_may_change_is_asked_for_again_later(status):
    async with fetching() as (site, fetcher):
        site.pages["/"] = web.Response(status=status)
        with pytest.raises(OutwardFailed) as caught:
            await fetch(fetcher, site.url("/"))
    assert caught.value.retry_safe


async def test_a_redirect_to_nowhere_and_packed_bytes_are_no_image():
    async with fetching() as (site, fetcher):
        site.pages["/1"] = web.Response(status=302)
        site.pages["/2"] = web.Response(body=b"a", headers={"Content-Encoding": "gzip"})
        for path in ("/1", "/2"):
            with pytest.raises(NotFetched):
                await fetch(fetcher, site.url(path))


async def test_what_is_announced_too_large_is_not_read():
    async with fetching() as (site, fetcher):
        site.pages["/"] = web.Response(body=bytes(1001))
        with pytest.raises(TooLarge):
            await fetch(fetcher, site.url("/"))


async def test_what_turns_out_too_large_is_broken_off():
    sent = []

    async def endless(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(OSError):
            while True:
                await response.write(bytes(65536))
                sent.append(65536)
        return response

    async with fetching() as (site, fetcher):
        site.pages["/"] = endless
        with pytest.raises(TooLarge):
            await fetch(fetcher, site.url("/"), 300_000)
    assert sum(sent) < 50_000_000  # what socket buffers take


async def test_a_server_that_breaks_off_is_asked_again_later():
    async def half(request):
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"abc")
        request.transport.abort()
        return response

    async with fetching() as (site, fetcher):
        site.pages["/"] = half
        with pytest.raises(OutwardFailed):
            await fetch(fetcher, site.url("/"))


@pytest.mark.parametrize("pace", [Pace(0.2, 1), Pace(0.2, 10_000_000)])
async def test_a_body_that_drips_is_given_up(pace):
    async def drip(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            for _ in range(200 if pace.min_rate > 1 else 1):
                await response.write(b"a")
                await asyncio.sleep(0.05)
            await asyncio.Event().wait()
        return response

    async with fetching(pace=pace) as (site, fetcher):
        site.pages["/"] = drip
        with pytest.raises(BodyTimeout) as caught:
            await fetch(fetcher, site.url("/"))
    assert caught.value.retry_safe


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/cat.jpg", "cat.jpg"),
        ("/a%20b.png", "a b.png"),
        ("/", None),
        ("/a/", None),
        ("/..", None),
        ("/a%2Fb", None),
        ("/%00", None),
        ("/%FF", None),
        ("/" + "a" * 300, None),
    ],
)
def test_a_file_name_is_the_last_part_of_the_path_if_it_can_be_one(path, name):
    assert filename_of(parse_url(f"http://img.example.org{path}")) == name
