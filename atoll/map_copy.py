"""The last-known-good copy of the cluster map: the entries we believe, sealed as they came and as values.

Owned by `LiveClusterMap`. Refuses whatever does not open with the cluster secret and counts it once. A
refused value changes nothing: who can only write to the bucket must not make a node vanish by writing
nonsense over its entry.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from atoll.cluster import BadEntry, ClusterMap, Entry, open_entry
from atoll.signing import Keys

log = logging.getLogger(__name__)


class _File(Struct):
    """On disk: when the bucket was made, and the sealed entries by key."""

    made: str = ""
    entries: dict[str, msgspec.Raw] = {}


class MapCopy:
    """`made` is when the bucket was made that the entries came from; empty before the first."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._sealed: dict[str, bytes] = {}
        self._entries: dict[str, Entry] = {}
        self._refused: dict[str, int] = {}
        self.made = ""
        self.bad_entries = 0

    def take(self, key: str, value: bytes | None, revision: int) -> bool:
        """Believe `value` (None: the entry is gone). False if that changes nothing."""
        if value is None:
            self._refused.pop(key, None)
            self._sealed.pop(key, None)
            return self._entries.pop(key, None) is not None
        if self._sealed.get(key) == value:
            return False
        try:
            self._entries[key] = open_entry(key, value, self._keys)
        except BadEntry as error:
            self._refuse(key, revision, error)
            return False
        self._sealed[key] = value
        return True

    def _refuse(self, key: str, revision: int, error: BadEntry) -> None:
        if self._refused.get(key) != revision:  # every snapshot shows it again
            self._refused[key] = revision
            self.bad_entries += 1
            log.error("cluster map entry refused: %s", str(error)[:300])

    def others(self, named: Iterable[str]) -> dict[str, bytes]:
        """The sealed entries whose keys are not among `named`."""
        passed_over = set(named)
        return {key: value for key, value in self._sealed.items() if key not in passed_over}

    def as_map(self) -> ClusterMap:
        """What we believe, as a value."""
        return ClusterMap.of(self._entries.values())

    def encode(self) -> bytes:
        """As kept on disk."""
        return msgspec.json.encode(_File(self.made, {k: msgspec.Raw(v) for k, v in self._sealed.items()}))

    def decode(self, body: bytes) -> None:
        """Take what `encode` made, entry by entry. `MsgspecError` when it is no such file."""
        file = msgspec.json.decode(body, type=_File)
        self.made = file.made
        for key, value in file.entries.items():
            self.take(key, bytes(value), 0)
