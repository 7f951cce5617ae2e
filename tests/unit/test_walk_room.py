"""So many walks over a set's nodes at once, and no more."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest

from atoll.errors import NotFound, Overloaded
from query_service.walk_room import AT_ONCE, WalkRoom


def room_of(sets):
    cluster = SimpleNamespace(members=lambda name: sets.get(name, ()))
    return WalkRoom(SimpleNamespace(current=lambda: SimpleNamespace(cluster=cluster)), "walked")


async def test_who_comes_when_all_places_are_taken_is_told_to_come_again():
    room = room_of({"s1": ("n-1", "n-2")})
    async with AsyncExitStack() as walks:
        for _ in range(AT_ONCE):
            assert await walks.enter_async_context(room.members("s1")) == ("n-1", "n-2")
        with pytest.raises(Overloaded, match="walked"):
            async with room.members("s1"):
                pass
    async with room.members("s1") as members:
        assert members


async def test_a_set_that_nobody_holds_is_not_found():
    with pytest.raises(NotFound):
        async with room_of({}).members("s1"):
            pass
