"""Signed URLs that are bound to a network, asked for on a node behind a proxy that it trusts."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from node_fixture import SET, NodeProcess, new_region, picture, problem, until
from public_bucket import put_entry

from atoll.bucket import Bucket
from atoll.delivery_keys import cluster_key
from atoll.ids import now_ms
from atoll.transformation.signature import sign

pytestmark = pytest.mark.integration

NET, INSIDE, OUTSIDE = "203.0.113.0/24", "203.0.113.9", "198.51.100.9"


@contextlib.contextmanager
def running(engines, directory, **settings):
    node = NodeProcess(directory, engines.urls.nats, new_region(), settings).start()
    for bucket in (Bucket("secret", "private"), Bucket("open")):
        asyncio.run(put_entry(node, bucket))
        path = f"/{bucket.name}/{SET}/{'0' * 64}.png"
        until(lambda path=path: "no bucket" not in str(node.request("GET", path).json))
    yield node
    node.end()


@pytest.fixture(scope="module")
def proxied(engines, tmp_path_factory):
    with running(engines, tmp_path_factory.mktemp("proxied"), trusted_proxies=["127.0.0.0/8"]) as node:
        yield node


def bound(node, bucket, transformation="", net=NET):
    stored = node.put(picture(), node.ticket(bucket=bucket)).json
    path = f"/{bucket}/{transformation}{SET}/{stored['sha256']}.jpg"
    return f"{path}?{sign(path, now_ms() // 1000 + 900, cluster_key(node.keys), net)}"


def ask(node, target, address=None):
    return node.request("GET", target, None, {"X-Forwarded-For": address} if address else {})


@pytest.mark.parametrize(("bucket", "made"), [("secret", ""), ("secret", "w_20/"), ("open", "w_20/")])
def test_a_bound_url_opens_to_its_network_alone_and_is_nobodys_to_share(proxied, bucket, made):
    target = bound(proxied, bucket, made)
    for _ in range(3):  # the later ones could come from memory
        answer = ask(proxied, target, INSIDE)
        assert answer.status == 200
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        for address in (OUTSIDE, None, f"{INSIDE}, {OUTSIDE}", "unknown"):
            problem(ask(proxied, target, address), 403, "forbidden")


def test_what_binds_a_url_cannot_be_taken_off_or_widened(proxied):
    target = bound(proxied, "secret")
    for altered in (
        target.replace(f"&net={NET}", ""),
        target.replace(NET, "0.0.0.0/0"),
        target.replace(NET, "203.0.113.0/0"),
        target.replace("&key=", "&k="),
    ):
        assert altered != target
        problem(ask(proxied, altered, INSIDE), 401, "unauthorized")


def test_a_node_that_trusts_no_proxy_believes_no_header(engines, tmp_path_factory):
    with running(engines, tmp_path_factory.mktemp("direct")) as node:
        problem(ask(node, bound(node, "secret"), INSIDE), 403, "forbidden")
        own = bound(node, "secret", net="127.0.0.0/8")
        assert ask(node, own, OUTSIDE).status == 200
