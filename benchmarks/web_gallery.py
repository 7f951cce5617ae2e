"""Ten thousand small pictures in one folder, uploaded as a program would. Called by web_app.py."""

from __future__ import annotations

import io
import random
import time
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from atoll import Client
from atoll.errors import Failed, Unavailable
from atoll.local.cluster_plan import BUCKET

FOLDER = "gallery/"
_SHOWN_SECONDS = 600
_LOOK_SECONDS = 3


def fill(url: str, key: str, count: int) -> None:
    """So many images in the folder, and in the catalog. RuntimeError when it does not show them."""
    with Client(url, key, patience=60) as client, ThreadPoolExecutor(8) as pool:

        def upload(number: int) -> None:
            client.upload(_picture(number), bucket=BUCKET, public_id=f"{FOLDER}{number:06d}")

        list(pool.map(upload, range(count)))
        end = time.monotonic() + _SHOWN_SECONDS
        while _shown(client) < count:
            if time.monotonic() > end:
                raise RuntimeError("the catalog does not show all of them")
            time.sleep(_LOOK_SECONDS)


def _shown(client: Client) -> int:
    """How many the catalog lists; 0 while it is too busy with writing to be read."""
    try:
        return sum(1 for _ in client.list(BUCKET, FOLDER))
    except (Failed, Unavailable):
        return 0


def _picture(number: int) -> bytes:
    rng = random.Random(number)
    small = Image.frombytes("RGB", (4, 3), rng.randbytes(36))
    size = (rng.choice((120, 160, 240)), rng.choice((120, 160, 200)))
    out = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()
