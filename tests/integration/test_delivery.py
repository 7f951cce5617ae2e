"""Delivery: what a client gets for a path, whether the bytes come from memory or from disk."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec import structs
from read_cluster import KEYS, PRIVATE, PUBLIC, ReadCluster, ReadNode, path_of, read_cluster

from atoll.access import SigningKey
from atoll.bucket import Bucket
from atoll.delivery_keys import delivery_key
from atoll.ids import now_ms
from atoll.model import AssetRecord
from atoll.signing import internal_token, sign_delivery
from atoll.transformation.signature import sign
from storage_node.blob_headers import SHOWN
from storage_node.hot_times import EVERY

pytestmark = pytest.mark.integration

SMALL, MIDDLE, LARGE = 8_000, 300_000, 3_000_000  # one chunk; several chunks and in RAM; streamed
SHA = "0123456789abcdef" * 4
DEADLINE = 20.0


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1",)) as running:
        yield running


@pytest.fixture
def node(cluster: ReadCluster) -> ReadNode:
    return cluster.nodes[0]


async def warmed(cluster: ReadCluster, record: AssetRecord, query: str = "") -> str:
    """The record's path, after a read that put it into memory if it fits."""
    await cluster.get(cluster.nodes[0], path_of(record) + query)
    return path_of(record)


@pytest.mark.parametrize("size", [1, SMALL, MIDDLE, LARGE])
async def test_a_blob_is_the_same_from_disk_and_from_memory(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    body = os.urandom(size)
    record = node.hold(body)
    for _ in range(3):
        answer = await cluster.get(node, path_of(record))
        assert (answer.status, answer.body) == (200, body)
        headers = dict(answer.headers)
        assert headers.pop("Date").endswith(" GMT")
        headers.pop("Server", None)
        assert headers == {
            "Etag": f'"{record.blob.sha256}"',
            "Cache-Control": "public, max-age=31536000, immutable",
            "Accept-Ranges": "bytes",
            "X-Content-Type-Options": "nosniff",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": SHOWN,
            "Timing-Allow-Origin": "*",
            "Content-Type": "image/png",
            "Content-Length": str(size),
        }
    counts = node.side.counts
    assert (counts.ram.requests > 0) == (size != LARGE)
    assert counts.ram.bytes + counts.disk.bytes == 3 * size


async def test_reads_from_memory_are_all_counted_and_one_in_some_is_timed(
    cluster: ReadCluster, node: ReadNode
) -> None:
    path = await warmed(cluster, node.hold(os.urandom(SMALL)))
    while node.side.counts.ram.requests < 2 * EVERY + 1:
        await cluster.get(node, path)
    samples = next(iter(node.side.times.seconds.collect())).samples
    found = {s.labels["kind"]: s.value for s in samples if s.name == "atoll_node_memory_read_seconds_count"}
    assert found == {"blob": 3.0, "derivative": 0.0}
    spent = next(s.value for s in samples if s.name.endswith("_sum") and s.labels["kind"] == "blob")
    assert 0 < spent < DEADLINE


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
@pytest.mark.parametrize("warm", [False, True])
async def test_a_range_gives_its_part(cluster: ReadCluster, node: ReadNode, size: int, warm: bool) -> None:
    body = os.urandom(size)
    record = node.hold(body)
    path = await warmed(cluster, record) if warm else path_of(record)
    for start, end in ((0, 1), (size // 2, size // 2 + 700), (size - 5, size), (1, size)):
        answer = await cluster.get(node, path, Range=f"bytes={start}-{end - 1}")
        assert (answer.status, answer.body) == (206, body[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("header", ["bytes=5-4", "items=0-1", "bytes=a-b", "bytes=0-1,4-5", "nonsense"])
async def test_range_nonsense_gives_the_whole(
    cluster: ReadCluster, node: ReadNode, size: int, header: str
) -> None:
    body = os.urandom(size)
    answer = await cluster.get(node, path_of(node.hold(body)), Range=header)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_range_outside_is_a_problem_that_tells_the_size(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    answer = await cluster.get(node, path_of(node.hold(os.urandom(size))), Range=f"bytes={size}-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert json.loads(answer.body)["size"] == size


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("warm", [False, True])
async def test_conditions_are_answered_without_a_body(
    cluster: ReadCluster, node: ReadNode, size: int, warm: bool
) -> None:
    record = node.hold(os.urandom(size))
    path = await warmed(cluster, record) if warm else path_of(record)
    tag = f'"{record.blob.sha256}"'
    for condition in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await cluster.get(node, path, If_None_Match=condition)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["Etag"] == tag
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Content-Length" not in answer.headers
    assert (await cluster.get(node, path, If_None_Match='"other"')).status == 200
    assert (await cluster.get(node, path, If_Match='"other"')).status == 412
    assert (await cluster.get(node, path, If_Range='"other"', Range="bytes=0-0")).status == 200
    assert (await cluster.get(node, path, If_Range=tag, Range="bytes=0-0")).status == 206
    modified = "Sat, 21 Nov 2099 03:00:00 GMT"
    assert (await cluster.get(node, path, If_Modified_Since=modified)).status == 200


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_head_is_get_without_the_body_and_ignores_ranges(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    record = node.hold(os.urandom(size))
    for _ in range(2):
        answer = await cluster.get(node, path_of(record), "HEAD", Range="bytes=0-0")
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", str(size))
        await warmed(cluster, record)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_other_methods_are_refused_and_told_which_are_allowed(
    cluster: ReadCluster, node: ReadNode, method: str
) -> None:
    path = await warmed(cluster, node.hold(os.urandom(SMALL)))
    answer = await cluster.get(node, path, method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,HEAD"
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"/{PUBLIC}/s1/{SHA}.png", 404),
        (f"/unknown-bucket/s1/{SHA}.png", 404),
        (f"/{PUBLIC}/no-such-set/{SHA}.png", 404),
        (f"/{PUBLIC}/w_100,h_100/s1/{SHA}.png", 401),
        (f"/{PUBLIC}/s1/{SHA[:-1]}.png", 400),
        (f"/{PUBLIC}/s1/{SHA.upper()}.png", 400),
        (f"/{PUBLIC}/s1/{SHA}.svg", 400),
        (f"/{PUBLIC}/s1/{SHA}", 400),
        (f"/{PUBLIC}/s1/{SHA}.png%00", 400),
        (f"/{PUBLIC}/s1/%00{SHA[1:]}.png", 400),
        (f"/{PUBLIC}/s1%2f{SHA}.png", 404),
        (f"/{PUBLIC}/s1/{SHA}%2Epng", 400),
        (f"/{PUBLIC}/s1/{SHA}%252Epng", 400),
        (f"/%2570ictures/s1/{SHA}.png", 400),
        ("/../../../etc/passwd", 400),
        (f"/../s1/{SHA}.png", 400),
        (f"/{PUBLIC}/../{SHA}.png", 400),
        (f"/{PUBLIC}/s1/..", 400),
        (f"/%2e%2e/s1/{SHA}.png", 400),
        (f"/{PUBLIC}/%2e%2e/{SHA}.png", 400),
        (f"/{PUBLIC}/s1/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 400),
        (f"/{PUBLIC}/s1/..%5c..%5cindex.db", 400),
        (f"/{PUBLIC}//{SHA}.png", 400),
        (f"//s1/{SHA}.png", 400),
        ("/", 404),
        ("/favicon.ico", 404),
        ("/internal/v1/unknown", 404),
        (f"/{PUBLIC}/s1/" + "a" * 5000, 400),
        ("/" + "a/" * 2000, 400),
    ],
)
async def test_a_bad_path_is_a_clear_problem_that_nobody_caches(
    cluster: ReadCluster, node: ReadNode, target: str, status: int
) -> None:
    for method in ("GET", "HEAD"):
        answer = await raw_request(node, f"{method} {target} HTTP/1.1")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert b"no-store" in head
        if method == "GET":
            assert json.loads(body)["status"] == status
            assert json.loads(body)["detail"]


@pytest.mark.parametrize(
    "target", [b"/pictures/s1/\xff\xfe.png", b"/pictures/s1/\x00.png", b"/p\xc3\xa9/s1/x.png"]
)
async def test_bytes_that_no_url_has_are_refused(cluster: ReadCluster, node: ReadNode, target: bytes) -> None:
    answer = await raw_request(node, b"GET " + target + b" HTTP/1.1")
    assert answer.partition(b" ")[2].startswith(b"400 ")
    assert b"application/problem+json" in answer


async def raw_request(node: ReadNode, line: str | bytes, *headers: str) -> bytes:
    """One request as it is, and everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
    line = line.encode() if isinstance(line, str) else line
    lines = [line, b"Host: x", b"Connection: close", *(header.encode() for header in headers)]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_extension_is_the_stored_one(cluster: ReadCluster, node: ReadNode) -> None:
    record = node.hold(os.urandom(SMALL))
    path = await warmed(cluster, record)
    assert (await cluster.get(node, path.replace(".png", ".jpg"))).status == 404


async def test_old_and_closing_clients_are_served_from_memory_too(
    cluster: ReadCluster, node: ReadNode
) -> None:
    body = os.urandom(SMALL)
    path = await warmed(cluster, node.hold(body))
    for version in ("1.0", "1.1"):
        answer = await raw_request(node, f"GET {path} HTTP/{version}")
        assert answer.partition(b"\r\n\r\n")[2] == body
    answer = await raw_request(node, f"GET http://x{path} HTTP/1.1")
    assert answer.partition(b"\r\n\r\n")[2] == body


async def test_many_requests_on_one_connection_are_answered_in_order(
    cluster: ReadCluster, node: ReadNode
) -> None:
    bodies = [os.urandom(size) for size in (10, 30_000, MIDDLE, LARGE)]
    paths = [await warmed(cluster, node.hold(body)) for body in bodies]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths * 2))
    for body in bodies * 2:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert f"Content-Length: {len(body)}".encode() in head
        assert await asyncio.wait_for(reader.readexactly(len(body)), 20) == body
    writer.close()
    await writer.wait_closed()


async def test_a_node_without_a_map_says_so(tmp_path: Path, cluster: ReadCluster, node: ReadNode) -> None:
    path = path_of(node.hold(os.urandom(SMALL)))
    known = cluster.map.current
    cluster.map.current = type(known)()
    assert (await cluster.get(node, path)).status == 503
    cluster.map.current = known
    assert (await cluster.get(node, path)).status == 200


# --- private buckets


def signed(path: str, seconds: int = 60) -> str:
    return "?" + sign_delivery(path, now_ms() // 1000 + seconds, KEYS)


async def test_a_private_blob_opens_with_any_key_of_the_map_until_it_is_revoked(
    cluster: ReadCluster, node: ReadNode
) -> None:
    path = path_of(node.hold(os.urandom(SMALL), bucket=PRIVATE))
    known, entry = cluster.map.current, SigningKey("k1", "5" * 64)
    own = SigningKey("cluster", "0" * 64, state="revoked")
    query = sign(path, now_ms() // 1000 + 60, delivery_key(KEYS, entry))
    old = signed(path)
    assert (await cluster.get(node, f"{path}?{query}")).status == 401
    for signing, statuses in (
        ({"k1": entry}, (200, 200)),
        ({"k1": structs.replace(entry, state="retired")}, (200, 200)),
        ({"k1": structs.replace(entry, state="revoked")}, (401, 200)),
        ({"k1": entry, "cluster": own}, (200, 401)),
    ):
        cluster.map.current = dataclasses.replace(known, signing=signing)
        assert (await cluster.get(node, f"{path}?{query}")).status == statuses[0]
        assert (await cluster.get(node, path + old)).status == statuses[1]
        for forged in (query.replace("key=k1", "key=k2"), query.replace("&key=k1", ""), query[:-1]):
            assert (await cluster.get(node, f"{path}?{forged}")).status == 401
    cluster.map.current = known


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("warm", [False, True])
async def test_a_private_blob_is_unreachable_without_a_signature(
    cluster: ReadCluster, node: ReadNode, size: int, warm: bool
) -> None:
    body = os.urandom(size)
    record = node.hold(body, bucket=PRIVATE)
    path = path_of(record)
    if warm:
        assert (await cluster.get(node, path + signed(path))).body == body
    other = path_of(node.hold(os.urandom(SMALL), bucket=PRIVATE))
    good = signed(path)
    tag = f'"{record.blob.sha256}"'
    for query in (
        "",
        "?",
        "?x=1",
        signed(other),
        signed(path, -1),
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace("exp=", "exp=9"),
        good.replace("sig=", "sig=%00"),
        good.partition("&")[0],
        "?exp=99999999999&sig=" + "A" * 43,
        "?exp=-1&sig=" + "A" * 43,
    ):
        for method in ("GET", "HEAD"):
            for headers in (
                {},
                {"Range": "bytes=0-10"},
                {"If_None_Match": tag},
                {"Authorization": "Bearer x"},
            ):
                answer = await cluster.get(node, path + query, method, **headers)
                assert answer.status == 401, (query, method, headers)
                assert answer.headers["Cache-Control"] == "no-store"
                assert body[:20] not in answer.body


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_signature_opens_its_path_for_its_time_and_for_this_client_only(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    body = os.urandom(size)
    path = path_of(node.hold(body, bucket=PRIVATE))
    for _ in range(2):
        answer = await cluster.get(node, path + signed(path))
        assert (answer.status, answer.body) == (200, body)
        directive, _, seconds = answer.headers["Cache-Control"].partition("=")
        assert (directive, 0 < int(seconds) <= 60) == ("private, max-age", True)
        assert "Access-Control-Allow-Origin" not in answer.headers
        part = await cluster.get(node, path + signed(path), Range="bytes=3-5")
        assert (part.status, part.body) == (206, body[3:6])


async def test_our_own_daemons_read_private_blobs_with_a_token(cluster: ReadCluster, node: ReadNode) -> None:
    body = os.urandom(SMALL)
    path = path_of(node.hold(body, bucket=PRIVATE))
    token = internal_token("query-1", node.name, "GET", path, KEYS, now_ms())
    answer = await cluster.get(node, path, Authorization=f"Atoll {token}")
    assert (answer.status, answer.body) == (200, body)
    assert (await cluster.get(node, path, "HEAD", Authorization=f"Atoll {token}")).status == 401


async def test_a_bucket_made_private_is_closed_at_once_even_in_memory(
    cluster: ReadCluster, node: ReadNode
) -> None:
    path = await warmed(cluster, node.hold(os.urandom(SMALL)))
    assert (await cluster.get(node, path)).status == 200
    cluster.change(Bucket(PUBLIC, visibility="private"))
    assert (await cluster.get(node, path)).status == 401
    assert (await cluster.get(node, path + signed(path))).status == 200
    assert (await cluster.get(node, path)).status == 401
    cluster.change(Bucket(PUBLIC))
    assert (await cluster.get(node, path)).status == 200
