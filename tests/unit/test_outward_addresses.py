"""Which addresses may be reached: public ones, and what an operator names."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.outward_addresses import AddressPolicy

PUBLIC = AddressPolicy()


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"],
)
def test_public_addresses_may_be_reached(address):
    assert PUBLIC.allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",  # metadata at Alibaba
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",  # the host at Azure
        "169.254.169.254",  # metadata nearly everywhere
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",  # metadata at Oracle
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",  # public, but another spelling of it
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::1",  # Teredo
        "2001:0:7f00:1::",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2a00:1450:4001:1:0:5efe:7f00:1",  # ISATAP
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata at Amazon
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%1",
        "fec0::1",
        "ff02::1",
        "",
        "localhost",
        "127.1",
        "1.1.1.1/32",
    ],
)
def test_every_other_address_is_refused(address):
    assert not PUBLIC.allows(address)


@given(st.ip_addresses())
def test_nothing_is_allowed_that_python_knows_to_be_special(address):
    if PUBLIC.allows(str(address)):
        assert address.is_global
        special = ["private", "loopback", "link_local", "multicast", "reserved", "unspecified"]
        assert [word for word in special if getattr(address, f"is_{word}")] == []


@given(st.sampled_from(["::ffff:0:0/96", "::/96", "64:ff9b::/96"]), st.ip_addresses(v=4))
def test_no_ipv4_address_is_reached_wrapped(prefix, address):
    wrapped = ipaddress.ip_network(prefix)[int(address)]
    assert not PUBLIC.allows(str(wrapped))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_reached_by_a_tunnel(address):
    high = int(address)
    assert not PUBLIC.allows(str(ipaddress.IPv6Address((0x2002 << 112) | (high << 80) | 1)))
    assert not PUBLIC.allows(str(ipaddress.IPv6Address((0x20010000 << 96) | (high << 64) | 1)))


def test_an_operator_may_name_networks_of_his_own_and_only_those_are_added():
    own = AddressPolicy.of(["127.0.0.0/8", "fd00::/8"])
    assert own.allows("127.0.0.1")
    assert own.allows("fd00::1")
    assert not own.allows("10.0.0.1")
    assert not own.allows("::ffff:127.0.0.1")
    assert not own.allows("fd00::1%eth0")
    with pytest.raises(ValueError, match="host bits"):
        AddressPolicy.of(["10.0.0.1/8"])


def test_what_nat64_wraps_decides_where_an_operator_lets_its_prefix_through():
    gateway = AddressPolicy.of(["64:ff9b::/96"])
    assert gateway.allows("64:ff9b::5db8:d822")  # 93.184.216.34
    for wrapped in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1"):
        address = ipaddress.ip_network("64:ff9b::/96")[int(ipaddress.IPv4Address(wrapped))]
        assert not gateway.allows(str(address)), wrapped
    assert not gateway.allows("10.0.0.1")
    both = AddressPolicy.of(["64:ff9b::/96", "10.8.0.0/16"])
    assert both.allows("64:ff9b::a08:1")
    assert not both.allows("64:ff9b::a09:1")
