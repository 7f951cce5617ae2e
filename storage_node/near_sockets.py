"""The setting `near_connections`: a connection goes to the process on the core that took it in. Linux.

Processes that share a port (`SO_REUSEPORT`) get connections by a hash of their addresses, wherever their
packets are handled: then each request wakes another core, which on virtual machines can cost as much as the
answer. With `SO_INCOMING_CPU` the kernel prefers, of the listening sockets, the one that names the core which
handles the first packet (socket(7); of a group that shares a port since Linux 6.2). It pays where a network
card has a queue for each core, or clients are on the same machine; with a single queue one process gets all.
"""

from __future__ import annotations

import socket

from atoll.settings import SettingsError
from storage_node.one_core import ANY
from storage_node.settings import NodeSettings


def near_sockets(settings: NodeSettings, *, shared: bool) -> list[socket.socket]:
    """Bound sockets that prefer connections of this process's core; none when that is not wished.

    `shared`: by several processes. `SettingsError` without a core or other processes, and where the address
    cannot be had. Blocking: a name for `listen_host` is looked up.
    """
    if not settings.near_connections:
        return []
    if not shared or settings.core == ANY:
        raise SettingsError(["near_connections: needs `workers` above 1 and `core`"])
    found = socket.getaddrinfo(
        settings.listen_host, settings.listen_port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return [_near(family, address, settings.core) for family, _, _, _, address in dict.fromkeys(found)]


def _near(family: int, address: object, core: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_INCOMING_CPU, core)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)  # type: ignore[arg-type]  # as getaddrinfo gave it
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise SettingsError([f"near_connections: cannot listen on {address}: {error.strerror}"]) from error
    return sock
