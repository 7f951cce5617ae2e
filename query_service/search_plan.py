"""A search as one walk of one index: which index, where it begins and ends, and what is looked at besides.

Pure. Owns the promise that no search sorts in memory or reads a collection through: each sort has its index,
and the rarest thing that is asked for comes before the sort key in it.

    without q, by public_id, created_at           (bucket, terms, key): the rarest term, or `ALL`
    without q and such terms, by public_id        (bucket, public_id)
    without q, by bytes, width, height            (bucket, key)
    with q, by created_at                         (bucket, words, by_created): the longest word

What remains – other terms, ranges of what is not the sort key – is looked at in each document of that walk.
With q no other sort is taken: a second index over all words would be larger than the assets. A test holds
this table against `catalog_indexes` and, where a server explains, against what it does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from atoll.errors import BadRequest
from query_service import search_fields as fields
from query_service.catalog_windows import name_window
from query_service.color_families import asked_family
from query_service.search_cursor import read_cursor
from query_service.search_wire import MAX_QUERY_WORDS, SearchOrder, moment_ms

Filter = dict[str, Any]

# sort: (the field that is its key, the field a range is over)
KEYS = {
    "public_id": ("public_id", "public_id"),
    "created_at": ("by_created", "created_at"),
    "bytes": ("by_bytes", "size"),
    "width": ("by_width", "width"),
    "height": ("by_height", "height"),
}


class Plan(Struct, frozen=True):
    """What the catalog is asked. `index`: the one that answers. `sort`: as in cursors, with a minus."""

    index: str
    filter: Filter
    key: str
    descending: bool
    sort: str


class _Range(NamedTuple):
    """Numbers from `low` to `high`, both included; None: no end."""

    low: int | None
    high: int | None


def plan_of(order: SearchOrder) -> Plan:
    """The plan; names in `order` must have been checked. `BadRequest` for what no index answers."""
    words = _words(order)
    sort = order.sort or ("-created_at" if order.q is not None else "public_id")
    name = sort.removeprefix("-")
    if words and name != "created_at":
        raise BadRequest("With q the sort is created_at or -created_at.", parameter="sort", got=sort)
    key, over = KEYS[name]
    descending = sort.startswith("-")
    window = _window(order, sort, key, over)
    terms = _terms(order)
    index, found = _walk(name, key, words, terms)
    return Plan(
        index, {"bucket": order.bucket, **found, **window, **_rest(order, over)}, key, descending, sort
    )


def _walk(name: str, key: str, words: list[str], terms: list[str]) -> tuple[str, Filter]:
    """The index, and what is asked of it before the sort key and beside it."""
    if words:
        found: Filter = {"words": words[0] if len(words) == 1 else {"$all": words}}
        return "bucket_words_created", found | _all_of(terms)
    if name in {"bytes", "width", "height"}:
        return f"bucket_{name}", _all_of(terms)
    first = next(filter(fields.leads, terms), fields.ALL)
    if name == "public_id" and first == fields.ALL:
        return "bucket_public_id", _all_of(terms)
    return f"bucket_terms_{name}", {"terms": first} | _all_of([term for term in terms if term != first])


def _all_of(terms: list[str]) -> Filter:
    return {"facets": {"$all": terms}} if terms else {}


def _terms(order: SearchOrder) -> list[str]:
    """What must hold, the rarest first as far as one can know."""
    terms = [fields.tag_term(tag) for tag in order.tags]
    if folders := _folders(order):
        terms.append(fields.folder_term(folders[-1]))
    if order.color is not None:
        terms.append(fields.color_term(asked_family(order.color)))
    if order.format is not None:
        terms.append(fields.format_term(order.format))
    if order.orientation is not None:
        terms.append(fields.orientation_term(order.orientation))
    if order.has_faces is not None:
        terms.append(fields.faces_term(order.has_faces))
    return list(dict.fromkeys(terms))


def _folders(order: SearchOrder) -> list[str]:
    """A prefix in the order of names is a window of any index; elsewhere its folder is a term."""
    by_name = order.q is None and (order.sort or "public_id").removeprefix("-") == "public_id"
    return [] if by_name else fields.folders_of(order.prefix)


def _words(order: SearchOrder) -> list[str]:
    """The words of `q`, the longest first: it is the rarest."""
    if order.q is None:
        return []
    words = fields.words_of([order.q], MAX_QUERY_WORDS + 1)
    if not 1 <= len(words) <= MAX_QUERY_WORDS:
        raise BadRequest(
            f"q is 1 to {MAX_QUERY_WORDS} words of letters and digits.",
            parameter="q", limit=MAX_QUERY_WORDS, got=len(words),
        )  # fmt: skip
    return sorted(words, key=len, reverse=True)


def _ranges(order: SearchOrder) -> dict[str, _Range]:
    after, before = order.created_after, order.created_before
    from_ms = None if after is None else moment_ms("created_after", after)
    to_ms = None if before is None else moment_ms("created_before", before) - 1
    ranges = {
        "created_at": _Range(from_ms, to_ms),
        "size": _Range(order.min_bytes, order.max_bytes),
        "width": _Range(order.min_width, order.max_width),
        "height": _Range(order.min_height, order.max_height),
    }
    return {name: found for name, found in ranges.items() if found != (None, None)}


def _window(order: SearchOrder, sort: str, key: str, over: str) -> Filter:
    """From where to where the index is walked, behind the cursor."""
    behind = None if order.cursor is None else read_cursor(order.cursor, sort)
    ahead = not sort.startswith("-")
    if key == "public_id":
        return name_window(order.prefix, behind, descending=not ahead)
    low, high = _ranges(order).get(over, _Range(None, None))
    # not below "": what an older Atoll wrote has no sort key, and is in no search until a rebuild
    window: Filter = {"$gte": "" if low is None else fields.sort_key(low)}
    if high is not None:
        window["$lt"] = fields.sort_key(max(0, high + 1))
    if behind is not None and ahead and behind >= window["$gte"]:
        del window["$gte"]
        window["$gt"] = behind
    if behind is not None and not ahead:
        window["$lt"] = min(behind, window.get("$lt", behind))
    return {key: window}


def _rest(order: SearchOrder, over: str) -> Filter:
    """Ranges of what the index is not sorted by, and the part of a prefix that is no folder."""
    rest: Filter = {}
    for name, (low, high) in _ranges(order).items():
        if name != over:
            ends = {"$gte": low, "$lte": high}
            rest[name] = {end: number for end, number in ends.items() if number is not None}
    if over != "public_id" and order.prefix:
        rest |= name_window(order.prefix, None)
    return rest
