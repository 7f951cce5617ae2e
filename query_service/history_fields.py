"""Who uploaded an asset, as the catalog is asked for it: two sort keys, and the window of a page. Pure.

    key_at   who ⏎ when ⏎ asset, without session   of a key with all its sessions
    by_at    the same with it                      of one session of its application, where there is one

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
    key = key_part(record.by)
    session = {"by_at": f"{record.by}\n{at}"} if record.by != key else {}
    return {"key_at": f"{key}\n{at}", **session}


def history_plan(by: str, *, sessions: bool, after: str | None = None) -> Plan:
    """The uploads of `by`, with those of its sessions; from the one that has `after` (without who) on."""
    field = "key_at" if sessions else "by_at"
    window = {"$gt": f"{by}\n", "$lt": f"{by}\n{after or _END}"}
    index = "by_key" if sessions else "by_session"
    return Plan(index=index, filter={field: window}, key=field, descending=True, sort="-uploaded_at")
