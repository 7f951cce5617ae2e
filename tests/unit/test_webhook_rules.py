"""Signatures of webhooks, and when one is tried again: numbers, with the clock in the test's hand."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from atoll.errors import BadRequest, Unauthorized
from atoll.hook_signature import sign_webhook, verify_webhook
from query_service.hook_rules import HookRules

BODY, SECRET, NOW = b'{"id":"1","type":"asset.stored"}', "whsec_x", 1_800_000_000


def test_the_signature_is_an_hmac_over_time_and_body():
    mac = hmac.new(SECRET.encode(), f"{NOW}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert sign_webhook(SECRET, BODY, NOW) == f"t={NOW},v1={mac}"


def test_what_was_signed_is_verified_and_read():
    assert verify_webhook(BODY, sign_webhook(SECRET, BODY, NOW), SECRET, now_s=NOW + 299) == json.loads(BODY)


def test_one_of_several_signatures_is_enough():
    good = sign_webhook(SECRET, BODY, NOW).partition(",")[2]
    assert verify_webhook(BODY, f"t={NOW},v1=00,{good}", SECRET, now_s=NOW)


@pytest.mark.parametrize("late", [301, -301])
def test_what_is_too_old_or_of_the_future_is_refused(late):
    with pytest.raises(Unauthorized, match="too old"):
        verify_webhook(BODY, sign_webhook(SECRET, BODY, NOW), SECRET, now_s=NOW + late)


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "v1=00", f"t={NOW},v1=00", "t=x,v1=00", f"t={NOW},t={NOW},v1=00", "t=1,v1=é", "t=²,v1=0"],
)
def test_a_header_that_is_missing_or_wrong_is_refused(header):
    with pytest.raises(Unauthorized):
        verify_webhook(BODY, header, SECRET, now_s=NOW)


def test_a_changed_body_or_another_secret_is_refused():
    header = sign_webhook(SECRET, BODY, NOW)
    with pytest.raises(Unauthorized):
        verify_webhook(BODY + b" ", header, SECRET, now_s=NOW)
    with pytest.raises(Unauthorized):
        verify_webhook(BODY, header, "whsec_y", now_s=NOW)


def test_a_body_that_is_no_event_is_refused():
    with pytest.raises(BadRequest):
        verify_webhook(b"[]", sign_webhook(SECRET, b"[]", NOW), SECRET, now_s=NOW)


def test_pauses_double_up_to_two_hours_and_end_after_a_day():
    rules, now, begun, pauses, tries = HookRules(86_400, lambda: 1.0), 0, 0, [], 0
    while True:
        tries += 1
        again = rules.next_at(tries, begun, now)
        if again is None:
            break
        pauses.append((again - now) / 1000)
        now = again
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 7200
    assert sum(pauses) == 86_400
    assert 15 < tries < 30


def test_a_fifth_of_a_pause_is_at_random():
    assert HookRules(86_400, lambda: 0.0).next_at(1, 0, 0) == 4000
