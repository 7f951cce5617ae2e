"""Who may ask the monitor what: its API keys, held to their scopes and to how far they reach.

Nothing that the monitor knows lies in a bucket, so a key limited to buckets or prefixes (docs/keys.md) either
may see a thing whole or not at all. Which it is follows the query service (routing.py): what its
/v1/overview shows to such keys – how nodes, regions and engines fare – they see here, too. What operators
ordered and set up, as scrubbing and webhooks there, is for keys without limits, and so is every order: a
silence hides an outage from everybody, and a node that leaves leaves for all buckets.

Called by every handler under /v1 before it reads a body; what daemons ask is relay_api.py's.
"""

from __future__ import annotations

from aiohttp import web

from atoll.api_keys import ApiKey, ApiKeys, check_unlimited


class Door:
    """One method per kind of request. They raise `Unauthorized` and `Forbidden`."""

    def __init__(self, api_keys: ApiKeys) -> None:
        self._keys = api_keys

    def sees(self, request: web.Request) -> ApiKey:
        """A key that may read, limited or not: how the cluster fares."""
        return self._keys.check(request.headers, "read")

    def sees_plans(self, request: web.Request) -> ApiKey:
        """A key without limits that may read: what operators ordered, set up or try out."""
        key = self._keys.check(request.headers, "read")
        check_unlimited(key)
        return key

    def orders(self, request: web.Request) -> ApiKey:
        """A key without limits that administers."""
        key = self._keys.check(request.headers, "admin")
        check_unlimited(key)
        return key
