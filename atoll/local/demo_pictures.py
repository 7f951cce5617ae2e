"""The photographs that the demo uploads. They come with the package."""

from __future__ import annotations

from importlib.resources import files

from atoll.ids import new_id


def pictures() -> list[tuple[str, bytes]]:
    """The photographs that come with the package, by name; other bytes each time.

    Bytes that an earlier demo left everywhere would "arrive" at once, and prove nothing.
    """
    folder = files("atoll.local") / "pictures"
    found = sorted((p for p in folder.iterdir() if p.name.endswith(".jpg")), key=lambda p: p.name)
    stamp = new_id().encode()
    return [(p.name.removesuffix(".jpg"), with_comment(p.read_bytes(), stamp)) for p in found]


def with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """The same picture in other bytes: a comment segment after the JPEG's start."""
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
