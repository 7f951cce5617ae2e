"""Waiting until the catalog knows what was just done, so that the next listing shows it. I/O.

Only for a moment: what was done is done, whenever the catalog learns of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from atoll.backoff import Backoff
from atoll.client.query import Sleep
from atoll.client.reference import Reference
from atoll.client.resolving import Resolving
from atoll.client.views import Resolved, ResolveResult
from atoll.errors import AtollError

SETTLED_SECONDS = 5.0
MOST = 10_000  # what was done before the last ones is known long since
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


async def settled(
    resolving: Resolving,
    wanted: Mapping[str, str | None],
    *,
    seconds: float = SETTLED_SECONDS,
    sleep: Sleep = asyncio.sleep,
) -> bool:
    """Whether within `seconds` every asset has the bytes (SHA-256) it should have; None: it is gone."""
    left = dict(list(wanted.items())[-MOST:])
    backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
    try:
        async with asyncio.timeout(seconds):
            while True:
                results = await resolving.many([Reference(asset_id=asset_id) for asset_id in left])
                pairs = zip(left.items(), results, strict=True)
                left = {asset: sha256 for (asset, sha256), result in pairs if not _as_wanted(result, sha256)}
                if not left:
                    return True
                await sleep(backoff.next())
    except (TimeoutError, AtollError):
        return False


def _as_wanted(result: ResolveResult, sha256: str | None) -> bool:
    if sha256 is None:
        return isinstance(result, AtollError)
    return isinstance(result, Resolved) and result.sha256 == sha256
