"""Gives up jobs of which nothing is heard any more (job_silence.py). I/O.

Each query service looks, now and then: nothing here needs to be done once only. What is given up is noted
first, then its tasks are taken out of the queues, then its webhooks are queued, and only then it is looked at
no more: whoever dies in between leaves it to the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from query_service.catalog_errors import CatalogUnavailable
from query_service.job_dispatch import JobDispatch
from query_service.job_silence import Silence
from query_service.job_store import JobStore

log = logging.getLogger(__name__)

# At most, and of a silence that is short a tenth: between two looks; and before the first one after the
# start, or when the catalog was away, because what was said of jobs meanwhile is still to be indexed.
LOOK_SECONDS, CATCH_UP_SECONDS = 30.0, 900.0
AT_ONCE = 100


class JobWatch:
    """`now_ms`: Unix milliseconds."""

    def __init__(
        self,
        store: JobStore,
        dispatch: JobDispatch,
        silence: Silence,
        now_ms: Callable[[], int],
    ) -> None:
        self._store, self._dispatch, self._silence, self._now_ms = store, dispatch, silence, now_ms

    async def run(self) -> None:
        """Look for ever."""
        tenth = self._silence.longest_ms / 10_000
        pause = catch_up = min(CATCH_UP_SECONDS, tenth)
        while True:
            await asyncio.sleep(pause)
            try:
                more = await self.look()
                pause = 0.0 if more else min(LOOK_SECONDS, tenth)
            except CatalogUnavailable as error:
                log.debug("jobs are not looked at: %s", error.detail)
                pause = catch_up

    async def look(self) -> bool:
        """See to the jobs whose time has come, a bounded number; whether there may be more."""
        now = self._now_ms()
        due = await self._store.due(now, AT_ONCE)
        ended = []
        for document in due:
            ends_at = self._silence.ends_of(document)
            if ends_at is None:
                ended.append(document["_id"])
            elif ends_at > now:  # something was heard meanwhile
                await self._store.look_again(document["_id"], ends_at)
            else:
                await self._give_up(document)
                ended.append(document["_id"])
        if ended:
            await self._store.look_no_more(ended)
        return len(due) == AT_ONCE

    async def _give_up(self, document: Mapping[str, Any]) -> None:
        job, why = document["_id"], self._silence.why(document)
        log.warning("job %s is given up: %s", job, why)
        await self._dispatch.give_up(job, why)
