"""Whose address a request comes from: the connection's, or behind a trusted proxy what its header says.

Owns what is believed: a header counts only from a peer in the trusted networks, and in it the last address
that is no proxy of ours, for all before that may be forged. Called by query services (position, throttling)
and nodes (signed URLs that are bound to a network).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

from atoll.networks import Address, plain_address

FORWARDED_FOR = "X-Forwarded-For"
MAX_HOPS = 32  # of the header; what lies further back is not read


class ClientAddress:
    """`networks` (CIDR): the trusted proxies; `header`: where they write the address that called them."""

    def __init__(self, networks: Sequence[str] = (), header: str = FORWARDED_FOR) -> None:
        self._proxies, self._header = [ipaddress.ip_network(network) for network in networks], header

    def __bool__(self) -> bool:
        """Whether any proxy is trusted."""
        return bool(self._proxies)

    def of(self, request: web.Request) -> str:
        """The client's address as text; "" for none."""
        remote = request.remote or ""
        if not self._proxies or not self.is_proxied(request):
            return remote
        return str(self.behind(request) or "")

    def is_proxied(self, request: web.Request) -> bool:
        """Whether the peer is a trusted proxy."""
        peer = plain_address(request.remote or "")
        return peer is not None and self.trusts(peer)

    def trusts(self, address: Address) -> bool:
        """Whether it is a proxy of ours."""
        return any(address in network for network in self._proxies)

    def behind(self, request: web.Request) -> Address | None:
        """The last address in the header that is no proxy of ours; None when it says none."""
        hops = ",".join(request.headers.getall(self._header, [])).split(",")
        for hop in reversed(hops[-MAX_HOPS:]):
            address = plain_address(hop.strip())
            if address is None or not self.trusts(address):
                return address
        return None
