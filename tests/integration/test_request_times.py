"""What a node says of its requests: how many, how ended, how long; by endpoint, not by what clients write."""

from __future__ import annotations

import pytest
from node_fixture import NodeProcess, new_region, picture
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    yield running
    running.end()


def counts(node):
    text = node.request("GET", "/metrics").json.decode()
    return {
        (s.labels["method"], s.labels["route"], s.labels["status"]): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.name == "atoll_node_request_seconds_count"
    }


def test_requests_are_counted_by_endpoint_and_status(node):
    assert node.put(picture()).status == 201
    assert node.request("GET", "/no/s1/" + "a" * 64 + ".jpg").status in {400, 404}
    assert node.request("GET", "/no/c_fill,w_9/s1/" + "a" * 64 + ".jpg").status in {400, 404}
    found = counts(node)
    assert found["PUT", "/v1/uploads", "201"] == 1
    assert any(route == "/{bucket}/{set}/{blob}" for _, route, _ in found)
    assert any(route == "/{bucket}/{transformation}/{set}/{blob}" for _, route, _ in found)


def test_what_strangers_ask_for_makes_no_new_names(node):
    for word in range(5):
        node.request("GET", f"/stranger-{word}")
        node.request(f"WORD{word}", f"/v1/uploads?ticket={word}")
    before = counts(node)
    for word in range(5, 40):
        node.request("GET", f"/stranger-{word}")
        node.request(f"WORD{word}", f"/v1/uploads?ticket={word}")
    assert counts(node).keys() - before.keys() <= {("GET", "/metrics", "200")}
    assert before["GET", "unmatched", "404"] == 5
