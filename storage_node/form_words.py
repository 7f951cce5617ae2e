"""What a visitor may say of his image in the fields of a form: what the ticket names, and no more. Pure.

A ticket's `form_fields` are under its signature. What the ticket itself says stands: a form adds tags and
keys of context to it, and gives the title and alternative text that it leaves open. Fields that it does not
name change nothing, as forms have fields of their own. Called by form_intake.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from atoll.asset_text import check_alt, check_context, check_tags, check_title
from atoll.context_text import context_of
from atoll.signing import Ticket

WORDS = frozenset({"tags", "context", "title", "alt"})


def with_words(ticket: Ticket, fields: Mapping[str, str]) -> Ticket:
    """`ticket` with what the form adds; `BadRequest` for what no image may be told."""
    said = {name: fields[name] for name in ticket.form_fields if fields.get(name)}
    if not said:
        return ticket
    tags = filter(None, (tag.strip() for tag in said.get("tags", "").split(",")))
    return replace(
        ticket,
        tags=check_tags([*ticket.tags, *tags]),
        context=check_context({**check_context(context_of(said.get("context", ""))), **ticket.context}),
        title=ticket.title or check_title(said.get("title", "")),
        alt=ticket.alt or check_alt(said.get("alt", "")),
    )
