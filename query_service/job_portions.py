"""A job's images in portions, and the work on each. Pure. Called by job_planner.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from atoll.jobs import ApplyWork, ExportWork, JobItem, LookWork, RenderWork, Work, packs
from atoll.model import AssetRecord
from atoll.node_api import handle_of
from query_service.job_wire import ApplyOrder, ExportOrder, JobOrder, LookOrder, TransformOrder

RENDER_ITEMS = 10  # images in one task: what is lost when a node dies over it, and the grain of progress
APPLY_ITEMS = 10
LOOK_ITEMS = 20
EXPORT_ITEMS = 1000


class ExportFiles(NamedTuple):
    """A job's ZIP files: what they are called, one after the other, and how many bytes of images one has."""

    names: Iterator[str]
    max_bytes: int


def portions(
    order: JobOrder, records: Sequence[AssetRecord], texts: tuple[str, ...], by: str, files: ExportFiles
) -> Iterator[Work]:
    """The work on images of one set. `texts`: transformations in canonical form; `by`: who orders it."""
    items = (_item(record) for record in records)
    match order:
        case TransformOrder():
            for pack in packs(items, RENDER_ITEMS):
                yield RenderWork(order.bucket, tuple(pack), texts)
        case ApplyOrder():
            for some in packs(records, APPLY_ITEMS):
                yield ApplyWork(order.bucket, tuple(some), texts[0], by)
        case LookOrder():
            for pack in packs(items, LOOK_ITEMS):
                yield LookWork(order.bucket, tuple(pack))
        case ExportOrder():
            for whole in packs(items, EXPORT_ITEMS):
                for part in _by_bytes(whole, files.max_bytes):
                    yield ExportWork(order.bucket, tuple(part), next(files.names), order.keep_seconds)


def items_of(work: Work) -> int:
    """How many images it is about."""
    return len(getattr(work, "items", ())) or 1


def _by_bytes(items: Iterable[JobItem], most: int) -> Iterator[list[JobItem]]:
    """Portions of at most `most` bytes; one that is larger by itself is one of its own."""
    part: list[JobItem] = []
    size = 0
    for item in items:
        if part and size + item.bytes > most:
            yield part
            part, size = [], 0
        part.append(item)
        size += item.bytes
    if part:
        yield part


def _item(record: AssetRecord) -> JobItem:
    return JobItem(record.asset_id, record.public_id, str(handle_of(record)), record.blob.size)
