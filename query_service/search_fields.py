"""What a document of `assets` holds beyond its record, so that every search is answered by an index. Pure.

`facets`  everything that an asset is or is not, as short words: tags, folders, format, colour, orientation,
          faces. In no index.
`terms`   those of them that `leads` says few assets have, and one that all have. Indexed before the name
          and the time, so one term and an order are one walk of an index, without looking at what does not
          fit or sorting what does. MongoDB uses one of several values of an array for its walk, and which
          one is not said; so the plan asks `terms` for the one it wants and `facets` for the others.
`words`   the beginnings of the words of title, public_id and alternative text.
`by_…`    sort keys: a number with leading zeros, then the id. They are different for every asset, so that a
          cursor is one value and a page begins exactly behind it.

Derived from the record alone: a rebuild of the catalog makes them anew, for documents of an older Atoll too.
Called by `catalog_documents`; the other half, asking, is in `search_plan`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from atoll.asset_text import folded
from atoll.ids import looks_generated
from atoll.model import AssetRecord, Picture
from query_service.color_families import family_of

ALL = "*"  # the term that every asset has
MAX_FOLDERS = 16  # deeper ones are searched as their sixteenth
MAX_WORDS = 64  # of one asset: of the title, then the public_id, then the alternative text
# What half of all assets are: a walk of an index by one of these passes over as much as one of all.
COMMON = frozenset({"f:jpg", "o:landscape", "o:portrait", "h:none"})
FIRST, LAST = 2, 16  # a word is found by its beginnings of so many characters, and is cut there

_WORD = re.compile(r"[^\W_]+")


def search_fields(record: AssetRecord) -> dict[str, Any]:
    """The derived members of the document."""
    picture, asset_id = record.blob.picture, record.asset_id
    facets = terms_of(record)
    return {
        "terms": [ALL, *filter(leads, facets)],
        "facets": facets,
        "words": beginnings(words_of(_texts(record), MAX_WORDS)),
        "by_created": sort_key(record.created_at, asset_id),
        "by_bytes": sort_key(record.blob.size, asset_id),
        "by_width": sort_key(picture.width, asset_id),
        "by_height": sort_key(picture.height, asset_id),
    }


def sort_key(number: int, asset_id: str = "") -> str:
    """A number as text that sorts like it; without an id less than all keys with that number."""
    return f"{number:014d}{asset_id}"


def terms_of(record: AssetRecord) -> list[str]:
    """What the asset is, without repetition."""
    picture = record.blob.picture
    terms = [tag_term(tag) for tag in record.tags]
    terms += [folder_term(folder) for folder in folders_of(record.public_id)]
    terms += [format_term(record.blob.ext), orientation_term(orientation_of(picture))]
    if picture.color:
        terms.append(color_term(family_of(picture.color)))
    if picture.faces is not None:
        terms.append(faces_term(bool(picture.faces)))
    return list(dict.fromkeys(terms))


def leads(term: str) -> bool:
    """Whether an index may be walked by this term: each one costs every asset that has it some entries."""
    return term not in COMMON


def tag_term(tag: str) -> str:
    """A tag, however it is spelt."""
    return "t:" + folded(tag)


def folder_term(folder: str) -> str:
    """A folder; it ends with a slash."""
    return "d:" + folder


def format_term(ext: str) -> str:
    """The type of the bytes."""
    return "f:" + ext


def orientation_term(orientation: str) -> str:
    """landscape, portrait or square."""
    return "o:" + orientation


def color_term(family: str) -> str:
    """One of `color_families.FAMILIES`."""
    return "c:" + family


def faces_term(some: bool) -> str:
    """Somebody looked for faces, and found some or none."""
    return "h:some" if some else "h:none"


def orientation_of(picture: Picture) -> str:
    """As displayed; square is exactly square."""
    if picture.width == picture.height:
        return "square"
    return "landscape" if picture.width > picture.height else "portrait"


def folders_of(name: str) -> list[str]:
    """`a/b/c.jpg` is in `a/` and `a/b/`; the start of names `a/b` in `a/`."""
    ends = [index + 1 for index, char in enumerate(name) if char == "/"]
    return [name[:end] for end in ends[:MAX_FOLDERS]]


def words_of(texts: Iterable[str], limit: int) -> list[str]:
    """The words of some texts as they are compared: letters and digits, casefolded, each once."""
    words: dict[str, None] = {}
    for text in texts:
        for word in _WORD.findall(folded(text)):
            if len(words) >= limit:
                return list(words)
            words[word[:LAST]] = None
    return list(words)


def beginnings(words: Iterable[str]) -> list[str]:
    """What the words are found by; a word shorter than the shortest beginning is found whole."""
    return list(dict.fromkeys(word[:end] for word in words for end in _ends(word)))


def _ends(word: str) -> range:
    return range(min(FIRST, len(word)), min(LAST, len(word)) + 1)


def _texts(record: AssetRecord) -> tuple[str, ...]:
    name = "" if looks_generated(record.public_id) else record.public_id  # nobody searches made-up letters
    return record.title, name, record.alt
