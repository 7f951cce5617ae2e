"""How an asset is written in Redis. Pure. What it cannot read is a miss: the catalog knows better."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from query_service.catalog_asset import CatalogAsset

# Part of every key. Another shape of the value gets another number: two versions of this daemon then share
# a server without reading each other's values.
SHAPE = 3


class _Kept(Struct, frozen=True, array_like=True):
    loaded_at: int  # Unix milliseconds
    asset: CatalogAsset


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)


def write_value(asset: CatalogAsset, loaded_at_ms: int) -> bytes:
    """The asset as read from the catalog at that time."""
    return _encoder.encode(_Kept(loaded_at_ms, asset))


def read_value(value: bytes, not_before_ms: int) -> CatalogAsset | None:
    """The asset in `value`; None if it is none of ours or was read from the catalog before that time."""
    try:
        kept = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return kept.asset if kept.loaded_at >= not_before_ms else None
