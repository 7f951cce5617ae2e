"""What changes the words of an asset: a JSON merge patch (RFC 7396) of tags, context, title and alt. Pure.

A member that is not there leaves what is; null takes it away; a list replaces the list; of `context` each key
is a member of its own. Beyond the RFC `add_tags` and `remove_tags` change a list that others change as well.
Sent to a query service, and by it to a node, which applies it to the record it has (`patched`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from atoll.asset_text import check_alt, check_context, check_tags, check_title, context_key, folded
from atoll.errors import BadRequest
from atoll.model import AltText, AssetRecord, ContextText, Tag, Tags, Title

ContextPatch = Annotated[dict[Tag, ContextText | None], Meta(max_length=64)]


class Patch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`add_tags`: those that are not there yet. `remove_tags`: however they are spelt (Küste, KÜSTE)."""

    tags: Tags | UnsetType | None = UNSET
    add_tags: Tags | UnsetType = UNSET
    remove_tags: Tags | UnsetType = UNSET
    context: ContextPatch | UnsetType | None = UNSET
    title: Title | UnsetType | None = UNSET
    alt: AltText | UnsetType | None = UNSET


def check_patch(patch: Patch) -> None:
    """`BadRequest` for what cannot be meant, whatever it is applied to."""
    if patch.tags is not UNSET and (patch.add_tags or patch.remove_tags):
        raise BadRequest("tags replaces them all; leave out add_tags and remove_tags.", member="tags")
    if all(getattr(patch, name) is UNSET for name in Patch.__struct_fields__):
        raise BadRequest("Nothing is to be changed: name tags, context, title or alt.")


def patched(record: AssetRecord, patch: Patch) -> AssetRecord:
    """`record` with the words as they are then; `BadRequest` when that is more than an asset may have."""
    return structs.replace(
        record,
        tags=_tags(record, patch),
        context=_context(record, patch),
        title=record.title if patch.title is UNSET else check_title(patch.title or ""),
        alt=record.alt if patch.alt is UNSET else check_alt(patch.alt or ""),
    )


def _tags(record: AssetRecord, patch: Patch) -> tuple[str, ...]:
    if patch.tags is not UNSET:
        return check_tags(patch.tags or ())
    if not patch.add_tags and not patch.remove_tags:
        return record.tags
    gone = {folded(tag) for tag in check_tags(patch.remove_tags or ())}
    kept = [tag for tag in record.tags if folded(tag) not in gone]
    there = {folded(tag) for tag in kept}
    added = [tag for tag in check_tags(patch.add_tags or ()) if folded(tag) not in there]
    return check_tags([*kept, *added])


def _context(record: AssetRecord, patch: Patch) -> dict[str, str]:
    if patch.context is UNSET:
        return record.context
    if patch.context is None:
        return {}
    said = {context_key(key): value for key, value in patch.context.items()}
    if len(said) != len(patch.context):
        raise BadRequest("Two keys of context are the same text, written differently.", member="context")
    merged = {**record.context, **said}
    return check_context({key: value for key, value in merged.items() if value is not None})
