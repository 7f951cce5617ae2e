"""What services ask for keeping and showing images, as published, and the arithmetic on it. Pure.

Each list has the address and the day of what was read. Lists change: look before you rely on one. Free
allowances, volume discounts, taxes and contracts are left out. Used by `atoll cost`; docs/cost.md shows them.
"""

from __future__ import annotations

from msgspec import Struct

from atoll.cli.report_cost import Price

GB = 1e9


class Use(Struct, frozen=True):
    """A month: `images` held, and `new` among them, of `mean_bytes`; each has so many `renditions` of
    `rendition_bytes`, which are kept; `views` of those."""

    images: float = 1_000_000
    new: float = 50_000
    mean_bytes: float = 500_000
    renditions: float = 3
    rendition_bytes: float = 50_000
    views: float = 10_000_000

    @property
    def held_gb(self) -> float:
        """Originals."""
        return self.images * self.mean_bytes / GB

    @property
    def rendition_gb(self) -> float:
        """Renditions that are kept."""
        return self.images * self.renditions * self.rendition_bytes / GB

    @property
    def read_gb(self) -> float:
        """Sent to readers."""
        return self.views * self.rendition_bytes / GB


class PriceList(Struct, frozen=True):
    """US dollars, by a month where something is held. `held_gb` is of originals; `made`: a rendition made;
    `taken`: an image taken in. `read_on`: the day of the copy that was read, or "undated"; `second_hand`: a
    list that others keep, not the maker's own page. `note`: what is in it, or not."""

    name: str
    sources: tuple[str, ...]
    read_on: str
    second_hand: bool = False
    month: float = 0.0
    image: float = 0.0
    held_gb: float = 0.0
    rendition_gb: float = 0.0
    taken: float = 0.0
    made: float = 0.0
    view: float = 0.0
    read_gb: float = 0.0
    note: str = ""

    def bill(self, use: Use) -> float:
        """Of a month."""
        return (
            self.month
            + use.images * self.image
            + use.held_gb * self.held_gb
            + use.rendition_gb * self.rendition_gb
            + use.new * (self.taken + use.renditions * self.made)
            + use.views * self.view
            + use.read_gb * self.read_gb
        )

    def million_held(self, mean_bytes: float) -> float:
        """A million images of this size, for a month, that nobody looks at."""
        return 1e6 * (self.image + mean_bytes / GB * self.held_gb)


CLOUDINARY_CREDIT = 249 / 600  # the plan Advanced, by the month
IMGIX_CREDIT = 300 / 1875  # the bundle Growth
S3_GB = 0.023  # S3 Standard, us-east-1, the first 50 TB

LISTS = (
    PriceList(
        "Cloudinary",
        ("https://cloudinary.com/pricing", "https://cloudinary.com/documentation/developer_onboarding_faq"),
        "2026-05-04",
        second_hand=True,
        held_gb=CLOUDINARY_CREDIT,
        rendition_gb=CLOUDINARY_CREDIT,
        taken=CLOUDINARY_CREDIT / 1000,
        made=CLOUDINARY_CREDIT / 1000,
        read_gb=CLOUDINARY_CREDIT,
    ),
    PriceList(
        "S3 and CloudFront",
        ("https://aws.amazon.com/s3/pricing/", "https://aws.amazon.com/cloudfront/pricing/"),
        "undated",
        second_hand=True,
        held_gb=S3_GB,
        taken=0.005 / 1000,
        view=0.01 / 10_000,
        read_gb=0.085,
        note="without renditions: something of yours makes and keeps them",
    ),
    PriceList(
        "Cloudflare Images",
        ("https://developers.cloudflare.com/images/pricing/",),
        "undated",
        image=5 / 100_000,
        view=1 / 100_000,
    ),
    PriceList(
        "imgix",
        ("https://www.imgix.com/pricing", "https://www.imgix.com/pricing-faq"),
        "2026-05-04",
        second_hand=True,
        held_gb=S3_GB,
        rendition_gb=2 * IMGIX_CREDIT,
        made=IMGIX_CREDIT / 500,
        read_gb=IMGIX_CREDIT,
        note="with S3 for the originals; without what its cache forgets and makes again",
    ),
    PriceList(
        "Bunny",
        ("https://docs.bunny.net/cdn/pricing", "https://docs.bunny.net/optimizer/pricing"),
        "2026-09-20",
        month=9.5,
        held_gb=S3_GB,
        read_gb=0.01,
        note="with S3 for the originals, without what S3 asks for handing them over; Europe, North America",
    ),
)


class Machines(Struct, frozen=True):
    """What Atoll runs on: nodes of one set, each in a region of its own, each with a disk."""

    nodes: float = 3
    disk_gb: float = 1000

    def bill(self, use: Use, price: Price) -> float:
        """Machines, disks, what readers take, and what new images take to the other regions."""
        egress = use.read_gb + use.new * use.mean_bytes / GB * max(0.0, self.nodes - 1)
        return self.nodes * (price.node_month + self.disk_gb * price.disk_gb_month) + egress * price.egress_gb


def bills(use: Use, machines: Machines, price: Price) -> list[tuple[str, float]]:
    """Who would ask how much for that month; Atoll's own cost last."""
    return [(one.name, one.bill(use)) for one in LISTS] + [("Atoll", machines.bill(use, price))]


def units(one: PriceList) -> list[float]:
    """A million images and a GB held for a month; a GB read, a million views, a million renditions made."""
    return [one.million_held(Use().mean_bytes), one.held_gb, one.read_gb, 1e6 * one.view, 1e6 * one.made]
