"""Upload tickets: which node takes an upload, under which id, within which limits. No I/O.

Owns the choice and the signature; knows no database, so tickets are issued with MongoDB and Redis down.
Refuses an unknown bucket (404), names outside their grammar (400), and everything while no node is
writable (503). Called by uploads_api.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from atoll import names
from atoll.asset_text import check_alt, check_context, check_tags, check_title
from atoll.bucket import Bucket
from atoll.durability import check_durability, check_possible
from atoll.errors import BadName, BadRequest, Conflict, TooManyFiles, Unavailable
from atoll.ids import derived_id, looks_generated, named_asset_id, new_id, now_ms
from atoll.model import Node, Position
from atoll.node_api import rfc3339
from atoll.placement import Candidate
from atoll.signing import MAX_TOKEN_CHARS, Keys, Ticket, sign_token
from query_service.bucket_orders import eager_texts
from query_service.cluster_view import Views
from query_service.wire import TicketView, UploadLimits, UploadOrder
from query_service.wishes import Wishes

MAX_EXPECTED = 10  # of one ticket's files: more would let tickets fill the cache
EXPECTED_AFTER_SECONDS = 60  # the end of a ticket: an upload may have begun in its last second


@dataclass(frozen=True)
class TicketRules:
    """What this service allows at most; `seconds` is how long a ticket is valid."""

    seconds: int
    max_bytes: int
    max_pixels: int
    max_files: int
    max_eager: int = 8
    max_eager_chars: int = 2000


class TicketOffice:
    """Issues tickets."""

    def __init__(
        self,
        views: Views,
        keys: Keys,
        rules: TicketRules,
        rng: random.Random,
        wishes: Wishes,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._views, self._keys, self._rules = views, keys, rules
        self._rng, self._wishes, self._clock_ms = rng, wishes, clock_ms

    def issue(
        self,
        order: UploadOrder,
        client: Position,
        home: str | None = None,
        by: str = "",
        origin: str = "",
    ) -> TicketView:
        """A ticket for the writable node nearest to the client, in the set `home` or else one with room.

        `by`: who uploads (uploaders.py). `origin`: the web app's page that will use it.
        """
        bucket = self._views.current().cluster.bucket(names.check_bucket(order.bucket))
        public_id = self._check_name(order)
        limits = self._limits(order, bucket)
        durability = check_durability(order.durability or bucket.durability)
        if bucket.ending is not None:
            raise Conflict(
                f"The bucket {bucket.name!r} is being deleted; it takes nothing.", bucket=bucket.name
            )
        chosen = self._choose(bucket, client, home)
        check_possible(durability, self._regions(chosen.node.set))
        ticket = self._ticket(order, public_id, bucket, limits, chosen.node, durability)
        return self._view(replace(ticket, by=by, origin=origin), chosen.node, limits)

    def _ticket(
        self,
        order: UploadOrder,
        public_id: str | None,
        bucket: Bucket,
        limits: UploadLimits,
        node: Node,
        durability: str,
    ) -> Ticket:
        now = self._clock_ms()
        return Ticket(
            ticket_id=new_id(now),
            node=node.name,
            set=node.set,
            bucket=bucket.name,
            asset_id=named_asset_id(bucket.name, public_id) if public_id else new_id(now),
            expires_at=now + self._rules.seconds * 1000,
            max_bytes=limits.max_bytes,
            max_files=limits.max_files,
            public_id=public_id,
            max_pixels=limits.max_pixels,
            allowed=bucket.allowed,
            tags=check_tags(order.tags),
            context=check_context(order.context),
            title=check_title(order.title),
            alt=check_alt(order.alt),
            durability=durability,
            eager=self._eager(order, bucket),
            background=order.background,
            overwrite=order.overwrite,
            form_fields=tuple(dict.fromkeys(order.form_fields)),
        )

    def _eager(self, order: UploadOrder, bucket: Bucket) -> tuple[str, ...]:
        """In canonical form, without those that the bucket makes anyway."""
        rules = self._rules
        if len(order.eager) > rules.max_eager:
            raise _too_much_eager("transformations", rules.max_eager, len(order.eager))
        texts = eager_texts(bucket, order.eager, self._wishes.limits(bucket))
        if (length := sum(map(len, texts))) > rules.max_eager_chars:
            raise _too_much_eager("characters", rules.max_eager_chars, length)
        return tuple(text for text in texts if text not in bucket.eager)

    def _regions(self, set_name: str) -> set[str]:
        return {node.region for node in self._views.current().cluster.members(set_name)}

    def _check_name(self, order: UploadOrder) -> str | None:
        if order.files > self._rules.max_files:
            raise TooManyFiles(
                f"A ticket is good for at most {self._rules.max_files} files.",
                limit=self._rules.max_files,
                got=order.files,
            )
        if order.public_id is None:
            return None
        if order.files > 1:
            raise BadRequest("A public_id names one file; leave it out for several.", parameter="files")
        if looks_generated(order.public_id):
            raise BadName(
                "public_id has the form of a generated id, which names an asset of its own.",
                name="public_id",
                got=order.public_id,
            )
        return names.check_public_id(order.public_id)

    def _limits(self, order: UploadOrder, bucket: Bucket) -> UploadLimits:
        rules = self._rules
        return UploadLimits(
            max_bytes=_least(order.max_bytes, bucket.max_bytes, rules.max_bytes),
            max_files=order.files,
            max_pixels=_least(bucket.max_pixels, rules.max_pixels),
            allowed=bucket.allowed or names.EXTENSIONS,  # type: ignore[arg-type]  # the same words
        )

    def _choose(self, bucket: Bucket, client: Position, home: str | None) -> Candidate:
        chosen = self._views.current().room_for(bucket).choose(client, self._rng, home)
        if chosen is None:
            raise Unavailable("No node takes uploads now: none is healthy with room to spare.", retry_after=2)
        return chosen

    def _view(self, ticket: Ticket, node: Node, limits: UploadLimits) -> TicketView:
        token = sign_token(ticket, self._keys.ticket)
        if len(token) > MAX_TOKEN_CHARS:
            raise BadRequest(
                "public_id, tags, context, title, alt and eager are too long together for a ticket in a URL.",
                limit=MAX_TOKEN_CHARS,
                got=len(token),
            )
        return TicketView(
            upload_url=f"{node.url}/v1/uploads?ticket={token}",
            method="PUT" if ticket.max_files == 1 else "POST",
            ticket=token,
            node=node.name,
            region=node.region,
            set=ticket.set,
            asset_id=ticket.asset_id,
            public_id=ticket.public_id or ticket.asset_id,
            bucket=ticket.bucket,
            expires_at=rfc3339(ticket.expires_at),
            limits=limits,
        )


def assets_of(ticket: TicketView) -> list[str]:
    """The ids that the ticket's files will have, up to MAX_EXPECTED of them (see `derived_id`)."""
    return [derived_id(ticket.asset_id, i) for i in range(min(ticket.limits.max_files, MAX_EXPECTED))]


def _too_much_eager(what: str, limit: int, got: int) -> BadRequest:
    return BadRequest(
        f"eager has at most {limit} {what} in one upload; the bucket's own eager ones do not count.",
        parameter="eager",
        limit=limit,
        got=got,
    )


def _least(*limits: int | None) -> int:
    return min(limit for limit in limits if limit is not None)
