"""What a program asks to find assets and to change their words: search, edit. I/O through the query services.

A part of `AsyncClient`; every method raises `AtollError` classes. What this client has changed itself it
sees at once (`own_uploads`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from msgspec import UNSET, Struct, UnsetType

from atoll.asset_text import check_alt, check_context, check_tags, check_title, context_key
from atoll.client.many import each
from atoll.client.own_uploads import OwnUploads
from atoll.client.query import QueryServices
from atoll.client.reference import parse_reference
from atoll.client.resolving import id_segment
from atoll.descriptions import Patch, check_patch
from atoll.errors import AtollError, BadRequest
from atoll.names import check_bucket
from atoll.node_api import AssetView

PAGE = 500


class Filters(TypedDict, total=False):
    """What must hold of an asset, and the order: see docs/search.md. Times are RFC 3339 or dates."""

    prefix: str
    tags: Sequence[str]
    format: str
    orientation: str
    color: str
    has_faces: bool
    min_bytes: int
    max_bytes: int
    min_width: int
    max_width: int
    min_height: int
    max_height: int
    created_after: str
    created_before: str
    q: str
    sort: str


class AssetChange(Struct, frozen=True, kw_only=True):
    """Other words for an asset. What is not given stays; None takes away; `context` is changed key by key.

    `tags` replaces them all; `add_tags` and `remove_tags` change what is there, whoever else changes it.
    """

    tags: Sequence[str] | UnsetType | None = UNSET
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    context: Mapping[str, str | None] | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    alt: str | UnsetType | None = UNSET

    def patch(self) -> Patch:
        """As it is sent; `BadRequest` for what no asset may have."""
        for name in ("tags", "add_tags", "remove_tags"):
            if isinstance(given := getattr(self, name), str):
                raise BadRequest(f"{name} is a list of tags, not one string.", got=given[:80])
        patch = Patch(
            tags=self.tags if self.tags is UNSET or self.tags is None else check_tags(self.tags),
            add_tags=check_tags(self.add_tags) or UNSET,
            remove_tags=check_tags(self.remove_tags) or UNSET,
            context=_context(self.context),
            title=self.title if self.title is UNSET else check_title(self.title or "") or None,
            alt=self.alt if self.alt is UNSET else check_alt(self.alt or "") or None,
        )
        check_patch(patch)
        return patch


class EditOutcome(Struct, frozen=True):
    """What became of one of many edits: `asset` as it is now, or `error`."""

    reference: str
    asset: AssetView | None = None
    error: AtollError | None = None


class _Page(Struct):
    assets: tuple[AssetView, ...]
    next_cursor: str | None = None


class _PartsPage(Struct):
    assets: tuple[dict[str, Any], ...]
    next_cursor: str | None = None


class SearchCalls:
    """Asks `query`; `own` knows what the catalog may not know yet."""

    def __init__(self, query: QueryServices, own: OwnUploads) -> None:
        self._query, self._own = query, own

    async def search(
        self, bucket: str, *, limit: int | None = None, **filters: Unpack[Filters]
    ) -> AsyncIterator[AssetView]:
        """The assets of a bucket that fit all filters, in the order of `sort`; at most `limit`.

        Raises `BadRequest` for filters and sorts that do not go together.
        """
        async for page in self._pages(bucket, limit, dict(filters), _Page):
            for asset in page.assets:
                yield asset

    async def search_fields(
        self, bucket: str, fields: Iterable[str], *, limit: int | None = None, **filters: Unpack[Filters]
    ) -> AsyncIterator[dict[str, Any]]:
        """The same, of each asset these members only: `public_id`, `tags`. Without `url` and `locations` the
        cluster has less to do."""
        asked = {**filters, "fields": list(fields)}
        async for page in self._pages(bucket, limit, asked, _PartsPage):
            for parts in page.assets:
                yield parts

    async def _pages(
        self, bucket: str, limit: int | None, asked: dict[str, Any], kind: type[Any]
    ) -> AsyncIterator[Any]:
        left, cursor = limit, None
        while left is None or left > 0:
            body = {
                **asked,
                "bucket": check_bucket(bucket),
                "limit": PAGE if left is None else min(left, PAGE),
            }
            body |= {} if cursor is None else {"cursor": cursor}
            page = await self._query.call("POST", "/v1/search", kind, body=body)
            yield page
            left = None if left is None else left - len(page.assets)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def edit(
        self, reference: str, change: AssetChange, *, bucket: str | None = None, if_version: str | None = None
    ) -> AssetView:
        """The asset (its id, or `BUCKET/PUBLIC_ID`) with other words; durable when this returns.

        `if_version`: only if this is its version still, else `PreconditionFailed` – also when an earlier try
        whose answer was lost did it. Without it repeating is safe. `NotFound`, `BadRequest`.
        """
        asset_id, patch = parse_reference(reference, bucket).asset(), change.patch()
        headers = {"Content-Type": "application/merge-patch+json"}
        headers |= {} if if_version is None else {"If-Match": f'"{if_version}"'}
        path = f"/v1/assets/{id_segment(asset_id)}"
        asset = await self._own.known(
            asset_id, lambda: self._query.call("PATCH", path, AssetView, body=patch, headers=headers)
        )
        self._own.uploaded(asset)
        return asset

    async def edit_many(
        self,
        references: Iterable[str],
        change: AssetChange,
        *,
        bucket: str | None = None,
        parallel: int = 8,
        progress: Callable[[EditOutcome], None] = lambda _: None,
    ) -> tuple[EditOutcome, ...]:
        """The same change for many, one outcome each, in order; `progress` hears of each as it comes.

        One that fails does not stop the others.
        """
        wanted, outcomes = list(references), dict[int, EditOutcome]()
        change.patch()  # what nobody could take is told once

        async def work(item: tuple[int, str]) -> None:
            number, reference = item
            outcomes[number] = await self._outcome(reference, change, bucket)
            progress(outcomes[number])

        await each(enumerate(wanted), parallel, work)
        return tuple(outcomes[number] for number in range(len(wanted)))

    async def _outcome(self, reference: str, change: AssetChange, bucket: str | None) -> EditOutcome:
        try:
            return EditOutcome(reference, await self.edit(reference, change, bucket=bucket))
        except AtollError as error:
            return EditOutcome(reference, error=error)


def _context(given: Mapping[str, str | None] | UnsetType | None) -> dict[str, str | None] | UnsetType | None:
    if given is UNSET or given is None:
        return given
    said = check_context({key: value for key, value in given.items() if value is not None})
    return said | dict.fromkeys(context_key(key) for key, value in given.items() if value is None)
