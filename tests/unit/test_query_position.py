"""Where a client is: the order of what is believed, and what is not believed at all."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from query_cluster import ASIA, EU, US, cluster

from atoll.cluster import ClusterMap
from atoll.errors import BadRequest, Unavailable
from atoll.model import Position
from query_service.position import PositionFinder, ProxyTrust

PROXY, STRANGER = "10.0.0.9", "203.0.113.7"
TRUST = ProxyTrust(("10.0.0.0/8", "fd00::/8"), "X-Lat", "X-Lon")


class Places:
    """A locator that knows a few addresses."""

    def __init__(self, **places: Position) -> None:
        self._places = {address.replace("_", "."): place for address, place in places.items()}
        self.asked: list[str] = []

    def locate(self, address: str) -> Position | None:
        self.asked.append(address)
        return self._places.get(address)


def finder(trust: ProxyTrust = TRUST, geoip: Places | None = None) -> PositionFinder:
    return PositionFinder(cluster, "eu", trust, geoip)


def request(path: str = "/", remote: str = STRANGER, **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", path, headers=named).clone(remote=remote)


def test_numbers_win_over_everything() -> None:
    asked = request("/?lat=1&lon=2&region=us", PROXY, X_Lat="3", X_Lon="4")
    assert finder().of(asked) == Position(1, 2)


def test_a_region_wins_over_a_proxy() -> None:
    assert finder().of(request("/?region=us", PROXY, X_Lat="3", X_Lon="4")) == US


def test_a_trusted_proxys_numbers_win_over_geoip() -> None:
    geoip = Places(**{"203_0_113_7": ASIA})
    asked = request("/", PROXY, X_Lat="3", X_Lon="4", X_Forwarded_For=STRANGER)
    assert finder(geoip=geoip).of(asked) == Position(3, 4)


def test_geoip_wins_over_the_own_region() -> None:
    assert finder(geoip=Places(**{"203_0_113_7": ASIA})).of(request()) == ASIA


def test_without_any_hint_it_is_the_own_region() -> None:
    assert finder().of(request()) == EU
    assert finder(ProxyTrust(), None).of(request()) == EU


def test_a_strangers_headers_are_not_believed() -> None:
    geoip = Places(**{"198_51_100_1": US})
    asked = request("/", STRANGER, X_Lat="3", X_Lon="4", X_Forwarded_For="198.51.100.1")
    assert finder(geoip=geoip).of(asked) == EU
    assert geoip.asked == [STRANGER]


def test_behind_proxies_the_last_address_that_is_not_a_proxy_counts() -> None:
    geoip = Places(**{"198_51_100_1": US, "203_0_113_7": ASIA})
    asked = request("/", PROXY, X_Forwarded_For=f"198.51.100.1, {STRANGER}, 10.1.2.3")
    assert finder(geoip=geoip).of(asked) == ASIA


@pytest.mark.parametrize("hop", [f"{STRANGER}:4711", f"::ffff:{STRANGER}", f"[::ffff:{STRANGER}]:80"])
def test_addresses_are_read_as_proxies_write_them(hop: str) -> None:
    geoip = Places(**{"203_0_113_7": ASIA})
    assert finder(geoip=geoip).of(request("/", PROXY, X_Forwarded_For=hop)) == ASIA


@pytest.mark.parametrize("hops", ["", "nonsense", "unknown, ,", "10.0.0.1", "1.2.3.4.5"])
def test_forwarded_nonsense_falls_back_to_the_own_region(hops: str) -> None:
    assert finder(geoip=Places()).of(request("/", PROXY, X_Forwarded_For=hops)) == EU


def test_an_endless_forwarded_header_is_read_from_its_end_only() -> None:
    geoip = Places(**{"203_0_113_7": ASIA})
    hops = ", ".join([STRANGER, *["10.0.0.1"] * 500])
    assert finder(geoip=geoip).of(request("/", PROXY, X_Forwarded_For=hops)) == EU
    assert geoip.asked == []


@pytest.mark.parametrize(("lat", "lon"), [("91", "0"), ("x", "1"), ("", ""), ("nan", "nan"), ("1", "inf")])
def test_a_proxys_wrong_numbers_are_passed_over(lat: str, lon: str) -> None:
    assert finder().of(request("/", PROXY, X_Lat=lat, X_Lon=lon)) == EU


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("lat=91&lon=0", "lat"),
        ("lat=0&lon=-180.1", "lon"),
        ("lat=nan&lon=0", "lat"),
        ("lat=inf&lon=0", "lat"),
        ("lat=abc&lon=0", "lat"),
        ("lat=&lon=0", "lat"),
        ("lat=1", "lon"),
        ("lon=1", "lat"),
        ("region=mars", "region"),
        ("region=", "region"),
    ],
)
def test_a_clients_wrong_position_is_its_mistake(query: str, parameter: str) -> None:
    with pytest.raises(BadRequest) as caught:
        finder().of(request("/?" + query))
    assert caught.value.facts["parameter"] == parameter


def test_without_a_map_it_says_so() -> None:
    with pytest.raises(Unavailable) as caught:
        PositionFinder(ClusterMap, "eu", TRUST, None).of(request())
    assert caught.value.facts["retry_after"] == 1


def test_an_answer_depends_on_headers_only_behind_a_trusted_proxy() -> None:
    assert finder().vary(request()) is None
    assert finder().vary(request("/?lat=1&lon=2", PROXY)) is None
    assert finder().vary(request("/", PROXY)) == "X-Lat, X-Lon, X-Forwarded-For"
    assert finder(ProxyTrust(("10.0.0.0/8",))).vary(request("/", PROXY)) == "X-Forwarded-For"
