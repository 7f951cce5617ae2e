"""The independent record of what was acknowledged, and of what is in doubt. Used by several threads."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from deeds import Deed, Delete, Pull, Restore


@dataclass
class Register:
    """`live`: bytes of each acknowledged asset; `deleted`: those whose delete was; `doubts`: who knows.

    `trash`: deletes that can be taken back.
    """

    live: dict[str, bytes] = field(default_factory=dict)
    deleted: dict[str, bytes] = field(default_factory=dict)
    doubts: dict[str, Deed] = field(default_factory=dict)
    trash: dict[str, Delete] = field(default_factory=dict)
    pulled: set[str] = field(default_factory=set)  # those of both that came from a peer
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, deed: Deed) -> None:
        """From now on it may have happened."""
        with self.lock:
            self.doubts[deed.asset_id] = deed

    def begin_alone(self, deed: Delete | Restore) -> bool:
        """The same for an asset that exists; False when it is somebody else's already."""
        with self.lock:
            where = self.live if isinstance(deed, Delete) else self.trash
            if deed.asset_id in self.doubts or deed.asset_id not in where:
                return False
            self.doubts[deed.asset_id] = deed
            return True

    def acknowledged(self, deed: Deed) -> None:
        """It has happened, for ever."""
        with self.lock:
            del self.doubts[deed.asset_id]
            if isinstance(deed, Delete):
                self._gone(deed)
                return
            if isinstance(deed, Pull):
                self.pulled.add(deed.asset_id)
            self.deleted.pop(deed.asset_id, None)
            self.trash.pop(deed.asset_id, None)
            self.live[deed.asset_id] = deed.body

    def _gone(self, delete: Delete) -> None:
        self.deleted[delete.asset_id] = self.live.pop(delete.asset_id)
        if delete.trash_seconds is None:
            self.trash[delete.asset_id] = delete

    def restore_of_any(self, rng: random.Random) -> Restore | None:
        """One that can be taken back."""
        with self.lock:
            known = [delete for asset, delete in self.trash.items() if asset not in self.doubts]
            if not known:
                return None
            delete = rng.choice(known)
            return Restore(delete.asset_id, delete.record, self.deleted[delete.asset_id])

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
