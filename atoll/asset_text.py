"""What people may say of an asset: tags, context, title, alternative text. Pure.

Owns the form that is kept (NFC, no control characters, tags and keys without space at their edges, each tag
once) and the form in which words are compared (casefolded). Limits are those of `atoll.model`. Keys of a
context are any text: dots and dollars too. Refuses with `BadRequest`. Called where words come in: the ticket
office of the query service, and the nodes for edits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from atoll.errors import BadRequest

MAX_TAGS, MAX_TAG_CHARS = 32, 64
MAX_CONTEXT, MAX_CONTEXT_CHARS = 32, 256
MAX_TITLE_CHARS, MAX_ALT_CHARS = 256, 1024

_LINES = frozenset("\n\t")  # a description may have lines


def folded(text: str) -> str:
    """`text` as it is compared: Küste, KÜSTE and a u with a dot pair of its own are the same."""
    once = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", once)  # folding may take letters apart


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept, in their order; of those that are spelt the same, one."""
    kept = tuple(dict.fromkeys(_word("tags", tag) for tag in tags))
    if len(kept) > MAX_TAGS:
        raise _too_much("tags", "tags", MAX_TAGS, len(kept))
    return kept


def check_context(context: Mapping[str, str]) -> dict[str, str]:
    """A context as it is kept. Two keys that become the same are refused: one of the values would be lost."""
    kept = {
        _word("context", key): _text("context", value, MAX_CONTEXT_CHARS) for key, value in context.items()
    }
    if len(kept) != len(context):
        raise BadRequest("Two keys of context are the same text, written differently.", member="context")
    if len(kept) > MAX_CONTEXT:
        raise _too_much("context", "keys", MAX_CONTEXT, len(kept))
    return kept


def check_title(title: str) -> str:
    """A title as it is kept; "" for none."""
    return _text("title", title, MAX_TITLE_CHARS)


def check_alt(alt: str) -> str:
    """An alternative text as it is kept; "" for none."""
    return _text("alt", alt, MAX_ALT_CHARS)


def context_key(key: str) -> str:
    """A key of a context as it is kept."""
    return _word("context", key)


def _word(member: str, word: str) -> str:
    """A tag or key: one line, not empty."""
    kept = _plain(member, word, frozenset()).strip()
    if not kept:
        raise BadRequest(f"{member} has an empty word.", member=member)
    if len(kept) > MAX_TAG_CHARS:
        raise _too_much(member, "characters in a word", MAX_TAG_CHARS, len(kept))
    return kept


def _text(member: str, text: str, limit: int) -> str:
    kept = _plain(member, text, _LINES)
    if len(kept) > limit:
        raise _too_much(member, "characters", limit, len(kept))
    return kept


def _plain(member: str, text: str, allowed: frozenset[str]) -> str:
    # Cs: half a surrogate pair, which no other program could read back.
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in allowed for c in text):
        raise BadRequest(f"{member} has no control characters.", member=member, got=ascii(text)[:80])
    return unicodedata.normalize("NFC", text)


def _too_much(member: str, what: str, limit: int, got: int) -> BadRequest:
    return BadRequest(f"{member} has at most {limit} {what}.", member=member, limit=limit, got=got)
