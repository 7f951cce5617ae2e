"""Who is throttled by what: API keys by their name, anonymous clients of images by their address.

    a route with a scope        the key's bucket
    signing in to the web app   the address's, a narrower one of its own
    /i/…, with a key or none    the address's: IPv4 as it is, IPv6 by its /64; by the word of trusted proxies
    the rest (health, metrics)  nothing

Owns the headers (draft-ietf-httpapi-ratelimit-headers: `RateLimit`, `RateLimit-Policy`) of every answer to a
request that was counted, refusals and errors included; a 429 has `Retry-After` beside them. How many are left
is what this instance last heard from Redis: what all others did since then is not in it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from aiohttp import web
from multidict import istr

from atoll.errors import TooManyRequests
from atoll.http import problem_response
from query_service.throttle import Throttle

_IPV6_PREFIX = 64  # what one subscriber has at least
_POLICY, _LIMIT = istr("RateLimit-Policy"), istr("RateLimit")  # as multidict keeps them: nothing to convert
COUNTED = web.RequestKey("counted", tuple)  # the throttle and the subject that a request was counted under


class Throttling:
    """The throttles. `address` finds a request's client."""

    def __init__(
        self, keys: Throttle, addresses: Throttle, sign_ins: Throttle, address: Callable[[web.Request], str]
    ) -> None:
        self.keys, self.addresses, self.sign_ins = keys, addresses, sign_ins
        self._address = address

    async def admit_address(self, request: web.Request) -> None:
        """`TooManyRequests` when this address has asked for too many images."""
        await self._admit(request, self.addresses)

    async def admit_sign_in(self, request: web.Request) -> None:
        """`TooManyRequests` when this address has tried too often."""
        await self._admit(request, self.sign_ins)

    async def close(self) -> None:
        """End what is under way."""
        for throttle in (self.keys, self.addresses, self.sign_ins):
            await throttle.close()

    async def _admit(self, request: web.Request, throttle: Throttle) -> None:
        subject = subject_of(self._address(request))
        request[COUNTED] = (throttle, subject)
        if not throttle.spend(subject):
            await throttle.wait(subject)


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


def tell_limit(request: web.Request, response: web.StreamResponse) -> None:
    """Say in the answer how much more may be asked, if this request was counted. Called for each: cheap."""
    counted = request.get(COUNTED)
    if counted is None:
        return
    throttle, subject = counted
    if not throttle.off and _POLICY not in response.headers:
        response.headers[_POLICY] = throttle.policy
        response.headers[_LIMIT] = throttle.left(subject)


def refusal_response(error: TooManyRequests) -> web.Response:
    """The problem document with the draft's headers."""
    response = problem_response(error)
    facts = error.facts
    if "policy" in facts:
        name = f'"{facts["policy"]}"'
        response.headers["RateLimit-Policy"] = f"{name};q={facts['burst']};w={facts['window']}"
        response.headers["RateLimit"] = f"{name};r=0;t={facts['retry_after']}"
    return response
