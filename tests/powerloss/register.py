"""The independent record of what was acknowledged, and of what is in doubt. Used by several threads."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from deeds import Deed, Delete, Pull


@dataclass
class Register:
    """`live`: bytes of each acknowledged asset; `deleted`: those whose delete was; `doubts`: neither yet."""

    live: dict[str, bytes] = field(default_factory=dict)
    deleted: dict[str, bytes] = field(default_factory=dict)
    doubts: dict[str, Deed] = field(default_factory=dict)
    pulled: set[str] = field(default_factory=set)  # those of both that came from a peer
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, deed: Deed) -> None:
        """From now on it may have happened."""
        with self.lock:
            self.doubts[deed.asset_id] = deed

    def begin_alone(self, delete: Delete) -> bool:
        """The same for a delete; False when the asset is somebody else's already."""
        with self.lock:
            if delete.asset_id in self.doubts or delete.asset_id not in self.live:
                return False
            self.doubts[delete.asset_id] = delete
            return True

    def acknowledged(self, deed: Deed) -> None:
        """It has happened, for ever."""
        with self.lock:
            del self.doubts[deed.asset_id]
            if isinstance(deed, Delete):
                self.deleted[deed.asset_id] = self.live.pop(deed.asset_id)
                return
            if isinstance(deed, Pull):
                self.pulled.add(deed.asset_id)
            self.live[deed.asset_id] = deed.body

    def certain(self) -> list[tuple[str, bytes]]:
        """Assets that must be there."""
        with self.lock:
            return [(asset, body) for asset, body in self.live.items() if asset not in self.doubts]

    def any_certain(self, rng: random.Random) -> str | None:
        """One of them."""
        certain = self.certain()
        return rng.choice(certain)[0] if certain else None

    def any_body(self, rng: random.Random) -> bytes | None:
        """Bytes that were uploaded before, deleted or not."""
        with self.lock:
            bodies = [*self.live.values(), *self.deleted.values()]
        return rng.choice(bodies) if bodies else None
