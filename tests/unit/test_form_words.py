"""What the fields of a visitor's form do to a ticket: what it names, and nothing that it says itself."""

from __future__ import annotations

import pytest

from atoll.errors import BadRequest
from atoll.signing import Ticket
from storage_node.form_words import with_words

ALL = ("tags", "context", "title", "alt")
FIELDS = {"tags": "sea, boat,,sea", "context": "a=1|b=2", "title": "Boat", "alt": "A boat"}


def ticket(**facts):
    return Ticket("t" * 26, "n", "s", "shop", "a" * 26, 0, 0, **facts)


def words(made):
    return made.tags, made.context, made.title, made.alt


def test_a_ticket_that_names_no_fields_stays_as_it_is():
    own = ticket(tags=("x",))
    assert with_words(own, FIELDS) is own
    named = ticket(form_fields=ALL)
    assert with_words(named, {"comment": "hello", "title": ""}) is named


def test_a_form_says_what_the_ticket_names_and_nothing_else():
    said = with_words(ticket(form_fields=ALL), FIELDS)
    assert words(said) == (("sea", "boat"), {"a": "1", "b": "2"}, "Boat", "A boat")
    assert words(with_words(ticket(form_fields=("alt",)), FIELDS)) == ((), {}, "", "A boat")


def test_what_the_ticket_says_stands():
    own = ticket(form_fields=ALL, tags=("shop",), context={"a": "9"}, title="Ours", alt="Ours, too")
    assert words(with_words(own, FIELDS)) == (
        ("shop", "sea", "boat"),
        {"a": "9", "b": "2"},
        "Ours",
        "Ours, too",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": ",".join(map(str, range(33)))},
        {"tags": "x" * 65},
        {"title": "x" * 257},
        {"title": "a\0b"},
        {"alt": "x" * 1025},
        {"context": "no pair"},
        {"context": "|".join(f"{n}=1" for n in range(33))},
    ],
)
def test_words_are_held_to_the_limits_of_all_words(fields):
    with pytest.raises(BadRequest):
        with_words(ticket(form_fields=ALL), fields)
