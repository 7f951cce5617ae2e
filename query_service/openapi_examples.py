"""An example of each body that is sent, and of the answers people see first, by the name of its type. Pure.

A test decodes every one of them as its type, so none can be out of date.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ASSET_ID = "06f9b1q3k7m2p4r6t8v0w2x4yz"
_VERSION = "06f9b1q3k7m2p4r6t8v0w2x4z0"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_URL = f"https://eu-1.example.org/photos/main/{_SHA256}.jpg"
_SECRET = "a-secret-that-is-shown-this-once"  # noqa: S105 - nobody's
_KEY = {
    "name": "shop",
    "state": "active",
    "source": "map",
    "scopes": ["read", "write"],
    "buckets": ["photos"],
    "prefixes": ["shop/"],
    "created_at": "2026-11-21T13:00:00.000Z",
    "rotated_at": None,
    "expires_at": "2027-02-19T13:00:00.000Z",
    "previous_until": None,
    "last_used": None,
}
_SIGNING_KEY = {
    "name": "partner",
    "id": "k7m2p4",
    "state": "active",
    "signs": False,
    "created_at": "2026-11-21T13:00:00.000Z",
}

_JOB: Mapping[str, Any] = {
    "id": "06f9b1q3k7m2p4r6t8v0w2x4yz",
    "kind": "transform",
    "bucket": "photos",
    "prefix": "holiday/",
    "state": "running",
    "created_at": "2026-11-21T13:00:00.000Z",
    "finished_at": None,
    "by": "shop",
    "progress": {"items": 120, "done": 40, "failed": 0, "tasks": 12, "tasks_done": 4},
    "errors": [],
    "files": [],
    "assets": [],
}
_HOOK: Mapping[str, Any] = {
    "id": "06f9b1q3k7m2p4r6t8v0w2x4yz",
    "url": "https://shop.example.org/atoll",
    "events": ["asset.stored"],
    "buckets": ["photos"],
    "created_at": "2026-11-21T13:00:00.000Z",
}

EXAMPLES: Mapping[str, Any] = {
    "AcknowledgeOrder": {"alert": "node_silent/node/eu-1", "why": "the disk is being replaced"},
    "JoinTokenOrder": {"node": "eu-4", "region": "eu-central", "set": "s2", "expires_in": 3600},
    "JoinRequest": {
        "claims": "eyJpZCI6IjA2ZjliMXEzazdtMnA0cjZ0OHYwdzJ4NHl6Iiwibm9kZSI6ImV1LTQifQ",
        "installation": _ASSET_ID,
        "proof": "k2V0bm9ib2R5cy1wcm9vZi1vZi1hLXRva2VuLWF0LWFsbA",
    },
    "UploadOrder": {"bucket": "photos", "public_id": "holiday/beach", "tags": ["sea"]},
    "SignIn": {"key": "the secret of an API key"},
    "UrlOrder": {
        "bucket": "photos",
        "url": "https://img.example.org/beach.jpg",
        "public_id": "holiday/beach",
    },
    "Patch": {"title": "The beach", "add_tags": ["sea"], "context": {"source": "camera", "draft": None}},
    "TicketView": {
        "upload_url": "https://eu-1.example.org/v1/uploads?ticket=eyJh…",
        "method": "PUT",
        "ticket": "eyJh…",
        "node": "eu-1",
        "region": "eu-central",
        "set": "main",
        "asset_id": _ASSET_ID,
        "public_id": "holiday/beach",
        "bucket": "photos",
        "expires_at": "2026-11-21T13:15:00.000Z",
        "limits": {"max_bytes": 67108864, "max_files": 1, "max_pixels": 50000000, "allowed": ["jpg", "png"]},
    },
    "AssetView": {
        "asset_id": _ASSET_ID,
        "bucket": "photos",
        "public_id": "holiday/beach",
        "version": _VERSION,
        "set": "main",
        "sha256": _SHA256,
        "format": "jpg",
        "content_type": "image/jpeg",
        "bytes": 812345,
        "width": 2040,
        "height": 1360,
        "frames": 1,
        "handle": f"main/{_SHA256}.jpg",
        "path": f"/photos/main/{_SHA256}.jpg",
        "url": _URL,
        "created_at": "2026-11-21T13:00:01.000Z",
        "tags": ["sea"],
        "context": {"place": "Crete"},
        "filename": "beach.jpg",
    },
    "Resolved": {
        "asset_id": _ASSET_ID,
        "url": _URL,
        "node": "eu-1",
        "region": "eu-central",
        "distance_km": 312.5,
        "alternatives": [],
        "expires_at": None,
        "sha256": _SHA256,
    },
    "ResolveOrder": {
        "items": [{"asset_id": _ASSET_ID}, {"bucket": "photos", "public_id": "holiday/beach", "t": "w_200"}],
        "region": "eu-central",
    },
    "DeletedView": {"asset_id": _ASSET_ID, "deleted_at": "2026-11-21T13:20:00.000Z", "node": "eu-1"},
    "RollbackOrder": {"version": _VERSION},
    "RenameOrder": {"public_id": "holiday/sunrise"},
    "CopyOrder": {"public_id": "covers/2026", "overwrite": True},
    "DeletedVersion": {
        "asset_id": _ASSET_ID,
        "version": _VERSION,
        "deleted_at": "2026-11-21T13:20:00.000Z",
        "node": "eu-1",
        "current": None,
    },
    "BucketOrder": {"visibility": "public", "transformations": {"thumb": "c_fill,g_auto,h_200,w_200"}},
    "SearchOrder": {
        "bucket": "photos",
        "tags": ["sea"],
        "min_width": 1000,
        "sort": "-created_at",
        "limit": 20,
    },
    "TransformOrder": {
        "kind": "transform",
        "bucket": "photos",
        "prefix": "holiday/",
        "transformations": ["c_fill,h_200,w_200"],
    },
    "ApplyOrder": {
        "kind": "apply",
        "bucket": "photos",
        "asset_ids": [_ASSET_ID],
        "transformation": "c_fill,g_auto,h_900,w_1600/e_auto_contrast",
    },
    "LookOrder": {"kind": "look", "bucket": "photos", "prefix": "holiday/"},
    "ExportOrder": {"kind": "export", "bucket": "photos", "prefix": "holiday/", "keep_seconds": 86400},
    "KeyOrder": {"name": "shop", "scopes": ["read", "write"], "buckets": ["photos"], "expires_in": 7776000},
    "KeyChange": {"rotate": True, "overlap": 86400},
    "MadeKey": {"key": _KEY, "secret": _SECRET},
    "SigningKeyOrder": {"name": "partner"},
    "SigningKeyChange": {"state": "retired"},
    "UploadKeyOrder": {"name": "kiosk", "buckets": ["photos"], "prefixes": ["kiosk/"], "max_bytes": 10000000},
    "MadeSigningKey": {"key": _SIGNING_KEY, "secret": _SECRET},
    "VerifyOrder": {"set": "main", "branch": "9f", "deep": False},
    "VerifySurveyOrder": {"set": "main", "deep": False},
    "CatalogOrder": {"set": "main", "branch": "9f"},
    "CatalogSurveyOrder": {"set": "main"},
    "ScrubChange": {"paused": True, "nodes": ["eu-1"]},
    "NodeChange": {"state": "draining"},
    "SetChange": {"sealed": True},
    "JobView": _JOB,
    "HookOrder": {"url": "https://shop.example.org/atoll", "events": ["asset.stored"], "buckets": ["photos"]},
    "MadeHook": {"webhook": _HOOK, "secret": _SECRET},
    "Backup": {"format": 1, "made_at": 1795266000000, "regions": [], "sets": [], "buckets": [], "keys": []},
}
