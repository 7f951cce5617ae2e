"""What people write to mean one image: an asset id, a bucket and public_id, or a handle. Pure.

01jd…                       an asset id (26 characters, no slash)
photos/travel/beach         bucket and public_id
photos/<set>/<sha256>.jpg   bucket and handle; a URL that a node serves means the same
"""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from atoll.errors import BadName
from atoll.ids import ID_LENGTH, named_asset_id
from atoll.names import Handle, check_bucket, check_public_id, parse_handle


@dataclass(frozen=True, slots=True)
class Reference:
    """One image, in exactly one of the three ways."""

    asset_id: str | None = None
    bucket: str | None = None
    public_id: str | None = None
    handle: Handle | None = None

    def item(self) -> dict[str, str]:
        """As an item of `POST /v1/resolve`."""
        if self.asset_id is not None:
            return {"asset_id": self.asset_id}
        assert self.bucket is not None
        if self.handle is not None:
            return {"bucket": self.bucket, "handle": str(self.handle)}
        assert self.public_id is not None
        return {"bucket": self.bucket, "public_id": self.public_id}

    def asset(self) -> str:
        """The asset's id, which follows from its name; `BadName` for a handle, which names bytes."""
        if self.asset_id is not None:
            return self.asset_id
        if self.bucket is None or self.public_id is None:
            raise BadName("A handle names bytes; say which asset: its id, or BUCKET/PUBLIC_ID.", name="asset")
        if _is_id(self.public_id) and self.public_id.startswith("0"):
            return self.public_id  # nobody gave it a name: its generated id is its public_id
        return named_asset_id(self.bucket, self.public_id)


def _is_id(text: str) -> bool:
    return len(text) == ID_LENGTH and text.isascii() and text.isalnum() and text == text.lower()


def parse_reference(text: str, bucket: str | None = None) -> Reference:
    """What `text` means; inside `bucket` if one is given. `BadName` when it means nothing."""
    if bucket is not None:
        return _inside(check_bucket(bucket), text)
    if text.startswith(("http://", "https://")):
        text = URL(text).path
    first, slash, rest = text.removeprefix("/").partition("/")
    if slash:
        return _inside(check_bucket(first), rest)
    if _is_id(text):
        return Reference(asset_id=text)
    raise BadName(
        "This is neither an asset id (26 characters) nor BUCKET/PUBLIC_ID nor BUCKET/SET/SHA256.EXT.",
        name="reference",
        got=text[:80],
    )


def _inside(bucket: str, rest: str) -> Reference:
    try:
        return Reference(bucket=bucket, handle=parse_handle(rest))
    except BadName:
        return Reference(bucket=bucket, public_id=check_public_id(rest))
