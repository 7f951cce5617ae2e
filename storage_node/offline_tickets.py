"""A ticket that an upload key signed offline, as a ticket of this node. Pure: the map is passed in.

What a query service looks at before it gives a ticket is looked at here: the bucket, the name, whether the
set takes anything. Quota and home regions are held to in the commit, as for every upload (bucket_gate.py).
Called by upload_door.py.
"""

from __future__ import annotations

from atoll import names
from atoll.asset_text import check_alt, check_context, check_tags, check_title
from atoll.cluster import ClusterMap
from atoll.durability import check_possible
from atoll.errors import BadName, BadRequest, Unavailable
from atoll.ids import looks_generated, named_asset_id
from atoll.signing import Keys, Ticket
from atoll.upload_keys import MARK, OfflineTicket, Opened, bucket_of, open_offline
from atoll.uploaders import offline_uploader

_NO_LIMIT = 2**53 - 1  # the bucket and the node have theirs


def is_offline(token: str) -> bool:
    """Whether an upload key signed it."""
    return MARK in token


def offline_ticket(token: str, keys: Keys, cluster: ClusterMap, now_ms: int) -> Ticket:
    """The ticket; errors as in `open_offline`, `NotFound` for the bucket, `BadName`, `BadRequest`."""
    opened = open_offline(token, keys, cluster.upload_keys, now_ms)
    wanted = opened.ticket
    bucket = cluster.bucket(wanted.bucket)
    durability = wanted.durability or bucket.durability
    check_possible(durability, {node.region for node in cluster.members(wanted.set)})
    public_id = _name(wanted)
    return Ticket(
        ticket_id=opened.ticket_id,
        node=wanted.node,
        set=wanted.set,
        bucket=bucket.name,
        asset_id=opened.asset_id if public_id is None else named_asset_id(bucket.name, public_id),
        expires_at=wanted.expires_at,
        max_bytes=_max_bytes(opened),
        max_files=wanted.files,
        public_id=public_id,
        max_pixels=wanted.max_pixels,
        allowed=wanted.allowed,
        tags=check_tags(wanted.tags),
        context=check_context(wanted.context),
        title=check_title(wanted.title),
        alt=check_alt(wanted.alt),
        durability=durability,
        overwrite=wanted.overwrite,
        by=offline_uploader(opened.key.name, wanted.session),
        form_fields=wanted.form_fields,
    )


def offline_bucket(token: str, keys: Keys, cluster: ClusterMap) -> str:
    """Which bucket it is for, expired or not; `TicketInvalid`."""
    return bucket_of(token, keys, cluster.upload_keys)


def check_takes(cluster: ClusterMap, set_name: str) -> None:
    """`Unavailable` when the set is sealed: whoever names a node offline may not have heard of it."""
    known = cluster.sets.get(set_name)
    if known is not None and known.sealed:
        raise Unavailable("This set is sealed: sign for a node of another one.", set=set_name, retry_after=1)


def _max_bytes(opened: Opened) -> int:
    limits = (opened.ticket.max_bytes, opened.key.max_bytes, _NO_LIMIT)
    return min(limit for limit in limits if limit is not None)


def _name(wanted: OfflineTicket) -> str | None:
    if wanted.public_id is None:
        return None
    if wanted.files > 1:
        raise BadRequest("A public_id names one file; leave it out for several.", parameter="files")
    if looks_generated(wanted.public_id):
        raise BadName("public_id has the form of a generated id.", name="public_id", got=wanted.public_id)
    name = names.check_public_id(wanted.public_id)
    if name != wanted.public_id:  # a prefix was compared with the one, the asset would have the other
        raise BadName("public_id is in another normal form than NFC.", name="public_id", got=ascii(name))
    return name
