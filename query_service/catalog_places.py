"""Who holds bytes: what the catalog believes against what nodes say. Pure. Called by `catalog_repair`."""

from __future__ import annotations

from collections.abc import Mapping

from atoll.model import AssetRecord
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_documents import Mark, blob_key


def wrong_locations(
    kept: Mapping[str, CatalogAsset],
    known: Mapping[str, AssetRecord],
    marks: Mapping[str, Mapping[str, Mark]],
) -> list[str]:
    """The assets of which the catalog says something else about who holds them than the nodes do."""
    wrong = []
    for asset_id, asset in kept.items():
        record = known.get(asset_id)
        if record is None or record != asset.record:
            continue
        said = marks[blob_key(record.bucket, record.blob.sha256)]
        believed = {place.node for place in asset.locations}
        if any(mark.held != (name in believed) for name, mark in said.items()):
            wrong.append(asset_id)
    return wrong


def with_losses(
    kept: Mapping[str, CatalogAsset], marks: Mapping[str, Mapping[str, Mark]]
) -> dict[str, dict[str, Mark]]:
    """The marks to write. That a node lost a blob is dated just after what the catalog believes: whatever
    the node has told since is later and wins."""
    believed = {
        (blob_key(a.record.bucket, a.record.blob.sha256), place.node): place.fsynced_at
        for a in kept.values()
        for place in a.locations
    }
    result: dict[str, dict[str, Mark]] = {}
    for key, nodes in marks.items():
        for name, mark in nodes.items():
            if mark.held:
                result.setdefault(key, {})[name] = mark
            elif (key, name) in believed:
                lost = Mark(believed[key, name] + 1, False, mark.region)
                result.setdefault(key, {})[name] = lost
    return result
