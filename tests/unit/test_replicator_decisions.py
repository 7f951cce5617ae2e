"""The replicator's decisions: which message goes first, whom to ask, what a failure means."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import (
    BadRequest,
    Conflict,
    Failed,
    NoSpace,
    NotFound,
    Overloaded,
    Unauthorized,
    Unavailable,
    UpstreamFailed,
    from_problem,
)
from replicator.priority import MINUTE_MS, Urgency, rank
from replicator.source_order import order_sources
from replicator.verdict import Verdict, judge, node_is_away, retry_delay

NOW = 1_700_000_000_000 - 1_700_000_000_000 % MINUTE_MS


def healthy(node):
    return "healthy"


# --- which goes first


def test_a_newer_minute_goes_before_an_older_one_whatever_the_sizes():
    assert rank(Urgency.STORED, NOW, 50_000_000) < rank(Urgency.STORED, NOW - 1, 1)


def test_within_a_minute_the_smaller_goes_first_whatever_the_seconds():
    assert rank(Urgency.STORED, NOW, 10) < rank(Urgency.STORED, NOW + MINUTE_MS - 1, 11)


def test_tombstones_go_before_uploads_and_wanted_blobs_after_everything():
    ranks = [rank(urgency, NOW, 1000) for urgency in Urgency]
    assert ranks == sorted(ranks)
    assert rank(Urgency.WANTED, NOW, 0) > rank(Urgency.STORED, 0, 2**40)
    assert rank(Urgency.TOMBSTONE) < rank(Urgency.STORED, NOW, 0)


# --- whom to ask


def test_a_fresh_upload_is_asked_for_where_it_was_made_then_by_distance():
    assert order_sources(["a", "b", "c"], healthy, "c", fresh=True) == ("c", "a", "b")


def test_an_origin_that_gives_no_sign_of_life_is_asked_last_for_a_fresh_upload_too():
    states = {"a": "healthy", "b": "healthy", "c": "suspect"}
    assert order_sources(["c", "a", "b"], states.__getitem__, "c", fresh=True) == ("a", "b", "c")


def test_an_older_upload_is_asked_for_by_distance():
    assert order_sources(["a", "b", "c"], healthy, "c", fresh=False) == ("a", "b", "c")


def test_a_suspect_source_is_asked_last_but_is_asked():
    states = {"a": "suspect", "b": "unknown", "c": "healthy"}
    assert order_sources(["a", "b", "c"], states.__getitem__, None, fresh=False) == ("b", "c", "a")


def test_an_origin_that_is_no_member_any_more_is_not_asked():
    assert order_sources(["a", "b"], healthy, "gone", fresh=True) == ("a", "b")


@given(
    peers=st.lists(st.sampled_from("abcdef"), unique=True),
    suspects=st.sets(st.sampled_from("abcdef")),
    origin=st.none() | st.sampled_from("abcdefg"),
    fresh=st.booleans(),
)
def test_every_peer_is_asked_exactly_once(peers, suspects, origin, fresh):
    ordered = order_sources(peers, lambda n: "suspect" if n in suspects else "healthy", origin, fresh=fresh)
    assert sorted(ordered) == sorted(peers)


# --- what a failure means


@pytest.mark.parametrize(
    "error", [Unavailable("down"), Overloaded("full"), Unauthorized("clock"), from_problem({}, 503)]
)
def test_a_node_that_takes_no_orders_is_away_and_no_message_is_to_blame(error):
    assert node_is_away(error, "me")


def test_a_503_about_a_source_does_not_mean_that_the_own_node_is_away():
    assert not node_is_away(Unavailable("Node peer cannot be reached.", node="peer"), "me")
    assert node_is_away(Unavailable("Node me cannot be reached.", node="me"), "me")


@pytest.mark.parametrize(
    "error", [UpstreamFailed("none"), NotFound("bucket"), Failed("bug"), from_problem({}, 500)]
)
def test_what_may_be_right_later_is_retried_then_wanted(error):
    verdicts = [judge(error, delivered, retries=2) for delivered in (1, 2, 3, 100)]
    assert verdicts == [Verdict.RETRY, Verdict.RETRY, Verdict.WANT, Verdict.WANT]


def test_without_retries_a_first_failure_is_wanted_at_once():
    assert judge(UpstreamFailed("none"), 1, retries=0) is Verdict.WANT


def test_a_full_disk_is_not_retried_but_wanted_at_once():
    assert judge(NoSpace("full"), 1, retries=5) is Verdict.WANT


@pytest.mark.parametrize("error", [BadRequest("nonsense"), Conflict("other bytes"), from_problem({}, 422)])
def test_what_the_node_rejects_for_good_is_parked(error):
    assert judge(error, 1, retries=5) is Verdict.PARK


@given(delivered=st.integers(1, 10_000), seed=st.integers())
def test_a_retry_waits_longer_each_time_with_jitter_and_never_beyond_the_cap(delivered, seed):
    delay = retry_delay(delivered, first=0.5, cap=30.0, rng=random.Random(seed))
    ceiling = min(30.0, 0.5 * 2 ** min(delivered - 1, 30))
    assert ceiling / 10 <= delay <= ceiling
