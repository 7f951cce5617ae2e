"""Signing keys of the cluster map: which signs, which are honoured, and when."""

from __future__ import annotations

import pytest

from atoll.access import SigningKey
from atoll.delivery_keys import HEARD_MS, LiveRing, cluster_key, delivery_key, read_key, ring_of
from atoll.errors import Unauthorized
from atoll.signing import Keys
from atoll.transformation.signature import check, sign

KEYS = Keys(b"a secret of thirty-two bytes or more")
OTHERS = Keys(b"another secret of thirty-two bytes..")
OLD, NEW = SigningKey("old", "0" * 64, 1_000), SigningKey("new", "1" * 64, 2_000)
LATER = 2_000 + HEARD_MS
PATH = "/secret/main/abc.jpg"


def entries(*keys):
    return {key.name: key for key in keys}


def state(key, word):
    return SigningKey(key.name, key.salt, key.created_at, word)


def test_without_entries_the_clusters_own_key_signs():
    ring = ring_of(KEYS, {}, LATER)
    assert ring.newest == cluster_key(KEYS)
    assert ring.accepted == dict([cluster_key(KEYS)])


def test_the_newest_active_key_signs_and_all_are_honoured():
    ring = ring_of(KEYS, entries(NEW, OLD), LATER)
    assert ring.newest == delivery_key(KEYS, NEW)
    assert set(ring.accepted) == {"old", "new", cluster_key(KEYS).id}


def test_a_key_signs_only_when_everybody_has_heard_of_it():
    now = [NEW.created_at + HEARD_MS - 1]
    kept = entries(OLD, NEW)
    ring = LiveRing(KEYS, lambda: kept, lambda: now[0])
    assert ring().newest.id == cluster_key(KEYS).id or ring().newest.id == "old"
    assert "new" in ring().accepted
    now[0] += 1
    assert ring().newest.id == "new"


def test_a_retired_key_signs_no_more_and_is_honoured():
    ring = ring_of(KEYS, entries(OLD, state(NEW, "retired")), LATER)
    assert ring.newest.id == "old"
    assert "new" in ring.accepted


def test_a_revoked_key_closes_its_urls_at_once():
    query = dict(part.split("=", 1) for part in sign(PATH, 100, delivery_key(KEYS, NEW)).split("&"))
    check(PATH, **query, accepted=ring_of(KEYS, entries(NEW), LATER).accepted, now_s=99)
    kept = entries(NEW)
    ring = LiveRing(KEYS, lambda: kept, lambda: LATER)
    assert "new" in ring().accepted
    kept = entries(state(NEW, "revoked"))
    with pytest.raises(Unauthorized):
        check(PATH, **query, accepted=ring().accepted, now_s=99)


def test_the_clusters_own_key_may_be_retired_and_revoked_too():
    own = SigningKey("cluster", "0" * 64, 0, "retired")
    ring = ring_of(KEYS, entries(OLD, own), OLD.created_at)
    assert ring.newest.id == "old"
    assert ring.old_form
    ring = ring_of(KEYS, entries(OLD, state(own, "revoked")), LATER)
    assert set(ring.accepted) == {"old"}
    assert not ring.old_form


def test_a_key_is_another_one_with_another_salt_another_name_or_another_secret():
    made = {
        delivery_key(keys, SigningKey(name, salt)).secret
        for keys in (KEYS, OTHERS)
        for name in ("old", "new")
        for salt in ("0" * 64, "1" * 64)
    }
    assert len(made) == 8
    assert KEYS.signing not in made


def test_a_key_that_was_written_down_signs_the_same():
    key = delivery_key(KEYS, NEW)
    assert read_key(key.written() + "\n") == key
    assert key.written().partition(".")[2] not in repr(key)


@pytest.mark.parametrize("text", ["", "new", "new.", "new.AAAA", ".AAAA", "new." + "é" * 43, "n." + "A" * 44])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        read_key(text)
