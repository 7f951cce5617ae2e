"""A renderer with a folder: files in, pictures out, and nothing left behind."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from atoll.transformation.steps import Delivery, Transformation
from storage_node.render_protocol import RenderLimits
from storage_node.renderer import Order, Renderer
from storage_node.sniff import ImageType, sniff
from storage_node.worker_pool import PoolLimits


class Stage:
    """`made` renders bytes; `shown` opens what was made last."""

    def __init__(self, renderer: Renderer, folder: Path) -> None:
        self.renderer = renderer
        self.folder = folder
        self.staging = folder / "incoming"
        self._numbers = itertools.count()
        self.output = folder / "none"

    def file(self, data: bytes) -> tuple[Path, ImageType]:
        path = self.folder / f"source-{next(self._numbers)}"
        path.write_bytes(data)
        found = sniff(data[:64])
        assert found is not None
        return path, found

    def order(
        self, data: bytes, *steps, image_type=None, page=None, delivery=None, layers=None, **rest
    ) -> Order:
        path, found = self.file(data) if image_type is None else (self.file_as(data), image_type)
        self.output = self.folder / "derivatives" / f"{next(self._numbers)}"
        return Order(
            path,
            found,
            self.output,
            Transformation(steps, delivery or Delivery(), page),
            layers={name: self.file(layer) for name, layer in (layers or {}).items()},
            **rest,
        )

    def file_as(self, data: bytes) -> Path:
        path = self.folder / f"source-{next(self._numbers)}"
        path.write_bytes(data)
        return path

    def made(self, data: bytes, *steps, **rest):
        return self.renderer.begin(self.order(data, *steps, **rest)).result()

    def shown(self) -> Image.Image:
        return Image.open(io.BytesIO(self.output.read_bytes()))

    def drawn(self, data: bytes, *steps, **rest) -> Image.Image:
        """What comes out, as PNG unless another format is asked for."""
        self.made(data, *steps, **{"format": "png", **rest})
        return self.shown()

    def left_over(self) -> list[Path]:
        """Half-written files."""
        return list(self.staging.iterdir())


@contextmanager
def rendering(
    folder: Path,
    limits: RenderLimits | None = None,
    memory_bytes: int = 1 << 30,
    **pool,
) -> Iterator[Stage]:
    staging = folder / "incoming"
    staging.mkdir()
    with Renderer(
        staging, PoolLimits(**{"workers": 1, **pool}), limits or RenderLimits(), memory_bytes
    ) as renderer:
        yield Stage(renderer, folder)
