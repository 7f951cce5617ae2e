"""What events say to people's own programs: from an event to a webhook's message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from atoll.events import AnyEvent, AssetDeleted, BlobStored
from atoll.model import AssetRecord
from atoll.node_api import rfc3339
from query_service.hook_wire import HookEvent, HookMessage
from query_service.job_documents import facts_of, summary


def message_of(event: AnyEvent) -> tuple[str, HookMessage] | None:
    """The bucket and what is sent; None for news that concern nobody outside."""
    if isinstance(event, BlobStored):
        asset = event.asset
        kind: HookEvent = "asset.stored" if asset.content is None else "asset.updated"
        return asset.bucket, HookMessage(event.id, kind, rfc3339(event.at), _asset(asset))
    if isinstance(event, AssetDeleted):
        stone = event.tombstone
        facts = {"asset_id": stone.asset_id, "bucket": stone.bucket, "public_id": stone.public_id}
        data = {**facts, "version": stone.version, "deleted_at": rfc3339(stone.deleted_at)}
        return stone.bucket, HookMessage(event.id, "asset.deleted", rfc3339(event.at), data)
    return None


def job_message(document: Mapping[str, Any]) -> tuple[str, HookMessage] | None:
    """The same for a job that has ended; None for one that has not, or was cancelled."""
    facts, found = facts_of(document), summary(document)
    if facts is None or found.state not in ("done", "failed") or found.finished_at is None:
        return None
    data = {
        "id": facts.id,
        "kind": facts.kind,
        "bucket": facts.bucket,
        "state": found.state,
        "items": facts.items,
        "done": found.done,
        "failed": found.failed,
        "errors": msgspec.to_builtins(found.errors[:20]),
        "assets": list(found.assets),
    }
    kind: HookEvent = "job.done" if found.state == "done" else "job.failed"
    return facts.bucket, HookMessage(facts.id, kind, rfc3339(found.finished_at), data)


def _asset(asset: AssetRecord) -> dict[str, Any]:
    blob = asset.blob
    return {
        "asset_id": asset.asset_id,
        "bucket": asset.bucket,
        "public_id": asset.public_id,
        "version": asset.version,
        "sha256": blob.sha256,
        "format": blob.ext,
        "bytes": blob.size,
        "width": blob.picture.width,
        "height": blob.picture.height,
        "tags": list(asset.tags),
        "context": dict(asset.context),
        "created_at": rfc3339(asset.created_at),
    }
