"""What an upload may be: the narrowest of the node's settings, the bucket's policy and the ticket. Pure."""

from __future__ import annotations

from atoll import names
from atoll.cluster import ClusterMap
from atoll.signing import Ticket
from storage_node.index_naming import VersionPolicy
from storage_node.ingest import Upload
from storage_node.inspection import InspectionLimits
from storage_node.settings import NodeSettings
from storage_node.sniff import declared_by_name, declared_type


def max_bytes(ticket: Ticket, settings: NodeSettings, cluster: ClusterMap) -> int:
    """The largest file this ticket may bring, in bytes."""
    bucket = cluster.buckets.get(ticket.bucket)
    return min(_given(settings.max_upload_bytes, ticket.max_bytes, bucket.max_bytes if bucket else None))


def upload_of(
    ticket: Ticket,
    file: int,
    filename: str | None,
    content_type: str | None,
    settings: NodeSettings,
    cluster: ClusterMap,
) -> Upload:
    """The `file`-th upload of a ticket, with what its sender claims and what limits hold for it."""
    bucket = cluster.buckets.get(ticket.bucket)
    pixels = min(_given(settings.max_pixels, ticket.max_pixels, bucket.max_pixels if bucket else None))
    allowed = set(names.EXTENSIONS)
    for some in (ticket.allowed, bucket.allowed if bucket else None):
        if some is not None:
            allowed &= set(some)
    return Upload(
        ticket=ticket,
        file=file,
        filename=filename,
        claims=(declared_type(content_type), declared_by_name(filename)),
        allowed=tuple(ext for ext in names.EXTENSIONS if ext in allowed),
        limits=InspectionLimits(
            max_pixels=pixels,
            max_frames=settings.max_frames,
            max_frame_pixels_sum=pixels,
            max_parts=settings.max_parts,
            max_scans=settings.max_scans,
        ),
        versions=VersionPolicy(bucket is None or bucket.versioning, settings.trash_seconds),
        strip=bucket is not None and bucket.metadata == "strip",
    )


def _given(*limits: int | None) -> list[int]:
    return [limit for limit in limits if limit is not None]
