"""Which addresses of the network a stranger may send us to: public unicast, and nothing else. Pure.

What a name resolves to decides, never how it is spelt. Listed by us, not taken from `ipaddress.is_global`,
whose answer has changed between releases: IPv4 but for IANA's special-purpose registry, IPv6 only 2000::/3
without what in it is special. Wrapped IPv4 (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) is refused as a
whole: a tunnel is another way to the same place. Where an operator lets NAT64's prefix through, for machines
with IPv6 only, it is unwrapped and the IPv4 address decides. Called by outward.py.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, a public address that is always the machine's own
        "169.254.0.0/16",  # link-local; the metadata of nearly every cloud
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_TAKEN_6 = ipaddress.IPv6Network(
    "2000::/3"
)  # all that is given out; also refuses ::/96, fc00::/7, 64:ff9b::/96
_REFUSED_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)  # upper half of the interface's part; the lower half is an IPv4 address


@dataclass(frozen=True)
class AddressPolicy:
    """`networks`: what an operator lets through beside the public addresses, for networks of his own."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> AddressPolicy:
        """From CIDR notation; ValueError."""
        return cls(tuple(ipaddress.ip_network(network) for network in networks))

    def allows(self, text: str) -> bool:
        """Whether a connection may go to the address that is written so; False for what is none."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            return False  # a zone is a network card of ours
        if not self._named(address):
            return is_public(address)
        wrapped = _behind_nat64(address)
        return wrapped is None or self._named(wrapped) or is_public(wrapped)

    def _named(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _behind_nat64(address: Address) -> ipaddress.IPv4Address | None:
    """What a NAT64 gateway would connect to (RFC 6052, the well-known prefix)."""
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def is_public(address: Address) -> bool:
    """Whether `address` is one that strangers can have."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    if address not in _TAKEN_6 or any(address in network for network in _REFUSED_6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP
