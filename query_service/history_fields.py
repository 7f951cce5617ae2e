"""Who uploaded an asset, as the catalog is asked for it: two sort keys, and the window of a page. Pure.

    by_at    who ⏎ when ⏎ asset       of a key itself, or of one session of its application
    key_at   the same without session  of a key with all its sessions

One string each, so that one index answers with a window bounded on both sides, newest first (uploaders.py
says how who is written: no newline in it). When: the time of the upload that brought the present bytes, so
that a change of tags moves nothing.
"""

from __future__ import annotations

from typing import Any

from atoll.ids import id_time_ms
from atoll.model import AssetRecord
from atoll.uploaders import key_part
from query_service.search_plan import Plan

_END = "~"  # greater than all digits


def history_fields(record: AssetRecord) -> dict[str, Any]:
    """What a document has besides; nothing where nobody knows who it was."""
    if not record.by:
        return {}
    at = f"{id_time_ms(record.content_version):013d}\n{record.asset_id}"
    return {"by_at": f"{record.by}\n{at}", "key_at": f"{key_part(record.by)}\n{at}"}


def history_plan(by: str, *, sessions: bool, after: str | None = None) -> Plan:
    """The uploads of `by`, with those of its sessions; from the one that has `after` (without who) on."""
    field = "key_at" if sessions else "by_at"
    window = {"$gt": f"{by}\n", "$lt": f"{by}\n{after or _END}"}
    return Plan(index=field, filter={field: window}, key=field, descending=True, sort="-uploaded_at")
