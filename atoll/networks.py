"""Networks that signed URLs are bound to: how one is written, and who is in it. Pure.

A URL that says `net=203.0.113.0/24` is for clients of that network. The text is the canonical one
(`ipaddress.ip_network`), because it is part of what is signed.
"""

from __future__ import annotations

import ipaddress

from atoll.errors import BadRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MAX_CHARS = 50


def canonical_network(text: str) -> str:
    """`text`, an address or a network in CIDR notation, as its one spelling; `BadRequest`.

    Bits behind the prefix are cleared: who says 203.0.113.7/24 means the network that this is in.
    """
    try:
        if len(text) > _MAX_CHARS or "%" in text:
            raise ValueError(text)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise BadRequest(
            "net is a network as 203.0.113.0/24 or 2001:db8::/48, or one address.", parameter="net"
        ) from error
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        raise BadRequest("net is written as IPv4 when that is what it means.", parameter="net")
    return str(network)


def is_canonical(text: str) -> bool:
    """Whether `text` is a network in its one spelling."""
    try:
        return canonical_network(text) == text
    except BadRequest:
        return False


def is_within(address: str, network: str) -> bool:
    """Whether an address, as a connection or a proxy writes it, is in a canonical network."""
    found = plain_address(address)
    return found is not None and found in ipaddress.ip_network(network)


def plain_address(text: str) -> Address | None:
    """An address as peers and proxies write it, with or without zone and port; None when it is none.

    One that came over an IPv6 socket as ::ffff:a.b.c.d is IPv4.
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
