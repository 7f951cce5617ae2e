"""URLs that are bound to a client's network: what is signed, what is refused, and whose address counts."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from atoll.client_address import ClientAddress
from atoll.delivery_keys import cluster_key
from atoll.errors import BadRequest, Forbidden, Unauthorized
from atoll.networks import canonical_network, is_canonical, is_within
from atoll.signing import Keys
from atoll.transformation.signature import Claim, check_claim, sign

KEYS = Keys(b"a secret of thirty-two bytes or more")
ACCEPTED = dict([cluster_key(KEYS)])
PATH = "/secret/main/abc.jpg"


def claim(path: str = PATH, net: str = "203.0.113.0/24") -> Claim:
    query = sign(path, 100, cluster_key(KEYS), net)
    return Claim.of(dict(pair.split("=", 1) for pair in query.split("&")))


def admitted(claim: Claim, address: str, path: str = PATH) -> bool:
    try:
        check_claim(path, claim, ACCEPTED, 50, lambda: address)
    except (Forbidden, Unauthorized):
        return False
    return True


@pytest.mark.parametrize(
    ("net", "inside", "outside"),
    [
        ("203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
        ("203.0.113.9/32", "203.0.113.9", "203.0.113.8"),
        ("203.0.113.0/24", "::ffff:203.0.113.9", "::ffff:203.0.114.9"),
        ("2001:db8::/48", "2001:db8::7%eth0", "2001:db9::7"),
        ("2001:db8::/48", "[2001:db8::7]:443", "203.0.113.9"),
        ("0.0.0.0/0", "203.0.113.9", "2001:db8::7"),
        ("203.0.113.0/24", "203.0.113.9:4711", ""),
        ("203.0.113.0/24", "203.0.113.9", "not an address"),
    ],
)
def test_a_bound_url_is_for_its_network_alone(net, inside, outside):
    assert admitted(claim(net=net), inside)
    assert not admitted(claim(net=net), outside)


def test_the_network_is_part_of_what_is_signed():
    bound, free = claim(), claim(net="")
    assert not admitted(bound._replace(net=""), "203.0.113.9")
    assert not admitted(bound._replace(net="0.0.0.0/0"), "203.0.113.9")
    assert not admitted(free._replace(net="203.0.113.0/24"), "203.0.113.9")
    assert admitted(free, "198.51.100.1")
    for spelling in ("203.0.113.0/024", "203.0.113.7/24", " 203.0.113.0/24", "203.0.113.0/255.255.255.0"):
        assert not admitted(bound._replace(net=spelling), "203.0.113.9")


@given(st.text(alphabet="0123456789./:@abcdef", max_size=20), st.sampled_from(["", "/", "/a", "4/a", "@"]))
def test_no_other_division_of_what_was_signed_is_signed(net, path):
    """What stands between expiry and path cannot be read in two ways."""
    found = claim()._replace(net=net)
    if (net, path) != ("203.0.113.0/24", PATH):
        assert not admitted(found, "203.0.113.9", path)
    moved = claim()._replace(net="")
    assert not admitted(moved, "203.0.113.9", f"@203.0.113.0/24{PATH}")


@pytest.mark.parametrize(
    "text", ["", "x", "203.0.113.0/33", "203.0.113.0/24 ", "1", "fe80::1%eth0/64", "9" * 60]
)
def test_what_is_no_network_is_refused(text):
    with pytest.raises(BadRequest):
        canonical_network(text)


def test_a_network_has_one_spelling():
    assert canonical_network("203.0.113.7/24") == "203.0.113.0/24"
    assert canonical_network("203.0.113.7") == "203.0.113.7/32"
    assert canonical_network("2001:DB8:0::/48") == "2001:db8::/48"
    assert not is_canonical("2001:DB8::/48")
    with pytest.raises(BadRequest):
        canonical_network("::ffff:203.0.113.0/120")
    assert not is_within("", "0.0.0.0/0")


class _Peer:
    """A connection from an address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._address, 4711) if name == "peername" else default


def request_from(peer: str, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/", named, transport=_Peer(peer))  # type: ignore[arg-type]


def test_a_header_counts_only_from_a_trusted_proxy_and_only_what_the_proxy_itself_added():
    nobody, ours = ClientAddress(), ClientAddress(["10.0.0.0/8"])
    told = {"X_Forwarded_For": "203.0.113.9"}
    assert nobody.of(request_from("10.0.0.1", **told)) == "10.0.0.1"
    assert ours.of(request_from("198.51.100.1", **told)) == "198.51.100.1"
    assert ours.of(request_from("10.0.0.1", **told)) == "203.0.113.9"
    forged = {"X_Forwarded_For": "203.0.113.9, 198.51.100.1, 10.0.0.2"}
    assert ours.of(request_from("10.0.0.1", **forged)) == "198.51.100.1"


def test_a_proxy_that_does_not_say_who_called_it_stands_for_nobody():
    ours = ClientAddress(["10.0.0.0/8"])
    for headers in ({}, {"X_Forwarded_For": "unknown"}, {"X_Forwarded_For": "10.0.0.2"}):
        assert ours.of(request_from("10.0.0.1", **headers)) == ""


def test_the_header_is_the_one_that_the_operator_names():
    named = ClientAddress(["10.0.0.0/8"], "CF-Connecting-IP")
    headers = {"X_Forwarded_For": "203.0.113.9", "CF_Connecting_IP": "198.51.100.1"}
    assert named.of(request_from("10.0.0.1", **headers)) == "198.51.100.1"
