"""A link between regions that misbehaves: it breaks off, truncates, delays, and says things twice.

Each connection is treated in the ways of `Weather`, by a seeded chance of its own. What is garbled is TCP's
stream, so this is worse than any real network: it is what a broken middlebox or a lying peer would do.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass

from cut_proxy import CutProxy

_BLOCK = 4096


@dataclass(frozen=True)
class Weather:
    """Chances (0 to 1): of a connection to be broken off (`drop`) or to end early and politely (`truncate`)
    after some bytes, of a block to be sent twice (`repeat`), of a request to be sent twice (`replay`), of a
    block to be held for `delay` seconds at most."""

    drop: float = 0.0
    truncate: float = 0.0
    repeat: float = 0.0
    replay: float = 0.0
    delay: float = 0.0
    longest: int = 40_000  # bytes that pass at most before a connection is broken off


CLEAR = Weather()


class BadLink(CutProxy):
    """A link in clear weather at first; `harmed` counts what the weather did."""

    def __init__(self, target: int | Callable[[], int], seed: int) -> None:
        super().__init__(target)
        self.weather = CLEAR
        self.harmed = 0
        self._rng = random.Random(seed)

    async def change(self, weather: Weather) -> None:
        """From now on; connections that stand are broken, or they would go on in the old weather."""
        await self.cut()
        self.weather = weather
        self.mend()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._rng.random() < self.weather.replay:
            self.harmed += 1
            await self._twice(reader, writer)
        else:
            await super()._join(reader, writer)

    async def _twice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What is said first on the connection is also said on another, whose answer nobody hears."""
        first = await reader.read(65536)
        near, echo = [await asyncio.open_connection("127.0.0.1", self._target_port()) for _ in range(2)]
        try:
            for _, far_writer in (echo, near):
                far_writer.write(first)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, near[1]))
                group.create_task(self._pump(near[0], writer))
        except* OSError:
            pass
        finally:
            near[1].close()
            echo[1].close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        weather = self.weather
        left = self._rng.randrange(weather.longest)
        drops, truncates = (self._rng.random() < chance for chance in (weather.drop, weather.truncate))
        while data := await reader.read(_BLOCK):
            await self._flowing.wait()
            if weather.delay:
                self.harmed += 1
                await asyncio.sleep(self._rng.random() * weather.delay)
            if (drops or truncates) and len(data) > left:
                self.harmed += 1
                writer.write(data[:left])
                await self._break(writer, politely=truncates)
                return
            left -= len(data)
            if self._rng.random() < weather.repeat:
                self.harmed += 1
                writer.write(data)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _break(self, writer: asyncio.StreamWriter, *, politely: bool) -> None:
        with contextlib.suppress(OSError):
            await writer.drain()
        if not politely:
            raise ConnectionResetError("the weather")
        writer.close()
