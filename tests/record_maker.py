"""Asset records and events for tests."""

from __future__ import annotations

from atoll.model import AssetRecord, Blob, Picture, Tombstone

SHA = "0123456789abcdef" * 4


def a_record(**changes: object) -> AssetRecord:
    """A small JPEG's record, changed where the test cares."""
    facts: dict[str, object] = {
        "asset_id": "0" * 26,
        "public_id": "holiday/beach",
        "version": "1" * 26,
        "set": "s1",
        "blob": Blob("photos", SHA, "jpg", 1234, Picture(40, 30)),
        "created_at": 1_800_000_000_000,
        "tags": ("sea", "Küste"),
        "context": {"alt": "a beach"},
        "filename": "beach 1.jpg",
    }
    return AssetRecord(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test


def a_tombstone() -> Tombstone:
    """The end of `a_record`."""
    return Tombstone("0" * 26, "photos", "holiday/beach", "s1", "1" * 26, 1_800_000_000_001)
