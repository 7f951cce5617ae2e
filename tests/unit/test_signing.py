"""A signature opens exactly what it was made for: this payload, purpose, node, request, path and time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atoll.errors import TicketExpired, TicketInvalid, Unauthorized
from atoll.signing import (
    CLOCK_LEEWAY_MS,
    INTERNAL_TOKEN_MS,
    MAX_TOKEN_CHARS,
    InternalToken,
    Keys,
    Ticket,
    check_delivery,
    check_internal_body,
    check_internal_token,
    internal_token,
    open_internal_token,
    open_ticket,
    seal,
    seal_matches,
    sign_delivery,
    sign_token,
)

KEYS = Keys(b"k" * 32)
OTHER = Keys(b"K" * 32)
NOW = 1_800_000_000_000
TICKET = Ticket(
    ticket_id="0" * 26, node="eu-1", set="s1", bucket="photos", asset_id="1" * 26, expires_at=NOW + 60_000,
    max_bytes=1000, tags=("a", "ü"), context={"k": "v"},
)  # fmt: skip
TOKEN = sign_token(TICKET, KEYS.ticket)
REQUEST = ("eu-1", "POST", "/internal/v1/pull")
NO_BODY = hashlib.sha256().hexdigest()
CALL = internal_token("us-1", *REQUEST, KEYS, NOW)
PATH = "/photos/s1/" + "0" * 64 + ".jpg"

positions = st.integers(0, 10**6)
characters = st.characters(min_codepoint=0, max_codepoint=0x2FF)


def mutations(text):
    """Texts that differ from `text`: a character changed, put in or left out, cut, doubled, or unrelated."""
    at = positions.map(lambda i: i % len(text))
    return st.one_of(
        st.builds(lambda i, c: text[:i] + c + text[i + 1 :], at, characters),
        st.builds(lambda i, c: text[:i] + c + text[i:], at, characters),
        st.builds(lambda i: text[:i] + text[i + 1 :], at),
        st.builds(lambda i: text[:i], at),
        st.builds(lambda i: text[i:] + text[:i], at),
        st.text(max_size=200),
        st.just(text + text),
        st.just(text + "="),
    ).filter(lambda changed: changed != text)


def test_a_ticket_is_opened_as_it_was_signed():
    assert open_ticket(TOKEN, KEYS, NOW) == TICKET


@given(mutations(TOKEN))
@example(TOKEN.upper())
@example(TOKEN.replace(".", ".."))
@example(TOKEN + "\n")
@example("." + TOKEN)
@example(".")
@example("")
def test_no_altered_ticket_is_ever_accepted(token):
    with pytest.raises(TicketInvalid):
        open_ticket(token, KEYS, NOW)


@given(st.integers(0, len(TOKEN)))
def test_no_truncated_ticket_is_accepted(length):
    if length < len(TOKEN):
        with pytest.raises(TicketInvalid):
            open_ticket(TOKEN[:length], KEYS, NOW)


def test_a_ticket_ends_at_its_expiry_and_says_how_long_ago():
    assert open_ticket(TOKEN, KEYS, NOW + 59_999) == TICKET
    with pytest.raises(TicketExpired, match="expired 0 s ago"):
        open_ticket(TOKEN, KEYS, NOW + 60_000)
    with pytest.raises(TicketExpired, match="expired 60 s ago") as expired:
        open_ticket(TOKEN, KEYS, NOW + 120_000)
    assert expired.value.facts == {"expired_at": TICKET.expires_at, "now": NOW + 120_000}


def test_a_ticket_of_another_cluster_is_refused():
    with pytest.raises(TicketInvalid):
        open_ticket(TOKEN, OTHER, NOW)


@pytest.mark.parametrize("purpose", ["internal", "delivery", "event", "map_entry"])
def test_a_ticket_signed_for_another_purpose_is_refused(purpose):
    with pytest.raises(TicketInvalid):
        open_ticket(sign_token(TICKET, getattr(KEYS, purpose)), KEYS, NOW)


def test_every_purpose_has_a_key_of_its_own():
    assert len({getattr(keys, name) for keys in (KEYS, OTHER) for name in Keys.__slots__}) == 18


def test_an_internal_token_is_no_ticket_even_under_the_tickets_key():
    with pytest.raises(TicketInvalid):
        open_ticket(sign_token(InternalToken("a", "b", "GET /", NO_BODY, NOW), KEYS.ticket), KEYS, NOW)


def signed_as_ticket(body):
    text = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    mac = hmac.digest(KEYS.ticket, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff", b"[" * 3000])
def test_nonsense_with_a_right_signature_is_still_no_ticket(body):
    with pytest.raises(TicketInvalid):
        open_ticket(signed_as_ticket(body), KEYS, NOW)


def test_a_token_longer_than_any_of_ours_is_refused_unread():
    long = msgspec.structs.replace(TICKET, context={"k" * 60 + str(i): "v" * 256 for i in range(32)})
    token = sign_token(long, KEYS.ticket)
    assert len(token) > MAX_TOKEN_CHARS
    with pytest.raises(TicketInvalid, match="not a token"):
        open_ticket(token, KEYS, NOW)


def test_an_internal_token_names_its_caller():
    assert check_internal_token(CALL, *REQUEST, KEYS, NOW) == "us-1"


@pytest.mark.parametrize(
    "request_",
    [
        ("eu-2", "POST", "/internal/v1/pull"),
        ("eu-1", "GET", "/internal/v1/pull"),
        ("eu-1", "POST", "/internal/v1/deletes"),
        ("eu-1", "POST", "/internal/v1/pull?x=1"),
        ("eu-1", "POST", "/internal/v1/pull/"),
    ],
)
def test_an_internal_token_opens_one_request_to_one_node(request_):
    with pytest.raises(Unauthorized):
        check_internal_token(CALL, *request_, KEYS, NOW)


@pytest.mark.parametrize("sent", [b"", b"{}", b"{} ", b"\0"])
def test_an_internal_token_is_for_one_body(sent):
    call = internal_token("us-1", *REQUEST, KEYS, NOW, b"{}")
    opened = open_internal_token(call, *REQUEST, KEYS, NOW)
    if sent == b"{}":
        check_internal_body(opened, sent)
        return
    with pytest.raises(Unauthorized, match="another body"):
        check_internal_body(opened, sent)


def test_an_internal_token_with_a_body_opens_nothing_where_no_body_is_looked_at():
    with pytest.raises(Unauthorized, match="another body"):
        check_internal_token(internal_token("us-1", *REQUEST, KEYS, NOW, b"{}"), *REQUEST, KEYS, NOW)


@pytest.mark.parametrize(
    ("after_ms", "opens"),
    [
        (-CLOCK_LEEWAY_MS, True),
        (-CLOCK_LEEWAY_MS - 1, False),
        (INTERNAL_TOKEN_MS + CLOCK_LEEWAY_MS - 1, True),
        (INTERNAL_TOKEN_MS + CLOCK_LEEWAY_MS, False),
        (10 * INTERNAL_TOKEN_MS, False),
    ],
)
def test_an_internal_token_opens_within_its_minute_and_the_clocks_leeway(after_ms, opens):
    if opens:
        assert check_internal_token(CALL, *REQUEST, KEYS, NOW + after_ms) == "us-1"
    else:
        with pytest.raises(Unauthorized, match="expired"):
            check_internal_token(CALL, *REQUEST, KEYS, NOW + after_ms)


def test_an_internal_token_that_promises_a_longer_life_is_refused():
    token = sign_token(InternalToken("us-1", "eu-1", "GET /x", NO_BODY, NOW + 10**9), KEYS.internal)
    with pytest.raises(Unauthorized, match="expired"):
        check_internal_token(token, "eu-1", "GET", "/x", KEYS, NOW)


@given(mutations(CALL))
def test_no_altered_internal_token_is_ever_accepted(token):
    with pytest.raises(Unauthorized):
        check_internal_token(token, *REQUEST, KEYS, NOW)


@pytest.mark.parametrize("key", [OTHER.internal, KEYS.ticket, KEYS.event])
def test_an_internal_token_under_another_key_is_refused(key):
    token = sign_token(InternalToken("us-1", "eu-1", "POST /internal/v1/pull", NO_BODY, NOW + 1000), key)
    with pytest.raises(Unauthorized):
        check_internal_token(token, *REQUEST, KEYS, NOW)


def delivered(path=PATH, at_s=NOW // 1000, keys=KEYS, **changes):
    given_ = {k: v[0] for k, v in parse_qs(sign_delivery(PATH, NOW // 1000 + 60, KEYS)).items()}
    check_delivery(path, **{**given_, **changes}, keys=keys, now_s=at_s)


def test_a_delivery_signature_opens_its_path_until_its_expiry():
    delivered()
    delivered(at_s=NOW / 1000 + 59.9)
    with pytest.raises(Unauthorized, match="expired"):
        delivered(at_s=NOW / 1000 + 60)


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace("photos", "photoz"),
        PATH.replace(".jpg", ".png"),
        PATH + "/",
        "/" + PATH,
        PATH.upper(),
        "",
    ],
)
def test_a_delivery_signature_opens_no_other_path(path):
    with pytest.raises(Unauthorized):
        delivered(path)


def test_a_delivery_signature_of_another_cluster_opens_nothing():
    with pytest.raises(Unauthorized):
        delivered(keys=OTHER)


EXP = str(NOW // 1000 + 60)
SIG = sign_delivery(PATH, int(EXP), KEYS).partition("&sig=")[2]


@given(mutations(EXP))
@example("9" * 13)
@example("９" * 10)
@example("-" + EXP)
@example("+" + EXP)
@example("0" + EXP)
@example(EXP + "\n")
@example(EXP + ".0")
@example("")
def test_no_altered_expiry_is_ever_accepted(exp):
    with pytest.raises(Unauthorized):
        delivered(exp=exp)


@given(mutations(SIG))
@example("")
@example("é" * 43)
@example(SIG.lower())
def test_no_altered_delivery_signature_is_ever_accepted(sig):
    with pytest.raises(Unauthorized):
        delivered(sig=sig)


def test_path_and_expiry_cannot_be_shifted_into_each_other():
    with pytest.raises(Unauthorized):
        check_delivery(f"{PATH}\n1", EXP, sign_delivery(f"{PATH}\n1{EXP}", 5, KEYS)[-43:], KEYS, 0)


@given(st.binary(max_size=100), st.text(max_size=30))
def test_a_seal_matches_its_own_name_and_body_only(body, name):
    try:
        signature = seal(KEYS.event, name, body)
    except UnicodeEncodeError:
        return
    assert seal_matches(KEYS.event, name, body, signature)
    assert not seal_matches(KEYS.event, name + "x", body, signature)
    assert not seal_matches(KEYS.event, name, body + b"x", signature)
    assert not seal_matches(KEYS.map_entry, name, body, signature)


@given(mutations(seal(KEYS.event, "a.b", b"body")))
def test_no_altered_seal_matches(signature):
    assert not seal_matches(KEYS.event, "a.b", b"body", signature)


def test_a_short_secret_is_refused_and_no_secret_is_shown():
    with pytest.raises(ValueError, match="at least 32"):
        Keys(b"k" * 31)
    assert "kkkk" not in repr(KEYS)
    assert repr(KEYS) == "Keys(…)"
