"""Pictures that do not compress, for disks that are to fill up. Needs Pillow, as the demo does."""

from __future__ import annotations

import io
import random

from PIL import Image

SIDE = 400  # pixels: some 150 kB as JPEG


def noise(rng: random.Random) -> bytes:
    """A JPEG of random dots."""
    image = Image.frombytes("RGB", (SIDE, SIDE), rng.randbytes(SIDE * SIDE * 3))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
