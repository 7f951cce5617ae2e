"""The NATS driver's client, but that it comes back whatever the server said as it closed a connection. I/O.

To the driver each last word of a server but two (`Stale Connection`, `Permissions Violation`) is an end for
good: it closes itself, and no setting has it connect again. A daemon would be deaf until somebody starts it
anew, for a consumer that was slow once, or a login that had expired and is good again.

And when the server's first ping overtakes its answer to ours, as it may where the client is kept waiting for
two seconds, the driver takes itself for not connected, until the server gives it up minutes later. Used by
bus.py only.
"""

from __future__ import annotations

import time

import nats.errors
from nats.aio.client import Client
from nats.protocol.parser import PERMISSIONS_ERR


class LastingClient(Client):
    """Reconnects as after a lost connection, at the pace of `reconnect_time_wait`."""

    async def _process_connect_init(self) -> None:
        """The driver's greeting; it returns where the server has taken it, or refuses by raising."""
        await super()._process_connect_init()
        if self.is_connecting:
            self._status = Client.CONNECTED

    async def _process_err(self, err_msg: str) -> None:
        """What the driver's parser calls with the server's words, in lower case and quoted."""
        if PERMISSIONS_ERR in err_msg:  # the server refused one subject, and goes on
            await super()._process_err(err_msg)
            return
        error = nats.errors.Error(f"nats: {err_msg.strip(chr(39))}")
        await self._error_cb(error)
        if self._current_server is not None:  # or who is sent away at once would come back without a pause
            self._current_server.last_attempt = time.monotonic()
        await self._process_op_err(error)
