"""One worker process as home sees it: its process, its link, and the connections it hands over. I/O."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress

from atoll.errors import Unavailable
from atoll.http_protocol import Server
from storage_node.workers import passing
from storage_node.workers.link import Call, Link

AWAKE, SERVES = "awake", "serves"  # what a worker says: before it listens, and once it does


class Employee:
    """Made by `hire`; `close` when it has ended."""

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number, self._process = number, process
        self._serving = asyncio.Event()
        self.awake = False  # before, it has answered nobody, and remembers nothing
        self._tellings: set[asyncio.Future[bytes]] = set()
        self._link: Link
        self._taking: passing.Taking

    @classmethod
    async def hire(
        cls,
        number: int,
        command: Sequence[str],
        letter: bytes,
        calls: Mapping[str, Call],
        server: Server,
        board: int,
    ) -> Employee:
        """Start the process and open its link; what is told from now on reaches it."""
        ours, theirs = socket.socketpair()
        taking, giving = passing.new_pair()
        files = (theirs.fileno(), giving.fileno(), board)
        with theirs, giving, ExitStack() as unless_started:
            unless_started.enter_context(ours)
            unless_started.enter_context(taking)
            process = await asyncio.create_subprocess_exec(
                *command,
                *map(str, files),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=files,
                start_new_session=True,  # a terminal's Ctrl-C is for home, which ends its workers in order
            )
            unless_started.pop_all()
        one = cls(number, process)
        one._link = Link({**calls, AWAKE: one._wakes, SERVES: one._serves}, lambda: None)
        ours.setblocking(False)
        await one._link.open(ours)
        one._taking = passing.Taking(taking, server)
        await one._hand_in(letter)
        return one

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_serving(self) -> bool:
        """Whether it has said that it listens."""
        return self._serving.is_set()

    async def serves(self) -> None:
        """Return once it says so; `Unavailable` when it ended instead."""
        serving = asyncio.ensure_future(self._serving.wait())
        ended = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not self._serving.is_set():
                raise Unavailable(f"Worker {self.number} ended at its start.")
        finally:
            serving.cancel()
            ended.cancel()

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    def ask(self, name: str, body: bytes) -> asyncio.Future[bytes]:
        """See `Link.call`."""
        return self._link.call(name, body)

    def tell(self, name: str, body: bytes) -> None:
        """The same when nobody waits for the answer."""
        telling = self._link.call(name, body)
        self._tellings.add(telling)
        telling.add_done_callback(self._told)

    def kill(self) -> None:
        """SIGKILL."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> None:
        """Let go of what led to it."""
        self._taking.close()

    def _told(self, telling: asyncio.Future[bytes]) -> None:
        self._tellings.discard(telling)
        if not telling.cancelled():
            telling.exception()  # it has ended; whoever watches it knows

    async def _wakes(self, _body: bytes) -> bytes:
        self.awake = True
        return b""

    async def _serves(self, _body: bytes) -> bytes:
        self._serving.set()
        return b""

    async def _hand_in(self, letter: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(ConnectionError):  # it has ended already
            stdin.write(letter)
            await stdin.drain()
        stdin.close()
