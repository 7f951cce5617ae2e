"""Who is throttled by what: API keys by their name, anonymous clients of images by their address.

    a route with a scope        the key's bucket
    /i/…, with a key or none    the address's: IPv4 as it is, IPv6 by its /64; by the word of trusted proxies
    the rest (health, metrics)  nothing

Owns the headers of a refusal (draft-ietf-httpapi-ratelimit-headers: `RateLimit`, `RateLimit-Policy`),
beside `Retry-After`. Other answers have none: a client that is not refused needs no arithmetic, and each
header costs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from aiohttp import web

from atoll.errors import TooManyRequests
from atoll.http import problem_response
from query_service.throttle import Throttle

_IPV6_PREFIX = 64  # what one subscriber has at least


class Throttling:
    """Both throttles. `address` finds a request's client."""

    def __init__(self, keys: Throttle, addresses: Throttle, address: Callable[[web.Request], str]) -> None:
        self.keys, self.addresses, self._address = keys, addresses, address

    async def admit_address(self, request: web.Request) -> None:
        """`TooManyRequests` when this address has."""
        subject = subject_of(self._address(request))
        if not self.addresses.spend(subject):
            await self.addresses.wait(subject)


def subject_of(address: str) -> str:
    """What an address is counted under."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _IPV6_PREFIX), strict=False))


def refusal_response(error: TooManyRequests) -> web.Response:
    """The problem document with the draft's headers."""
    response = problem_response(error)
    facts = error.facts
    if "policy" in facts:
        name = f'"{facts["policy"]}"'
        response.headers["RateLimit-Policy"] = f"{name};q={facts['burst']};w={facts['window']}"
        response.headers["RateLimit"] = f"{name};r=0;t={facts['retry_after']}"
    return response
