"""Tickets: single-use, for one node, with limits; whatever is changed in one, it opens nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from node_fixture import NodeProcess, form_of, new_region, picture, problem

from atoll.ids import new_id, now_ms
from atoll.signing import Keys

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    yield running
    running.end()


@pytest.mark.parametrize("target", ["/v1/uploads", "/v1/uploads?ticket=", "/v1/uploads?tickets=x"])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_without_a_ticket_nothing_is_taken(node, method, target):
    with node.leaves_nothing():
        answer = node.request(method, target, picture())
        problem(answer, 401, "ticket-invalid")
    assert answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("token", ["x", ".", "a.b", "é.ü", "%00", "a" * 7000, "e30.e30", " "])
def test_what_is_no_ticket_is_refused(node, token):
    with node.leaves_nothing():
        problem(node.put(picture(), token), 401, "ticket-invalid")


def test_an_expired_ticket_is_refused_and_says_when_it_expired(node):
    expired = now_ms() - 5000
    with node.leaves_nothing():
        facts = problem(node.put(picture(), node.ticket(expires_at=expired)), 401, "ticket-expired")
    assert facts["expired_at"] == expired
    assert facts["now"] > expired


def test_a_ticket_of_another_cluster_is_refused(node):
    own, node.keys = node.keys, Keys(b"another cluster's secret, as long as needed")
    token, node.keys = node.ticket(), own
    with node.leaves_nothing():
        problem(node.put(picture(), token), 401, "ticket-invalid")


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_ticket_altered_anywhere_is_refused(node, data):
    token = node.ticket()
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCabc019-_.~").filter(lambda c: c != token[at]))
    altered = token[:at] + other + token[at + 1 :]
    with node.leaves_nothing():
        problem(node.put(picture(), altered), 401, "ticket-invalid")


@given(kept=st.floats(0, 0.999))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_ticket_is_refused(node, kept):
    token = node.ticket()
    with node.leaves_nothing():
        problem(node.put(picture(), token[: int(len(token) * kept)]), 401, "ticket-invalid")


@pytest.mark.parametrize("fields", [{"node": "node-2"}, {"set": "s2"}])
def test_a_ticket_for_another_node_or_set_is_misdirected(node, fields):
    with node.leaves_nothing():
        facts = problem(node.put(picture(), node.ticket(**fields)), 421, "wrong-node")
    assert facts["node"] == fields.get("node", node.name)


def test_a_ticket_sent_again_with_the_same_bytes_gives_the_same_answer_and_nothing_new(node):
    token, data = node.ticket(tags=("a",)), picture()
    first = node.put(data, token)
    assert first.status == 201
    with node.leaves_nothing():
        again = node.put(data, token)
    assert (again.status, again.json) == (201, first.json)


def test_a_ticket_sent_again_with_other_bytes_is_a_conflict(node):
    token, data = node.ticket(), picture()
    stored = node.put(data, token).json["sha256"]
    with node.leaves_nothing():
        facts = problem(node.put(picture(), token), 409, "ticket-replayed")
    assert facts["stored"] == stored
    assert facts["got"] != stored


def test_a_ticket_is_remembered_after_a_restart(engines, tmp_path):
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {}).start()
    token, data = node.ticket(), picture()
    first = node.put(data, token).json
    node.kill()
    node.start()
    assert node.put(data, token).json == first
    with node.leaves_nothing():
        problem(node.put(picture(), token), 409, "ticket-replayed")
    node.end()


def test_a_ticket_whose_upload_failed_can_be_used_again(node):
    token, data = node.ticket(), picture()
    problem(node.put(b"no picture", token), 415, "not-an-image")
    assert node.put(data, token).status == 201


def test_a_form_takes_the_files_of_its_ticket_and_refuses_the_next(node):
    data = picture()
    facts = problem(node.post(form_of(data, picture())), 413, "too-many-files")
    assert facts["limit"] == 1
    assert [r["status"] for r in facts["results"]] == [201]
    assert facts["results"][0]["asset"]["bytes"] == len(data)


def test_two_versions_of_one_asset_are_two_tickets(node):
    asset_id = new_id()
    first = node.put(picture(), node.ticket(asset_id=asset_id)).json
    second = node.put(picture(), node.ticket(asset_id=asset_id)).json
    assert first["asset_id"] == second["asset_id"]
    assert first["version"] < second["version"]
