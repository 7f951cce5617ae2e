"""Which pages may use a node: every answer as a browser reads it, with the origins of each bucket."""

from __future__ import annotations

import asyncio

import pytest
from node_fixture import SET, NodeProcess, new_region, picture, problem, until, upload_path
from public_bucket import put_entry
from tus_stage import VERSION, begun

from atoll.bucket import Bucket
from atoll.delivery_keys import cluster_key
from atoll.ids import now_ms
from atoll.transformation.signature import sign

pytestmark = pytest.mark.integration

PAGE, OTHER = "https://shop.example", "https://elsewhere.example"
SHOWN = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    for bucket in (
        Bucket("closed"),
        Bucket("shop", cors=(PAGE,)),
        Bucket("secret", "private", cors=(PAGE,), unsigned_transformations=True),
        Bucket("anybody", "private", cors=("*",)),
    ):
        asyncio.run(put_entry(running, bucket))
        # As it is now: another file's bucket of this name may have been in the map before.
        target, wanted = (
            f"/v1/uploads?ticket={running.ticket(bucket=bucket.name)}",
            204 if bucket.cors else 403,
        )
        until(lambda target=target, wanted=wanted: preflight(running, target).status == wanted)
    yield running
    running.end()


def preflight(node, target, origin=PAGE, method="PUT"):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return node.request("OPTIONS", target, None, asked)


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/tus"])
def test_a_page_may_upload_where_the_tickets_bucket_says_so_and_no_other_page(node, path):
    target = f"{path}?ticket={node.ticket(bucket='shop')}"
    answer = preflight(node, target)
    assert answer.status == 204
    assert answer.headers[SHOWN] == PAGE
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Access-Control-Max-Age"] == "7200"
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    for origin in (OTHER, "null", PAGE.upper(), f"{PAGE}.evil.example", "http://shop.example"):
        refused = preflight(node, target, origin)
        problem(refused, 403, "forbidden")
        assert SHOWN not in refused.headers


def test_a_bucket_that_names_no_page_is_closed_to_all(node):
    for path in ("/v1/uploads", "/v1/tus"):
        refused = preflight(node, f"{path}?ticket={node.ticket(bucket='closed')}")
        assert (refused.status, SHOWN in refused.headers) == (403, False)


def test_a_bucket_may_be_open_to_every_page(node):
    target = f"/v1/uploads?ticket={node.ticket(bucket='anybody')}"
    assert preflight(node, target, "null").headers[SHOWN] == "*"


def test_a_page_reads_the_answer_to_its_upload_and_why_it_was_refused(node):
    token = node.ticket(bucket="shop")
    answer = node.put(picture(), token, Origin=PAGE)
    assert (answer.status, answer.headers[SHOWN]) == (201, PAGE)
    again = node.put(picture(), token, Origin=PAGE)
    problem(again, 409, "ticket-replayed")
    assert again.headers[SHOWN] == PAGE
    assert "Retry-After" in again.headers["Access-Control-Expose-Headers"]
    expired = node.ticket(bucket="shop", expires_at=now_ms() - 1)
    assert preflight(node, upload_path(expired)).status == 204
    assert node.put(picture(), expired, Origin=PAGE).headers[SHOWN] == PAGE
    assert SHOWN not in node.put(picture(), node.ticket(bucket="shop"), Origin=OTHER).headers


def test_a_ticket_that_opens_nothing_is_refused_so_that_a_page_can_read_it(node):
    refused = node.put(picture(), "x", Origin=PAGE)
    problem(refused, 401, "ticket-invalid")
    assert refused.headers[SHOWN] == "*"  # some bucket here is open to all pages


def test_the_url_of_a_resumable_upload_is_for_the_pages_of_its_bucket(node):
    for bucket, origin, shown in (("shop", PAGE, PAGE), ("shop", OTHER, None), ("closed", PAGE, None)):
        target = begun(node, 100, node.ticket(bucket=bucket))
        headers = {**VERSION, "Origin": origin}
        assert node.request("HEAD", target, None, headers).headers.get(SHOWN) == shown
        assert preflight(node, target, origin, "PATCH").status == (204 if shown else 403)


def test_any_page_reads_a_public_image_and_its_refusals(node):
    stored = node.put(picture(), node.ticket(bucket="closed")).json
    path = stored["url"].removeprefix(node.url)
    for _ in range(2):  # the second one from memory
        answer = node.request("GET", path, None, {"Origin": OTHER})
        assert (answer.status, answer.headers[SHOWN]) == (200, "*")
    assert preflight(node, path, OTHER, "GET").headers[SHOWN] == "*"
    missing = node.request("GET", f"/closed/{SET}/{'0' * 64}.png", None, {"Origin": OTHER})
    assert (missing.status, missing.headers[SHOWN]) == (404, "*")


@pytest.mark.parametrize("transformation", ["", "w_20/"])
def test_a_private_image_is_read_by_the_pages_of_its_bucket_with_a_signature(node, transformation):
    stored = node.put(picture(), node.ticket(bucket="secret")).json
    path = f"/secret/{transformation}{SET}/{stored['sha256']}.jpg"
    target = f"{path}?{sign(path, now_ms() // 1000 + 600, cluster_key(node.keys))}"
    for _ in range(3):  # the later ones from memory
        for origin, shown in ((None, None), (PAGE, PAGE), (OTHER, None)):
            answer = node.request("GET", target, None, {"Origin": origin} if origin else {})
            assert (answer.status, answer.headers.get(SHOWN)) == (200, shown)
            assert "Origin" in answer.headers["Vary"]
    unsigned = node.request("GET", path, None, {"Origin": PAGE})
    assert (unsigned.status, unsigned.headers[SHOWN]) == (401, PAGE)
    assert preflight(node, target, PAGE, "GET").headers[SHOWN] == PAGE
    assert preflight(node, target, OTHER, "GET").status == 403


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/tus"])
def test_an_origin_that_is_no_text_is_refused_as_any_other_is(node, path):
    target = f"{path}?ticket={node.ticket(bucket='shop')}"
    told = problem(preflight(node, target, "\xff"), 403, "forbidden")  # sent as that byte
    assert "udcff" in str(told)


def test_what_is_for_our_own_daemons_says_nothing_to_pages(node):
    for path in ("/health", "/metrics", "/internal/v1/digests"):
        assert SHOWN not in node.request("GET", path, None, {"Origin": PAGE}).headers
        assert SHOWN not in preflight(node, path, PAGE, "GET").headers
