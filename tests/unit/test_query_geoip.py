"""Clients placed by address, with a real database made here."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from atoll.model import Position
from query_service.geoip import open_geoip


@pytest.fixture
def database(tmp_path: Path) -> Path:
    writer = MMDBWriter(6, "Test-City", ipv4_compatible=True)
    places = {
        "203.0.113.0/24": {"location": {"latitude": 48.5, "longitude": 2.25}},
        "198.51.100.0/24": {"location": {"latitude": 148.5, "longitude": 2.25}},
        "192.0.2.0/24": {"location": {"accuracy_radius": 5}},
        "100.64.0.0/24": {"country": {"iso_code": "FR"}},
    }
    for network, place in places.items():
        writer.insert_network(IPSet([network]), place)
    path = tmp_path / "city.mmdb"
    writer.to_db_file(str(path))
    return path


async def test_an_address_is_placed(database: Path) -> None:
    geoip = await open_geoip(database)
    assert geoip is not None
    assert geoip.locate("203.0.113.7") == Position(48.5, 2.25)
    assert geoip.locate("203.0.113.7") == Position(48.5, 2.25)
    geoip.close()


@pytest.mark.parametrize(
    "address", ["198.51.100.1", "192.0.2.1", "100.64.0.1", "127.0.0.1", "::1", "nonsense", ""]
)
async def test_an_address_without_a_usable_place_has_none(database: Path, address: str) -> None:
    geoip = await open_geoip(database)
    assert geoip is not None
    assert geoip.locate(address) is None
    geoip.close()


async def test_what_is_remembered_is_bounded(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_service.geoip.REMEMBERED", 3)
    geoip = await open_geoip(database)
    assert geoip is not None
    for n in range(10):
        geoip.locate(f"203.0.113.{n}")
    assert len(geoip._seen) <= 3
    geoip.close()


async def test_a_missing_or_broken_database_is_said_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.mmdb").write_bytes(b"no database")
    assert await open_geoip(None) is None
    assert await open_geoip(tmp_path / "missing.mmdb") is None
    assert await open_geoip(tmp_path / "broken.mmdb") is None
    assert len(caplog.records) == 2
