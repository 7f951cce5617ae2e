"""What a ticket allows, which node it names, and when none is given."""

from __future__ import annotations

import random

import pytest
from query_cluster import EU, KEYS, NODES, US, beat, cluster, health_of

from atoll.cluster import ClusterMap
from atoll.errors import BadName, BadRequest, NotFound, TooManyFiles, Unavailable
from atoll.health import HealthTable
from atoll.ids import named_asset_id
from atoll.model import Node, ReplicaSet
from atoll.names import EXTENSIONS
from atoll.node_api import NodeStatus
from atoll.signing import Ticket, open_ticket
from query_service.cluster_known import ClusterKnown
from query_service.cluster_view import Views
from query_service.tickets import TicketOffice, TicketRules
from query_service.wire import TicketView, UploadOrder
from query_service.wishes import Wishes

NOW = 1_700_000_000_000
RULES = TicketRules(seconds=900, max_bytes=5000, max_pixels=50_000, max_files=100)
EU_1, US_1, ASIA_1 = NODES


def office(health: HealthTable | None = None, world: ClusterMap | None = None) -> TicketOffice:
    known = world or cluster()
    views = Views(ClusterKnown(lambda: known, health or health_of(*NODES), lambda: 100.0))
    return TicketOffice(views, KEYS, RULES, random.Random(1), Wishes(), lambda: NOW)


def opened(view: TicketView) -> Ticket:
    return open_ticket(view.ticket, KEYS, NOW)


def test_the_nearest_writable_node_takes_the_upload() -> None:
    view = office().issue(UploadOrder("photos"), US)
    assert (view.node, view.region, view.set, view.method) == ("us-1", "us", "main", "PUT")
    assert view.upload_url == f"{US_1.url}/v1/uploads?ticket={view.ticket}"
    ticket = opened(view)
    assert (ticket.node, ticket.set, ticket.bucket) == ("us-1", "main", "photos")
    assert ticket.expires_at == NOW + 900_000
    assert view.expires_at == "2023-11-14T22:28:20.000Z"


def test_a_named_uploads_id_follows_from_its_name() -> None:
    view = office().issue(UploadOrder("photos", "cats/tom"), EU)
    assert view.asset_id == named_asset_id("photos", "cats/tom") == opened(view).asset_id
    assert (view.public_id, opened(view).public_id) == ("cats/tom", "cats/tom")


def test_an_unnamed_upload_gets_a_new_id_that_is_its_name() -> None:
    first, second = (office().issue(UploadOrder("photos"), EU) for _ in range(2))
    assert first.public_id == first.asset_id != second.asset_id
    assert opened(first).public_id is None
    assert opened(first).ticket_id != opened(second).ticket_id


def test_words_travel_in_the_ticket_in_the_form_they_are_kept_in() -> None:
    order = UploadOrder("photos", tags=(" Ku\u0308ste", "Küste"), context={"$a.b": ""}, title="T", alt="A")
    ticket = opened(office().issue(order, EU))
    assert (ticket.tags, ticket.context) == (("Küste",), {"$a.b": ""})
    assert (ticket.title, ticket.alt) == ("T", "A")
    for wrong in ({"title": "a\0"}, {"tags": (" ",)}, {"context": {"Küste": "", "Ku\u0308ste": ""}}):
        with pytest.raises(BadRequest):
            office().issue(UploadOrder("photos", **wrong), EU)
    with pytest.raises(BadRequest, match="too long together"):
        office().issue(UploadOrder("photos", alt="\U0001f600" * 1024, title="\U0001f600" * 256), EU)


def test_tags_and_context_travel_in_the_ticket() -> None:
    ticket = opened(office().issue(UploadOrder("photos", tags=("cat",), context={"alt": "Tom"}), EU))
    assert (ticket.tags, ticket.context) == (("cat",), {"alt": "Tom"})


@pytest.mark.parametrize(
    ("bucket", "asked", "expected"),
    [
        ("photos", None, 5000),
        ("photos", 200, 200),
        ("photos", 9999, 5000),
        ("tiny", None, 1000),
        ("tiny", 10, 10),
    ],
)
def test_the_least_of_all_limits_counts(bucket: str, asked: int | None, expected: int) -> None:
    view = office().issue(UploadOrder(bucket, max_bytes=asked), EU)
    assert view.limits.max_bytes == expected == opened(view).max_bytes


def test_a_buckets_own_limits_are_in_the_ticket_and_shown() -> None:
    tiny, plain = (office().issue(UploadOrder(bucket), EU) for bucket in ("tiny", "photos"))
    assert (tiny.limits.max_pixels, tiny.limits.allowed) == (10_000, ("png",))
    assert (opened(tiny).max_pixels, opened(tiny).allowed) == (10_000, ("png",))
    assert (plain.limits.max_pixels, plain.limits.allowed) == (50_000, EXTENSIONS)


def test_a_ticket_for_several_files_is_used_by_post() -> None:
    view = office().issue(UploadOrder("photos", files=7), EU)
    assert (view.method, view.limits.max_files, opened(view).max_files) == ("POST", 7, 7)


def test_too_many_files_are_refused_with_the_limit() -> None:
    with pytest.raises(TooManyFiles) as caught:
        office().issue(UploadOrder("photos", files=101), EU)
    assert caught.value.facts == {"limit": 100, "got": 101}


def test_one_name_is_not_for_several_files() -> None:
    with pytest.raises(BadRequest):
        office().issue(UploadOrder("photos", "cats/tom", files=2), EU)


@pytest.mark.parametrize("public_id", ["", "../x", "a//b", "a\0b", "a?b", "x" * 256, " x", "a%2fb"])
def test_names_outside_the_grammar_are_refused(public_id: str) -> None:
    with pytest.raises(BadName) as caught:
        office().issue(UploadOrder("photos", public_id), EU)
    assert caught.value.facts["name"] == "public_id"


def test_a_name_in_the_form_of_a_generated_id_is_refused_since_it_may_be_an_assets_own() -> None:
    with pytest.raises(BadName):
        office().issue(UploadOrder("photos", office().issue(UploadOrder("photos"), EU).asset_id), EU)


@pytest.mark.parametrize("bucket", ["", "ab", "Photos", "internal", "a/b", "..", "x" * 64])
def test_buckets_outside_the_grammar_are_refused(bucket: str) -> None:
    with pytest.raises(BadName) as caught:
        office().issue(UploadOrder(bucket), EU)
    assert caught.value.facts["name"] == "bucket"


def test_a_bucket_that_the_map_has_not_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        office().issue(UploadOrder("nobucket"), EU)
    assert caught.value.facts == {"bucket": "nobucket"}


def test_what_does_not_fit_into_a_ticket_is_refused() -> None:
    context = {f"{n:02}" + "é" * 40: "ü" * 256 for n in range(32)}
    with pytest.raises(BadRequest) as caught:
        office().issue(UploadOrder("photos", context=context), EU)
    assert caught.value.facts["limit"] == 6144


@pytest.mark.parametrize("state", [{"read_only": True}, {"state": "draining"}, {"state": "stopping"}])
def test_a_node_that_takes_nothing_gets_no_uploads(state: dict[str, object]) -> None:
    health = health_of(*NODES)
    health.heard(beat(EU_1, **state), 100.0)
    assert office(health).issue(UploadOrder("photos"), EU).node == "us-1"


def test_a_silent_node_gets_no_uploads() -> None:
    assert office(health_of(US_1, ASIA_1)).issue(UploadOrder("photos"), EU).node == "us-1"


def test_without_a_writable_node_there_is_no_ticket_now() -> None:
    with pytest.raises(Unavailable) as caught:
        office(HealthTable()).issue(UploadOrder("photos"), EU)
    assert caught.value.facts["retry_after"] == 2


def test_a_sealed_set_gets_no_uploads() -> None:
    with pytest.raises(Unavailable):
        office(world=cluster(ReplicaSet("main", sealed=True))).issue(UploadOrder("photos"), EU)


def test_a_set_that_can_keep_two_copies_goes_before_one_that_is_nearer_but_alone() -> None:
    alone = Node("eu-9", "eu", "alone", "http://eu-9")
    partner = Node("us-9", "us", "alone", "http://us-9")
    world = cluster(ReplicaSet("alone"), alone, partner)
    assert office(health_of(US_1, ASIA_1, alone), world).issue(UploadOrder("photos"), EU).node == "us-1"
    assert office(health_of(alone), world).issue(UploadOrder("photos"), EU).node == "eu-9"


def test_nodes_known_by_probes_alone_take_uploads() -> None:
    health = HealthTable()
    for node in (EU_1, US_1):
        health.probed(node.name, True, 100.0, NodeStatus(node.name, node.region, "main", "ready", False, 9))
    assert office(health).issue(UploadOrder("photos"), EU).node == "eu-1"
