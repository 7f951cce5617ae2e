"""Of sockets that share a port, the one of the core that took a connection in gets it."""

from __future__ import annotations

import os
import platform
import socket
import sys
import threading
from typing import Any

import pytest

from atoll.settings import SettingsError
from storage_node.near_sockets import near_sockets
from storage_node.one_core import ANY
from storage_node.settings import NodeSettings

linux = pytest.mark.skipif(sys.platform != "linux", reason="SO_INCOMING_CPU is Linux's")


def settings(**more: Any) -> NodeSettings:
    fields = {"listen_host": "127.0.0.1", "listen_port": 0, "near_connections": True, "core": 0} | more
    made = object.__new__(NodeSettings)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def test_nothing_is_bound_where_it_is_not_wished() -> None:
    assert near_sockets(settings(near_connections=False, core=ANY), shared=False) == []


@pytest.mark.parametrize(("core", "shared"), [(ANY, True), (0, False)])
def test_it_needs_a_core_and_another_process(core: int, shared: bool) -> None:
    with pytest.raises(SettingsError, match="needs `workers` above 1 and `core`"):
        near_sockets(settings(core=core), shared=shared)


@linux
def test_an_address_that_is_not_ours_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(SettingsError, match="cannot listen on"):
        near_sockets(settings(listen_host="192.0.2.1"), shared=True)


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_socket_is_bound_shared_and_names_its_core(host: str) -> None:
    (sock,) = near_sockets(settings(listen_host=host), shared=True)
    with sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_INCOMING_CPU) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 1
        assert not sock.getblocking()
        (again,) = near_sockets(settings(listen_host=host, listen_port=sock.getsockname()[1]), shared=True)
        again.close()


def kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])


@linux
@pytest.mark.skipif(sys.platform == "linux" and len(os.sched_getaffinity(0)) < 2, reason="one core only")
@pytest.mark.skipif(sys.platform == "linux" and kernel() < (6, 2), reason="a kernel that does not heed it")
def test_a_connection_made_on_a_core_comes_to_the_socket_of_that_core() -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    (first,) = near_sockets(settings(core=cores[0]), shared=True)
    port = first.getsockname()[1]
    (second,) = near_sockets(settings(core=cores[1], listen_port=port), shared=True)
    with first, second:
        for sock in (first, second):
            sock.listen(64)
        for core, wanted, other in ((cores[0], first, second), (cores[1], second, first)):
            connections = connected_on(core, port, 16)
            for _ in connections:
                accepted, _ = wanted.accept()
                accepted.close()
            with pytest.raises(BlockingIOError):
                other.accept()
            for connection in connections:
                connection.close()


def connected_on(core: int, port: int, count: int) -> list[socket.socket]:
    """Connections that a thread on this core made."""
    made: list[socket.socket] = []

    def connect() -> None:
        os.sched_setaffinity(0, {core})
        made.extend(socket.create_connection(("127.0.0.1", port)) for _ in range(count))

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    return made
