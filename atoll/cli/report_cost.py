"""What it costs: the cluster as it stands, times a small table of prices that you edit. I/O in `load`.

Prices are of one region each, else `[default]`. Nothing is fetched, no provider is meant: the prices built
in are round figures to begin with, and the page says of when they are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from atoll.cli.report_facts import Facts
from atoll.settings import SettingsError

GB = 1e9
MAX_FILE = 256 * 1024


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one region. `node_month`: a machine; `disk_gb_month`: a GB of its disk, used or not; `egress_gb`: a
    GB that leaves the region, to readers or to other regions."""

    node_month: float = 20.0
    disk_gb_month: float = 0.05
    egress_gb: float = 0.02

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) <= 1e9:
                raise ValueError(f"{name} must be 0 to 1,000,000,000")


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """The table. `dated`: when somebody last looked at it."""

    currency: str = "USD"
    dated: str = "2026-11"
    note: str = "round figures, of no provider: give your own with --prices"
    default: Price = Price()
    regions: dict[str, Price] = {}

    def of(self, region: str) -> Price:
        """A region's."""
        return self.regions.get(region, self.default)


class Cost(Struct, frozen=True):
    """Per month: machines, disks, both. Then what one more costs; None: there is nothing to divide by.

    `million_images_month`: standing cost for each million images held; `gb_month`: for each GB of images;
    `upload_gb`: a GB of new images, sent to its other regions; `read_gb` and `million_reads`: out to readers
    (the mean of the regions; an image's mean size, and no derivatives).
    """

    currency: str
    dated: str
    note: str
    machines: float
    disks: float
    month: float
    million_images_month: float | None
    gb_month: float | None
    upload_gb: float
    read_gb: float
    million_reads: float | None


def load(path: Path | None) -> Prices:
    """The table at `path`; None: the one built in. `SettingsError` for one that cannot be used."""
    if path is None:
        return Prices()
    try:
        body = path.read_bytes()
        if len(body) > MAX_FILE:
            raise SettingsError([f"{path}: is larger than {MAX_FILE} bytes"])
        return msgspec.convert(_inherited(tomllib.loads(body.decode())), Prices)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{path}: {error}"]) from error


def _inherited(table: dict[str, Any]) -> dict[str, Any]:
    """What a region leaves out is the default's."""
    default, regions = table.get("default", {}), table.get("regions", {})
    if not isinstance(default, dict) or not isinstance(regions, dict):
        return table  # refused by its types
    own = {
        name: {**default, **price} if isinstance(price, dict) else price for name, price in regions.items()
    }
    return {**table, "regions": own}


def estimate(facts: Facts, prices: Prices) -> Cost:
    """Of the cluster as it stands."""
    machines = sum(prices.of(node.region).node_month for node in facts.nodes)
    disks = sum((node.bytes_total or 0) / GB * prices.of(node.region).disk_gb_month for node in facts.nodes)
    month, read = machines + disks, _mean(prices.of(node.region).egress_gb for node in facts.nodes)
    images, gigabytes = facts.images, facts.image_bytes / GB
    copies = max((len({m.region for m in s.members}) for s in facts.sets if not s.sealed), default=1)
    return Cost(
        prices.currency,
        prices.dated,
        prices.note,
        machines,
        disks,
        month,
        month / images * 1e6 if images else None,
        month / gigabytes if gigabytes else None,
        read * (copies - 1),
        read,
        gigabytes / images * 1e6 * read if images else None,
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
