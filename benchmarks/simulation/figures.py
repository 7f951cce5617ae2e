"""Every number that the simulation takes from outside, with where it was published. Pure.

What nobody publishes is an assumption, and called so; docs/scale.md lists them all.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

from msgspec import Struct

from atoll.placement import distance_km
from benchmarks.simulation.regions import REGIONS

# Round-trip times on Azure's backbone in ms, 95th percentile of the 30 days to 2026-07-30:
# https://learn.microsoft.com/azure/networking/azure-network-latency
PUBLISHED_RTT_MS = {
    ("us-east", "us-west"): 74, ("us-east", "us-central"): 35, ("us-east", "canada-central"): 21,
    ("us-east", "brazil-south"): 121, ("us-east", "mexico-central"): 66, ("us-east", "uk-south"): 80,
    ("us-east", "ireland"): 76, ("us-east", "netherlands"): 91, ("us-east", "germany-west"): 97,
    ("us-east", "japan-east"): 165, ("us-east", "singapore"): 229, ("us-east", "australia-east"): 206,
    ("us-east", "india-central"): 218, ("us-east", "south-africa-north"): 225, ("us-east", "uae-north"): 191,
    ("us-west", "japan-east"): 109, ("us-west", "singapore"): 171, ("us-west", "australia-east"): 141,
    ("netherlands", "france-central"): 15, ("netherlands", "germany-west"): 14,
    ("netherlands", "switzerland-north"): 20, ("netherlands", "spain-central"): 30,
    ("netherlands", "sweden-central"): 31, ("netherlands", "poland-central"): 28,
    ("netherlands", "israel-central"): 66, ("netherlands", "south-africa-north"): 171,
    ("netherlands", "uae-north"): 123, ("netherlands", "india-central"): 153,
    ("netherlands", "singapore"): 181, ("netherlands", "japan-east"): 240,
    ("netherlands", "australia-east"): 282, ("netherlands", "brazil-south"): 189,
    ("japan-east", "korea-central"): 36, ("japan-east", "hong-kong"): 53, ("japan-east", "singapore"): 74,
    ("japan-east", "australia-east"): 105, ("japan-east", "india-central"): 129,
    ("singapore", "indonesia-central"): 19, ("singapore", "malaysia-west"): 11,
    ("singapore", "hong-kong"): 40, ("singapore", "india-central"): 59,
    ("australia-east", "new-zealand-north"): 30, ("india-central", "uae-north"): 35,
}  # fmt: skip


class RoundTrip(NamedTuple):
    """Milliseconds for two places so many km apart; `error` is the published pairs' root mean square."""

    base_ms: float
    ms_per_km: float
    error_ms: float

    def ms(self, km: float) -> float:
        """What the line says."""
        return self.base_ms + self.ms_per_km * km


def fitted_round_trip() -> RoundTrip:
    """The line through the published pairs, by great-circle distance (least squares)."""
    places = {region.name: region.position for region, _ in REGIONS}
    kms = [distance_km(places[a], places[b]) for a, b in PUBLISHED_RTT_MS]
    slope, base = statistics.linear_regression(kms, list(PUBLISHED_RTT_MS.values()))
    left = [ms - base - slope * km for km, ms in zip(kms, PUBLISHED_RTT_MS.values(), strict=True)]
    return RoundTrip(base, slope, statistics.fmean(error * error for error in left) ** 0.5)


class Figures(Struct, frozen=True):
    """What a run is made with. Bytes, seconds, US dollars."""

    # Assumption: a photograph of some 2,000 pixels. Everything in bytes is proportional to it.
    image_bytes: int = 300_000
    # A general-purpose cloud volume (EBS gp3) gives 125 MiB/s, 3,000 operations/s and $0.08 per GB and month:
    # https://aws.amazon.com/ebs/general-purpose/ (seen in copies of 2026-02)
    disk_bytes_per_second: int = 125 * 2**20
    disk_gb_month: float = 0.08
    # A throughput-optimised disk volume (EBS st1): https://aws.amazon.com/ebs/pricing/ (2026-02)
    slow_disk_gb_month: float = 0.045
    # m7g.large, 2 vCPU and 8 GiB, us-east-1, on demand: $0.0816 an hour, 730 hours
    # (https://aws.amazon.com/ec2/pricing/on-demand/, June 2026)
    node_month: float = 59.57
    # Between two regions, and to readers beyond 150 TB a month: https://aws.amazon.com/ec2/pricing/on-demand/
    # (data transfer, June 2026)
    region_gb: float = 0.02
    reader_gb: float = 0.05
    # Hard disks that fail in a year: https://www.backblaze.com/blog/backblaze-drive-stats-for-2025/
    disk_failures_a_year: float = 0.0136
    # Six pulls at once copied 129 pictures a second in `make bench-backfill` (docs/performance.md): a pull's
    # own work, beside what the network takes.
    pull_seconds: float = 6 / 129
    # Assumption: until machines for a lost region stand and have joined.
    replace_seconds: float = 3600.0
    # Assumption: one long-haul connection carries so much, however far.
    flow_bytes_per_second: float = 25e6
