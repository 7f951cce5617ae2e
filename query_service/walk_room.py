"""Room for a few walks over a set's nodes at once. Used by the operations that verify and that compare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from atoll.errors import NotFound, Overloaded
from atoll.model import Node
from query_service.cluster_view import Views

AT_ONCE = 4  # branches; each asks every node of its set many things


class WalkRoom:
    """`doing` says in an answer what there is no room for: "verified"."""

    def __init__(self, views: Views, doing: str) -> None:
        self._views, self._doing = views, doing
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def members(self, set_name: str) -> AsyncIterator[Sequence[Node]]:
        """The nodes to ask, with room to do so. `NotFound` when there are none, `Overloaded`."""
        members = self._views.current().cluster.members(set_name)
        if not members:
            raise NotFound("There is no such set, or it has no nodes.", set=set_name)
        if self._places.locked():
            raise Overloaded(f"Enough is being {self._doing} already.", limit=AT_ONCE, retry_after=1)
        async with self._places:
            yield members
