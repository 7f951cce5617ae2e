"""A TCP relay that counts: every byte between a client and a node, headers and all, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PIECE = 65536


class CountedLink:
    """`port` leads to 127.0.0.1:`target`. `sent` goes to the target, `received` comes from it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0
        self.sent = self.received = 0

    @property
    def bytes(self) -> int:
        """Both directions."""
        return self.sent + self.received

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection is there. Its task is ours: one that asyncio makes complains when it is ended."""
        task = asyncio.create_task(self._serve(reader, writer), name="counted link")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await self._relay(reader, writer, there, back)
            finally:
                await _closed(back)
        except OSError:
            return  # whoever broke it off knows
        finally:
            await _closed(writer)

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        async def to_target() -> None:
            while piece := await reader.read(_PIECE):
                self.sent += len(piece)
                back.write(piece)
                await back.drain()
            back.write_eof()

        async def from_target() -> None:
            while piece := await there.read(_PIECE):
                self.received += len(piece)
                writer.write(piece)
                await writer.drain()
            writer.write_eof()

        await asyncio.gather(to_target(), from_target())

    async def close(self) -> None:
        """Break what is open."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def counted_link(target: int) -> AsyncIterator[CountedLink]:
    """A relay to a port of this machine, as long as the context lasts."""
    link = CountedLink(target)
    server = await asyncio.start_server(link.accept, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        await link.close()
