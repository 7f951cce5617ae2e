"""Quotas at the ticket, home regions, what expires, and what the end of a bucket waits for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hand_clock import HandClock
from query_cluster import EU, KEYS, NODES, cluster, health_of
from record_maker import a_record

from atoll.bucket import Bucket, Ending, LifecycleRule, Quota
from atoll.cluster import ClusterMap
from atoll.errors import AtollError, BadRequest, Conflict, NotFound, QuotaExceeded, Unavailable
from atoll.model import AssetRecord, Node, ReplicaSet
from atoll.usage import BucketUsage
from query_service.bucket_changes import check_change, narrows
from query_service.bucket_end import is_confirmed
from query_service.bucket_orders import bucket_of
from query_service.bucket_usage import Told
from query_service.catalog_asset import CatalogAsset, Page
from query_service.cluster_known import ClusterKnown
from query_service.cluster_view import Views
from query_service.cluster_wire import BucketOrder, QuotaOrder
from query_service.expiry import DAY_MS, Expiry, is_due
from query_service.quota import QuotaKeeper
from query_service.tickets import TicketOffice, TicketRules
from query_service.wire import UploadOrder
from query_service.wishes import Wishes

NOW = 1_800_000_000_000


@dataclass
class Asker:
    """Nodes that say what the test says, and how often they were asked."""

    said: dict[str, BucketUsage] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0

    async def ask(self, bucket: str) -> Told:
        self.asked += 1
        nodes = {name: Node(name, "eu", f"set-{name}", "http://x") for name in self.said}
        return Told(bucket, nodes, dict(self.said), self.unasked)


def keeper(asker: Asker, clock: HandClock) -> QuotaKeeper:
    return QuotaKeeper(asker, 5.0, clock.monotonic)  # type: ignore[arg-type]  # the part that is used


def full(size: int, assets: int = 0) -> BucketUsage:
    return BucketUsage("photos", assets=assets, blobs=assets, bytes=size)


def admit(quota: QuotaKeeper, bucket: Bucket, **order: object) -> UploadOrder:
    return asyncio.run(quota.admit(UploadOrder("photos", **order), bucket))  # type: ignore[arg-type]


def test_a_bucket_without_a_quota_asks_nobody() -> None:
    asker = Asker()
    order = UploadOrder("photos")
    assert asyncio.run(keeper(asker, HandClock()).admit(order, Bucket("photos"))) is order
    assert asker.asked == 0


def test_a_ticket_counts_all_sets_and_what_was_handed_out_since() -> None:
    asker, clock = Asker({"a": full(40), "b": full(30)}), HandClock()
    quota, bucket = keeper(asker, clock), Bucket("photos", quota=Quota(bytes=100))
    assert admit(quota, bucket, max_bytes=20).max_bytes == 20
    with pytest.raises(QuotaExceeded) as refused:
        admit(quota, bucket, max_bytes=20)
    facts = refused.value.facts
    assert (facts["of"], facts["limit"], facts["used"], facts["asked"]) == ("bytes", 100, 90, 20)
    assert asker.asked == 1
    clock.advance(5)
    with pytest.raises(QuotaExceeded):  # the reading is new, the ticket may still be under way
        admit(quota, bucket, max_bytes=20)
    clock.advance(5)
    assert admit(quota, bucket, max_bytes=20).max_bytes == 20
    assert asker.asked == 3


def test_a_ticket_that_names_no_size_allows_no_more_than_the_room_left() -> None:
    quota = keeper(Asker({"a": full(90, 9)}), HandClock())
    bucket = Bucket("photos", quota=Quota(bytes=100))
    assert admit(quota, bucket).max_bytes == 10
    with pytest.raises(QuotaExceeded):
        admit(quota, bucket)


def test_assets_are_counted_but_a_name_may_be_a_new_version() -> None:
    quota = keeper(Asker({"a": full(10, 3)}), HandClock())
    bucket = Bucket("photos", quota=Quota(assets=4))
    with pytest.raises(QuotaExceeded) as refused:
        admit(quota, bucket, files=2)
    assert refused.value.facts["of"] == "assets"
    admit(quota, bucket, files=1)
    admit(quota, bucket, public_id="tom")


def test_a_set_that_gives_no_answer_counts_with_its_last_figures() -> None:
    asker, clock = Asker({"a": full(60), "b": full(30)}), HandClock()
    quota, bucket = keeper(asker, clock), Bucket("photos", quota=Quota(bytes=100))
    admit(quota, bucket, max_bytes=1)
    del asker.said["b"]
    clock.advance(100)
    with pytest.raises(QuotaExceeded):
        admit(quota, bucket, max_bytes=15)


def office(world: ClusterMap) -> TicketOffice:
    views = Views(ClusterKnown(lambda: world, health_of(*world.nodes.values()), lambda: 100.0))
    rules = TicketRules(seconds=900, max_bytes=5000, max_pixels=50_000, max_files=100)
    return TicketOffice(views, KEYS, rules, random.Random(1), Wishes(), lambda: NOW)


def world_with(*entries: Bucket | Node | ReplicaSet) -> ClusterMap:
    old = cluster()
    return ClusterMap.of([*old.regions.values(), *old.nodes.values(), *old.sets.values(), *entries])


def test_tickets_go_only_to_sets_whose_nodes_all_stand_in_the_home_regions() -> None:
    inside = [Node("eu-9", "eu", "home", "http://eu-9"), Node("us-9", "us", "home", "http://us-9")]
    bucket = Bucket("photos", home_regions=("eu", "us"))
    world = world_with(bucket, ReplicaSet("home"), *inside)
    assert {office(world).issue(UploadOrder("photos"), EU).set for _ in range(8)} == {"home"}


def test_without_a_set_in_the_home_regions_there_is_no_ticket_and_the_reason_is_said() -> None:
    world = world_with(Bucket("photos", home_regions=("eu",)))
    with pytest.raises(Conflict) as refused:
        office(world).issue(UploadOrder("photos"), EU)
    assert refused.value.facts["home_regions"] == ["eu"]


def test_a_bucket_that_is_being_deleted_gives_no_ticket() -> None:
    with pytest.raises(Conflict, match="being deleted"):
        office(world_with(Bucket("photos", ending=Ending(1)))).issue(UploadOrder("photos"), EU)


def test_home_regions_may_be_widened_always_and_narrowed_while_the_bucket_is_empty() -> None:
    narrow, wide = Bucket("photos", home_regions=("eu",)), Bucket("photos", home_regions=("eu", "us"))
    everywhere = Bucket("photos")
    assert not narrows(narrow, wide)
    assert not narrows(narrow, everywhere)
    assert narrows(everywhere, narrow)
    assert narrows(wide, narrow)

    def change(asker: Asker) -> None:
        asyncio.run(check_change(cluster(), wide, narrow, asker))  # type: ignore[arg-type]

    change(Asker({"a": BucketUsage("photos")}))
    with pytest.raises(Conflict):
        change(Asker({"a": full(1, 1)}))
    with pytest.raises(Unavailable):
        change(Asker({"a": BucketUsage("photos")}, {"b": "silent"}))


def test_a_home_region_that_is_none_is_refused_and_no_policy_changes_while_a_bucket_ends() -> None:
    unknown = Bucket("photos", home_regions=("atlantis",))
    with pytest.raises(BadRequest):
        asyncio.run(check_change(cluster(), None, unknown, Asker()))  # type: ignore[arg-type]
    ending = Bucket("photos", ending=Ending(1))
    with pytest.raises(Conflict):
        asyncio.run(check_change(cluster(), ending, Bucket("photos"), Asker()))  # type: ignore[arg-type]


def test_an_order_sets_every_policy() -> None:
    rule = LifecycleRule(30, "tmp/", "old")
    order = BucketOrder(
        "private",
        versioning=False,
        metadata="strip",
        lifecycle=(rule,),
        quota=QuotaOrder(10, 20),
        home_regions=("us", "eu", "us"),
        cors=("https://example.org",),
        fetch_hosts=("*.example.org",),
    )
    bucket = bucket_of("photos", order)
    assert (bucket.versioning, bucket.metadata, bucket.lifecycle) == (False, "strip", (rule,))
    assert (bucket.quota, bucket.home_regions) == (Quota(10, 20), ("eu", "us"))
    assert (bucket.cors, bucket.fetch_hosts) == (("https://example.org",), ("*.example.org",))


def test_the_end_of_a_bucket_waits_for_every_node_to_be_closed_and_without_anything() -> None:
    closed = BucketUsage("photos", closed=True)
    nodes = {"a": NODES[0]}
    assert is_confirmed(Told("photos", nodes, {"a": closed}, {}))
    assert not is_confirmed(Told("photos", nodes, {"a": closed}, {"b": "silent"}))
    assert not is_confirmed(Told("photos", nodes, {"a": BucketUsage("photos")}, {}))
    for left in (BucketUsage("photos", 1, closed=True), BucketUsage("photos", leaving=1, closed=True)):
        assert not is_confirmed(Told("photos", nodes, {"a": left}, {}))


def aged(days: float, name: str = "a", tags: tuple[str, ...] = ()) -> AssetRecord:
    return a_record(public_id=name, created_at=NOW - int(days * DAY_MS), tags=tags)


@pytest.mark.parametrize(
    ("record", "rule", "expected"),
    [
        (aged(30), LifecycleRule(30), True),
        (aged(29.9), LifecycleRule(30), False),
        (aged(40, "tmp/a"), LifecycleRule(30, "tmp/"), True),
        (aged(40, "keep/a"), LifecycleRule(30, "tmp/"), False),
        (aged(40, "a", ("old",)), LifecycleRule(30, "", "old"), True),
        (aged(40, "a", ("Old",)), LifecycleRule(30, "", "old"), False),
    ],
)
def test_a_rule_expires_what_is_old_enough_and_fits(
    record: AssetRecord, rule: LifecycleRule, expected: bool
) -> None:
    assert is_due(record, rule, NOW) is expected


class Shelf:
    """A catalog of some records, by name and by age; how many it was asked for at most."""

    def __init__(self, records: list[AssetRecord]) -> None:
        self.records = records
        self.pages = 0

    async def page(self, bucket: str, prefix: str = "", after: str | None = None, limit: int = 100) -> Page:
        found = sorted(r.public_id for r in self.records if r.public_id.startswith(prefix))
        return self._page([r for r in self.records if r.public_id in found], after, limit)

    async def aged(self, bucket: str, before_ms: int, tag: str | None, after: str | None, limit: int) -> Page:
        found = [r for r in self.records if r.created_at <= before_ms and (tag is None or tag in r.tags)]
        return self._page(found, after, limit)

    def _page(self, records: list[AssetRecord], after: str | None, limit: int) -> Page:
        self.pages += 1
        rest = sorted((r for r in records if r.public_id > (after or "")), key=lambda r: r.public_id)
        shown = tuple(CatalogAsset(r, ()) for r in rest[:limit])
        return Page(shown, shown[-1].record.public_id if len(rest) > limit else None)


def test_a_round_goes_through_bounded_pages_and_survives_what_cannot_be_deleted_now() -> None:
    records = [aged(40, f"tmp/{n:02}") for n in range(25)] + [aged(40, "other"), aged(1, "tmp/new")]
    shelf, deleted = Shelf(records), list[str]()
    problems: dict[str, AtollError] = {
        "tmp/03": Conflict("a newer version"),
        "tmp/04": NotFound("gone"),
        "tmp/05": Unavailable("nobody there"),
    }

    async def delete(record: AssetRecord) -> None:
        if record.public_id in problems:
            raise problems[record.public_id]
        deleted.append(record.public_id)

    expiry = Expiry(shelf, delete, 10, lambda: NOW)
    done = asyncio.run(expiry.round(Bucket("photos", lifecycle=(LifecycleRule(30, "tmp/"),))))
    assert (done.seen, done.expired, done.failed) == (26, 22, 1)
    assert len(deleted) == len(set(deleted)) == 22
    assert shelf.pages == 3
