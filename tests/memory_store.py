"""A blob store in memory for tests of what stands on it. Passes the conformance suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from atoll.errors import AtollError
from storage_node.store import BlobKey, Space, Staged


class MemoryStaged:
    """Bytes on their way in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = bytearray()
        self.synced = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data
        self.synced = False

    def sync(self) -> None:
        self.synced = True

    def close(self) -> None:
        self.data.clear()

    def discard(self) -> None:
        self.data.clear()


class MemoryStore:
    """Refuses to publish bytes that were not synced, which a disk would only show at a power cut."""

    def __init__(self) -> None:
        self.blobs: dict[BlobKey, bytes] = {}
        self.quarantined: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._count = 0

    def stage(self) -> MemoryStaged:
        with self._lock:
            self._count += 1
            return MemoryStaged(Path(f"/memory/incoming/{self._count}"))

    def publish(self, staged: Staged, key: BlobKey) -> None:
        assert isinstance(staged, MemoryStaged)
        assert staged.synced, "published before it was synced"
        with self._lock:
            self.blobs[key] = bytes(staged.data)
        staged.close()

    def publish_all(self, some: Sequence[tuple[Staged, BlobKey]]) -> list[AtollError | None]:
        for staged, key in some:
            self.publish(staged, key)
        return [None] * len(some)

    def read(self, key: BlobKey, start: int = 0, length: int | None = None) -> bytes | None:
        data = self.blobs.get(key)
        return None if data is None else data[start : None if length is None else start + length]

    def path(self, key: BlobKey) -> Path:
        return Path(f"/memory/{key.bucket}/{key.sha256}.{key.ext}")

    def scan(self, key: BlobKey) -> Iterator[bytes]:
        data = self.blobs.get(key, b"")
        yield from (data[start : start + 1000] for start in range(0, len(data), 1000))

    def size(self, key: BlobKey) -> int | None:
        data = self.blobs.get(key)
        return None if data is None else len(data)

    def remove(self, key: BlobKey) -> bool:
        with self._lock:
            return self.blobs.pop(key, None) is not None

    def quarantine(self, key: BlobKey) -> Path | None:
        with self._lock:
            data = self.blobs.pop(key, None)
            if data is None:
                return None
            self.quarantined[_name(key)] = data
            return Path(f"/memory/quarantine/{_name(key)}")

    def read_quarantined(self, key: BlobKey, start: int, length: int) -> bytes | None:
        data = self.quarantined.get(_name(key))
        return None if data is None else data[start : start + length]

    def remove_quarantined(self, key: BlobKey) -> bool:
        with self._lock:
            return self.quarantined.pop(_name(key), None) is not None

    def space(self) -> Space:
        used = sum(map(len, self.blobs.values()))
        return Space(2**40, 2**40 - used, 0)

    def probe(self) -> None:
        return

    def clear_staged(self) -> int:
        return 0


def _name(key: BlobKey) -> str:
    return f"{key.bucket}.{key.sha256}.{key.ext}"
