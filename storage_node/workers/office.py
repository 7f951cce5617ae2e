"""Home's side of a node with several processes, opened before everything else and handed to app.py's wiring.

With one process there is none of it: no board, no crew, plain locks.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from atoll.http_protocol import Server
from atoll.lifecycle import Tasks
from atoll.settings import SettingsError
from storage_node.blob_locks import BlobLocks
from storage_node.settings import NodeSettings
from storage_node.workers.board import HOME, Board, new_board
from storage_node.workers.crew import Crew
from storage_node.workers.link import Call
from storage_node.workers.shares import processes_of, share_of


@dataclass(frozen=True)
class Office:
    """`settings` are home's share of the node's."""

    settings: NodeSettings
    locks: BlobLocks
    board: Board | None = None
    crew: Crew | None = None

    async def open(self, calls: Mapping[str, Call], server: Server, tasks: Tasks) -> None:
        """Start the workers, one after the other, and see to it that they live. `Unavailable`."""
        if self.crew is None:
            return
        for number in self.crew.numbers:
            await self.crew.start(number, calls, server)
            tasks.start(f"worker {number}", self.crew.keep(number, calls, server))

    async def close(self) -> None:
        """The last request here is answered: wait for the workers'."""
        if self.crew is not None:
            await self.crew.close()


def open_office(settings: NodeSettings) -> Office:
    """Before this process keeps to a core. `SettingsError` for what this machine cannot do."""
    processes = processes_of(settings)
    if processes == 1:
        return Office(settings, BlobLocks())
    if sys.platform != "linux":
        raise SettingsError(["workers: only Linux deals connections out to several processes; leave it out"])
    _check_free(settings.listen_host, settings.listen_port)
    shares = [share_of(settings, number, processes) for number in range(processes)]
    file = new_board(processes)
    board = Board(file, processes, HOME)
    own_locks = os.open(f"/proc/self/fd/{file}", os.O_RDWR)  # opened anew: locks are its own then
    return Office(shares[HOME], BlobLocks(own_locks), board, Crew(shares, board, file))


def _check_free(host: str, port: int) -> None:
    """Processes of one user may share a port, also by mistake: two nodes would answer for each other."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
    except OSError as error:
        raise SettingsError(
            [f"listen_port: {host}:{port} cannot be listened on: {error.strerror}"]
        ) from error
