"""Uploads, pulls and deletes by several clients at once, until the power goes."""

from __future__ import annotations

import contextlib
import io
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deeds import Deed, Delete, Pull, Refused, Restore, Upload, record_now
from PIL import Image
from powered_node import PoweredNode, Unanswered
from register import Register

from atoll.ids import new_id

CLIENTS = 3
MOST_DEEDS = 25  # of each client: a cut that never comes ends all the same


def small_picture(rng: random.Random) -> bytes:
    """A picture of noise; one in twenty is longer than one chunk."""
    side = 640 if rng.random() < 0.05 else rng.randrange(4, 24)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), rng.randbytes(side * side * 3)).save(out, "PNG")
    return out.getvalue()


@dataclass
class Traffic:
    """`pulls`: what the peer still has for the node; taken from the end."""

    node: PoweredNode
    register: Register
    pulls: list[Pull]

    def run(self, seed: str) -> None:
        """Return when the node is gone, or when all is done."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            running = [clients.submit(self._client, random.Random(f"{seed}/{n}")) for n in range(CLIENTS)]
        for client in running:
            client.result()

    def _client(self, rng: random.Random) -> None:
        with contextlib.suppress(Unanswered):
            for _ in range(MOST_DEEDS):
                deed = self._next(rng)
                deed.do(self.node)
                self.register.acknowledged(deed)

    def _next(self, rng: random.Random) -> Deed:
        kind = rng.random()
        if kind < 0.25 and (delete := self._delete(rng)) is not None:
            return delete
        if kind < 0.35 and (restore := self._restore(rng)) is not None:
            return restore
        if kind < 0.55:
            with contextlib.suppress(IndexError):
                return self._begun(self.pulls.pop())
        return self._begun(self._upload(rng))

    def _begun(self, deed: Deed) -> Deed:
        self.register.begin(deed)
        return deed

    def _upload(self, rng: random.Random) -> Upload:
        again = self.register.any_body(rng) if rng.random() < 0.2 else None
        asset_id = new_id()
        return Upload(asset_id, self.node.ticket(asset_id=asset_id), again or small_picture(rng))

    def _delete(self, rng: random.Random) -> Delete | None:
        """None when there is nothing to delete, or another client was faster."""
        asset_id = self.register.any_certain(rng)
        if asset_id is None:
            return None
        record = record_now(self.node, asset_id)
        if record is None:  # another client's delete was faster
            return None
        delete = Delete(asset_id, record, rng.choice([0, None]))
        return delete if self.register.begin_alone(delete) else None

    def _restore(self, rng: random.Random) -> Restore | None:
        restore = self.register.restore_of_any(rng)
        return restore if restore is not None and self.register.begin_alone(restore) else None


def settle(node: PoweredNode, register: Register) -> None:
    """Repeat what is in doubt, as clients do: it must succeed now."""
    for deed in list(register.doubts.values()):
        try:
            deed.do(node, again=True)
        except Refused as refused:
            raise AssertionError(f"what was in doubt cannot be repeated: {deed}: {refused}") from refused
        register.acknowledged(deed)
