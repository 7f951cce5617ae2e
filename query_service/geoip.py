"""Where an address is, by a MaxMind database of the operator's. Absent or broken: nobody is placed by it.

Owns the open database and a bounded memory of answers (a look-up in pure Python takes 100 µs). Refuses
nothing: an address that is unknown, private or no address at all simply has no place. Used by position.py.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Protocol

import maxminddb

from atoll.model import Position

log = logging.getLogger(__name__)

REMEMBERED = 10_000


class Locator(Protocol):
    """Anything that places an address."""

    def locate(self, address: str) -> Position | None:
        """Where `address` is, or None."""


class GeoIp:
    """An open database. `locate` never raises."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        self._reader = reader
        self._seen: dict[str, Position | None] = {}

    def locate(self, address: str) -> Position | None:
        """Where `address` is, or None."""
        if address not in self._seen:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()  # plainer than an LRU, and as good for addresses that come once
            self._seen[address] = self._look_up(address)
        return self._seen[address]

    def _look_up(self, address: str) -> Position | None:
        try:
            return _place(self._reader.get(address))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()


def _place(record: Any) -> Position | None:
    place = record.get("location") if isinstance(record, dict) else None
    if not isinstance(place, dict):
        return None
    lat, lon = place.get("latitude"), place.get("longitude")
    if not isinstance(lat, (int, float)) or not isinstance(lon, (int, float)):
        return None
    return Position(float(lat), float(lon)) if -90 <= lat <= 90 and -180 <= lon <= 180 else None


async def open_geoip(path: Path | None) -> GeoIp | None:
    """The database at `path`, read off the loop; None (and a line in the log) when it cannot be used."""
    if path is None:
        return None
    try:
        return GeoIp(await asyncio.to_thread(maxminddb.open_database, str(path), maxminddb.MODE_MEMORY))
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        log.error("the GeoIP database is not usable, clients are not placed by address: %s", error)
        return None
