"""Pictures for stories: uploaded by the client library, and waited for until the catalog shows them."""

from __future__ import annotations

import colorsys
import io
import random
import time
from types import TracebackType

from client_clusters import ClusterUnderTest
from PIL import Image, ImageDraw

from atoll import Client
from atoll.client.views import AssetView

SHOWN_WITHIN = 20.0  # seconds: a deadline, not an expectation


def scene(seed: int, size: tuple[int, int]) -> bytes:
    """Hills under a sky: a JPEG that compresses and looks like something."""
    rng = random.Random(seed)
    width, height = size
    hue = rng.random()
    image = Image.new("RGB", size, _color(hue, 0.35, 0.95))
    draw = ImageDraw.Draw(image)
    sun = rng.uniform(0.1, 0.9) * width
    draw.ellipse(
        (sun - height / 8, height / 8, sun + height / 8, height * 3 / 8), fill=_color(hue + 0.1, 0.5, 1.0)
    )
    for layer in range(4):
        base = height * (0.45 + layer * 0.14)
        line = [(x * width / 12, base + rng.uniform(-0.09, 0.09) * height) for x in range(13)]
        draw.polygon(
            [*line, (width, height), (0, height)], fill=_color(hue + 0.45, 0.55, 0.75 - layer * 0.15)
        )
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


class Album:
    """What a story puts into the cluster's bucket."""

    def __init__(self, cluster: ClusterUnderTest) -> None:
        self.bucket = cluster.bucket
        self.client = Client.from_cluster(cluster.directory)

    def __enter__(self) -> Album:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def add(self, name: str, seed: int = 1, size: tuple[int, int] = (640, 480), **words: object) -> AssetView:
        """One picture under this name, in the catalog."""
        return self.add_bytes(name, scene(seed, size), **words)

    def add_bytes(self, name: str, body: bytes, **words: object) -> AssetView:
        """The same of bytes that are there."""
        asset = self.client.upload(body, bucket=self.bucket, public_id=name, **words)
        self.wait(asset.public_id, asset.version)
        return asset

    def fill(self, folder: str, count: int) -> list[AssetView]:
        """Pictures of many shapes in a folder."""
        sizes = [(640, 480), (480, 640), (800, 450), (600, 600), (900, 300), (300, 700)]
        assets = [
            self.client.upload(
                scene(n, sizes[n % len(sizes)]), bucket=self.bucket, public_id=f"{folder}{n:03d}"
            )
            for n in range(count)
        ]
        for asset in assets:
            self.wait(asset.public_id)
        return assets

    def wait(self, name: str, version: str = "") -> None:
        """Until the catalog lists it, as this version or a later one."""
        end = time.monotonic() + SHOWN_WITHIN
        while not any(
            found.public_id == name and found.version >= version
            for found in self.client.list(self.bucket, name, limit=1)
        ):
            assert time.monotonic() < end, f"{name} is not in the catalog"
            time.sleep(0.05)
