"""Targets of the hot path: what they mean, for whom, how long, and that they stay small."""

from __future__ import annotations

import random
from types import SimpleNamespace

from hand_clock import HandClock
from multidict import CIMultiDict

from atoll.transformation.negotiation import AcceptMemo, Hints
from storage_node.derivative import Derivative
from storage_node.hot_targets import HotAnswer, HotTargets
from storage_node.ram_cache import Entry, RamCache

NONE: frozenset[str] = frozenset()


def an_entry(name: str = "a") -> Entry:
    facts = Derivative("photos", name, name, 4, "", "jpg", 1, 1, 1, False, 0.0)
    return Entry(f"~{name}", (("photos", name),), b"body", b"", public=False, derivative=facts)


def found(targets: HotTargets, raw: str, **headers: str) -> HotAnswer | None:
    request = SimpleNamespace(raw_path=raw, headers=CIMultiDict(headers))
    return targets.find(request)  # type: ignore[arg-type] # all that is looked at


def test_an_answer_is_found_by_its_raw_target_until_its_time_is_over() -> None:
    clock = HandClock()
    targets, entry = HotTargets(10_000, AcceptMemo(), clock.monotonic), an_entry()
    targets.remember("/a?sig=1", NONE, Hints(), entry, b"head", 60, 0)
    answer = found(targets, "/a?sig=1")
    assert answer is not None
    assert (answer.entry, answer.head) == (entry, b"head")
    assert found(targets, "/a?sig=2") is None
    assert found(targets, "/a") is None
    clock.advance(60)
    assert found(targets, "/a?sig=1") is None


def test_each_kind_of_client_has_its_own_answer() -> None:
    targets, avif, jpeg = HotTargets(10_000, AcceptMemo()), an_entry("avif"), an_entry("jpeg")
    accept = frozenset({"f"})
    targets.remember("/a", accept, Hints("avif"), avif, b"avif", 60, 0)
    targets.remember("/a", accept, Hints("plain"), jpeg, b"jpeg", 60, 0)
    for header, head in (("image/avif", b"avif"), ("*/*", b"jpeg"), ("", b"jpeg")):
        answer = found(targets, "/a", Accept=header)
        assert answer is not None
        assert answer.head == head
    assert found(targets, "/a", Accept="image/webp") is None


def test_an_entry_that_leaves_memory_takes_its_targets_along() -> None:
    cache, targets, entry = RamCache(50_000, 20_000), HotTargets(10_000, AcceptMemo()), an_entry()
    cache.left = targets.entry_left
    assert cache.put(entry, cache.drops)
    for raw in ("/a", "/b", "/b", "/c"):
        targets.remember(raw, NONE, Hints(), entry, b"head", 60, 0)
    assert len(targets) == 3
    cache.drop("photos", "a")
    assert (len(targets), targets.used_bytes) == (0, 0)


def test_a_target_that_changes_its_meaning_forgets_the_old_one() -> None:
    targets, old, new = HotTargets(10_000, AcceptMemo()), an_entry("old"), an_entry("new")
    targets.remember("/t", frozenset({"f"}), Hints("avif"), old, b"old", 60, 0)
    targets.remember("/t", NONE, Hints(), new, b"new", 60, 0)
    answer = found(targets, "/t", Accept="image/avif")
    assert answer is not None
    assert answer.entry is new
    targets.entry_left(old)
    assert found(targets, "/t") is not None


def test_what_was_let_in_before_everything_was_cleared_is_not_remembered_after_it() -> None:
    """A bucket's policy changed while its picture was being made."""
    targets, seen = HotTargets(10_000, AcceptMemo()), 0
    targets.clear()
    targets.remember("/a", NONE, Hints(), an_entry(), b"head", 60, seen)
    assert found(targets, "/a") is None
    targets.remember("/a", NONE, Hints(), an_entry(), b"head", 60, targets.clears)
    assert found(targets, "/a") is not None


def test_the_budget_is_kept_whatever_comes() -> None:
    targets, rng = HotTargets(20_000, AcceptMemo()), random.Random(5)
    entries = [an_entry(str(number)) for number in range(9)]
    for _ in range(3000):
        questions = rng.choice([NONE, frozenset({"f"})])
        hints = Hints(rng.choice(["avif", "webp", "plain"])) if questions else Hints()
        raw, entry = f"/{rng.randrange(60)}" * rng.randrange(1, 40), rng.choice(entries)
        targets.remember(raw, questions, hints, entry, bytes(rng.randrange(400)), 60, 0)
        if rng.random() < 0.1:
            targets.entry_left(rng.choice(entries))
        assert 0 <= targets.used_bytes <= 20_000
    targets.remember("/" * 30_000, NONE, Hints(), entries[0], b"", 60, 0)
    assert found(targets, "/" * 30_000) is None
    targets.clear()
    assert (len(targets), targets.used_bytes) == (0, 0)
    for entry in entries:
        targets.entry_left(entry)
