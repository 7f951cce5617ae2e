"""Tickets signed offline: what a key may sign, what an altered one opens (nothing), and whose ids it has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from atoll.access import UploadKey
from atoll.errors import Forbidden, TicketExpired, TicketInvalid
from atoll.ids import ID_LENGTH, id_time_ms, looks_generated
from atoll.signing import Keys
from atoll.upload_keys import (
    OfflineTicket,
    UploadSecret,
    new_nonce,
    open_offline,
    read_upload_key,
    sign_offline,
    upload_secret,
)
from atoll.uploaders import key_part, offline_uploader, uploader

KEYS = Keys(b"a secret of thirty-two bytes or more")
NOW = 1_800_000_000_000
KIOSK = UploadKey("kiosk", "0" * 64, ("shop", "fair"), prefixes=("k/", "q/"), max_files=3, max_seconds=600)
PLAIN = UploadKey("plain", "0" * 64, ("shop",))
ENTRIES = {key.name: key for key in (KIOSK, PLAIN)}
SECRET = upload_secret(KEYS, PLAIN)


def ticket(**fields) -> OfflineTicket:
    good = {
        "node": "eu-1",
        "set": "main",
        "bucket": "shop",
        "nonce": new_nonce(),
        "issued_at": NOW,
        "expires_at": NOW + 60_000,
    }
    return OfflineTicket(**{**good, **fields})


def opened(wanted: OfflineTicket, key: UploadKey = PLAIN, now: int = NOW, entries=ENTRIES):
    return open_offline(sign_offline(wanted, upload_secret(KEYS, key)), KEYS, entries, now)


def test_what_was_signed_is_what_is_opened():
    wanted = ticket(bucket="fair", public_id="k/a", tags=("x",), title="T", session="s1")
    found = opened(wanted, KIOSK)
    assert (found.key, found.ticket) == (KIOSK, wanted)


def test_the_ids_follow_from_the_whole_ticket_and_its_key_and_keep_its_time():
    one = ticket()
    assert opened(one) == opened(one)
    ids = set()
    for wanted, key in (
        (one, PLAIN),
        (replace(one, nonce=new_nonce()), PLAIN),
        (replace(one, tags=("x",)), PLAIN),
        (replace(one, public_id="k/a"), KIOSK),
        (replace(one, public_id="k/a"), PLAIN),
    ):
        found = opened(wanted, key)
        for made in (found.ticket_id, found.asset_id):
            assert (len(made), id_time_ms(made), looks_generated(made)) == (ID_LENGTH, NOW, True)
            ids.add(made)
    assert len(ids) == 10


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_ticket_altered_anywhere_opens_nothing(data):
    token = sign_offline(ticket(), SECRET)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCabc019-_.~/").filter(lambda c: c != token[at]))
    for altered in (token[:at] + other + token[at + 1 :], token[:at], token + other, token[at + 1 :]):
        with pytest.raises(TicketInvalid):
            open_offline(altered, KEYS, ENTRIES, NOW)


def test_a_ticket_of_another_key_cluster_or_name_opens_nothing():
    token = sign_offline(ticket(), SECRET)
    for wrong in (token.replace("plain~", "kiosk~"), token.replace("plain~", "~"), "~", "a~b.c", "é~b.c", ""):
        with pytest.raises(TicketInvalid):
            open_offline(wrong, KEYS, ENTRIES, NOW)
    with pytest.raises(TicketInvalid):
        open_offline(token, Keys(b"another secret of thirty-two bytes.."), ENTRIES, NOW)
    with pytest.raises(TicketInvalid):
        open_offline(token, KEYS, {"plain": replace(PLAIN, salt="1" * 64)}, NOW)
    with pytest.raises(TicketInvalid):
        open_offline(token, KEYS, {}, NOW)


@pytest.mark.parametrize("ended", [{"revoked_at": NOW - 1}, {"expires_at": NOW}, {"expires_at": NOW - 1}])
def test_a_key_that_has_ended_opens_nothing(ended):
    with pytest.raises(TicketInvalid):
        opened(ticket(), entries={"plain": replace(PLAIN, **ended)})


@pytest.mark.parametrize(
    ("fields", "member"),
    [
        ({"bucket": "other", "public_id": "k/a"}, "bucket"),
        ({}, "public_id"),
        ({"public_id": "K/a"}, "public_id"),
        ({"public_id": "x/k/a"}, "public_id"),
        ({"public_id": "k/a", "files": 4}, "files"),
        ({"public_id": "k/a", "expires_at": NOW + 600_001}, "seconds"),
        ({"public_id": "k/a", "issued_at": NOW - 600_000, "expires_at": NOW + 1000}, "seconds"),
        ({"public_id": "k/a", "expires_at": NOW}, "seconds"),
    ],
)
def test_a_key_signs_nothing_beyond_its_limits(fields, member):
    with pytest.raises(Forbidden) as refused:
        opened(ticket(**fields), KIOSK)
    assert refused.value.facts["member"] == member


def test_a_ticket_ends_by_its_time_and_none_comes_from_the_future():
    with pytest.raises(TicketExpired):
        opened(ticket(), now=NOW + 60_000)
    opened(ticket(issued_at=NOW + 30_000))
    with pytest.raises(TicketInvalid):
        opened(ticket(issued_at=NOW + 30_001, expires_at=NOW + 40_000))


def test_what_this_version_does_not_know_in_a_ticket_is_refused_and_not_passed_over():
    class Newer(OfflineTicket, frozen=True, omit_defaults=False):
        max_ducks: int = 3

    fields = {name: getattr(ticket(), name) for name in OfflineTicket.__struct_fields__}
    with pytest.raises(TicketInvalid):
        opened(Newer(**fields))


def test_a_key_is_written_and_read_and_no_other_kind_of_key_is_taken_for_one():
    assert read_upload_key(SECRET.written() + "\n") == SECRET
    assert repr(SECRET) == "UploadSecret('plain', …)"
    for wrong in ("", "up_", "up_a.", "up_a.AAAA", SECRET.written().removeprefix("up_"), "up_.AAAA"):
        with pytest.raises(ValueError, match=r".+"):
            read_upload_key(wrong)


def test_a_ticket_that_no_url_carries_is_not_signed():
    with pytest.raises(ValueError, match="6144"):
        sign_offline(ticket(context={str(n): "x" * 256 for n in range(30)}), UploadSecret("a", b"0" * 32))


def test_who_uploads_is_told_apart_from_all_others():
    names = [
        uploader("shop"),
        uploader("shop", "s1"),
        uploader("shop/s1"),
        uploader("upload:shop"),
        uploader("x" * 200),
        offline_uploader("shop"),
        offline_uploader("shop", "s1"),
    ]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 128 for name in names)
    assert len(uploader("x" * 60, "s" * 64)) <= 128
    assert key_part(uploader("shop", "s1")) == "shop"
