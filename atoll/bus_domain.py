"""JetStream in another region's domain, through whatever lies between. Used by bus.py.

Between the domains of leaf nodes the servers let no bare `$KV.…` subject pass: two domains could both have a
bucket of that name. A write to a bucket there goes through the domain's API prefix instead, which its servers
map back; the driver does that for requests of its API and forgets it for a bucket's writes.
"""

from __future__ import annotations

from typing import Any

from nats.js import JetStreamContext
from nats.js.api import PubAck

_BUCKETS = "$KV."


class DomainJetStream(JetStreamContext):
    """As the driver's own, with buckets that can be written from another domain."""

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float | None = None,
        stream: str | None = None,
        headers: dict[str, Any] | None = None,
        msg_ttl: float | None = None,
    ) -> PubAck:
        """See the driver."""
        through = f"{self._prefix}.{subject}" if subject.startswith(_BUCKETS) else subject
        return await super().publish(through, payload, timeout, stream, headers, msg_ttl)
