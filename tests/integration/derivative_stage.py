"""Pictures on nodes whose derivatives are asked for: real rendering workers behind the reading half."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from picture_maker import saved, scene
from PIL import Image
from read_cluster import (
    DEADLINE,
    KEYS,
    PRIVATE,
    PUBLIC,
    Answer,
    ReadCluster,
    ReadNode,
    path_of,
    read_cluster,
    record_of,
)

from atoll.bucket import Bucket
from atoll.delivery_keys import cluster_key
from atoll.ids import named_asset_id
from atoll.model import AssetRecord, Picture
from atoll.transformation.paths import parse_node_path
from atoll.transformation.signature import sign
from storage_node.store import BlobKey

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
OLD_CHROME = "image/webp,image/apng,image/*,*/*;q=0.8"
NAMES = {"thumb": "c_fill,h_60,w_60", "auto": "c_fit,f_auto,w_80"}
OPEN = "open-pictures"  # anybody may ask for anything; PUBLIC wants signatures, PRIVATE is private


@asynccontextmanager
async def stage(
    directory: Path, sets: tuple[str, ...] = ("s1",), **settings: Any
) -> AsyncIterator[ReadCluster]:
    """Nodes with one rendering worker each, and the three buckets."""
    async with read_cluster(directory, sets, **{"renderers": 1, **settings}) as cluster:
        allow(cluster)
        yield cluster


def allow(cluster: ReadCluster, **policy: Any) -> None:
    """The buckets, with `policy` over what they are."""
    named: dict[str, Any] = {"transformations": NAMES, **policy}
    cluster.change(
        Bucket(PUBLIC, **named),
        Bucket(PRIVATE, visibility="private", **named),
        Bucket(OPEN, unsigned_transformations=True, **named),
    )


def hold(
    node: ReadNode,
    body: bytes | None = None,
    *,
    bucket: str = OPEN,
    public_id: str | None = None,
    picture: Picture | None = None,
    ext: Any = "jpg",
) -> AssetRecord:
    """A stored picture: the scene as JPEG, unless another is given."""
    body = body or saved("JPEG", scene(300, 200))
    record = record_of(body, bucket=bucket, ext=ext, set_name=node.origin.set)
    picture = picture or _looked_at(body)
    changes: dict[str, Any] = {"blob": _replaced(record.blob, picture=picture)}
    if public_id:
        changes |= {"public_id": public_id, "asset_id": named_asset_id(bucket, public_id)}
    return node.hold(body, _replaced(record, **changes))


def _looked_at(body: bytes) -> Picture:
    with Image.open(io.BytesIO(body)) as image:
        return Picture(image.width, image.height, getattr(image, "n_frames", 1))


def _replaced(struct: Any, **changes: Any) -> Any:
    return type(struct)(
        **{name: changes.get(name, getattr(struct, name)) for name in struct.__struct_fields__}
    )


def target_of(record: AssetRecord, transformation: str) -> str:
    """The URL path, with the transformation as it is given."""
    _, bucket, rest = path_of(record).split("/", 2)
    return f"/{bucket}/{transformation}/{rest}"


def signed(target: str, seconds: int = 3600) -> str:
    """With a signature of its canonical form."""
    return f"{target}?{sign(parse_node_path(target).spelt, int(time.time()) + seconds, cluster_key(KEYS))}"


def picture_of(answer: Answer) -> Image.Image:
    """What came, decoded."""
    assert answer.status == 200, (answer.status, answer.body[:500])
    return Image.open(io.BytesIO(answer.body))


def origin_of(answer: Answer) -> str:
    """Where the node says that it had the bytes from."""
    assert answer.status in {200, 206, 304}, (answer.status, answer.body[:500])
    return str(answer.headers["X-Atoll-Derivative"])


def max_age(answer: Answer) -> int:
    """What Cache-Control allows."""
    return int(answer.headers["Cache-Control"].partition("max-age=")[2].partition(",")[0])


def renders(*nodes: ReadNode, result: str = "done") -> int:
    """How many renderings ended so."""
    return sum(node.side.derived.counts.renders[result] for node in nodes)


def kept(node: ReadNode) -> list[Path]:
    """The files of derivatives on a node's disk."""
    root = node.store.path(BlobKey("b", "0" * 64, "jpg")).parents[4] / "derivatives"
    return [path for path in root.rglob("*") if path.is_file() and not path.name.startswith("derivatives.db")]


async def eventually(condition: Callable[[], Awaitable[bool]], why: str = "it did not happen") -> None:
    """Poll a condition that asks a node."""
    async with asyncio.timeout(DEADLINE):
        while not await condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.02)
