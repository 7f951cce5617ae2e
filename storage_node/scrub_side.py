"""The scrubbing part of a storage node, put together. Called by app.py, which closes it before its thread."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from aiohttp import web

from atoll.heartbeat import ScrubFacts
from atoll.lifecycle import Tasks
from storage_node.ground import Ground
from storage_node.inspection import Inspector
from storage_node.read_side import ReadSide
from storage_node.scrub import Scrubber
from storage_node.scrub_look import Decoding
from storage_node.scrub_rate import Pace
from storage_node.scrub_reading import PacedReading
from storage_node.scrub_routes import ScrubCollector, ScrubRoutes


class ScrubSide:
    """`thread` is one thread of its own; `load` and `held` (blobs, bytes) are as last measured."""

    def __init__(
        self,
        ground: Ground,
        reads: ReadSide,
        inspector: Inspector,
        thread: Executor,
        load: Callable[[], float],
        held: Callable[[], tuple[int, int]],
        removed: Callable[[], bool],
        rng: random.Random,
    ) -> None:
        settings, store = ground.settings, ground.store
        pace = Pace(settings.scrub_seconds, settings.scrub_min_rate, settings.scrub_max_rate)
        self.scrubber = Scrubber(
            ground.origin,
            ground.index,
            reads.local.judge,
            Decoding(store, inspector, settings.scrub_decode_share, rng),
            ground.disk,
            load,
            held,
            removed,
            partial(PacedReading, store, thread, pace),
        )
        ScrubCollector(self.scrubber, ground.registry)
        self._routes, self._auth = ScrubRoutes(self.scrubber), reads.auth

    def facts(self) -> ScrubFacts:
        """For the heartbeat."""
        return self.scrubber.facts

    def add_routes(self, app: web.Application) -> None:
        """Serve its part of the internal API."""
        self._routes.add_routes(app, self._auth)

    def start(self, tasks: Tasks) -> None:
        """Begin to scrub."""
        tasks.start("scrub", self.scrubber.run())

    def close(self) -> None:
        """Let its thread come to an end."""
        self.scrubber.reading.close()
