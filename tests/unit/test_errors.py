"""Errors: one tree, drawn where it is defined; every leaf survives the way over HTTP."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll import errors
from atoll.errors import AtollError, Failed, NotFound, Rejected, from_problem


def family(cls):
    return [
        cls,
        *(c for sub in cls.__subclasses__() if sub.__module__ == cls.__module__ for c in family(sub)),
    ]


TREE = family(AtollError)
DRAWING = (errors.__doc__ or "").partition("AtollError\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize("cls", TREE, ids=lambda cls: cls.__name__)
def test_an_error_comes_back_from_its_problem_document(cls):
    error = cls("What happened.", limit=5, got="x", retry_after=1.5)
    document = msgspec.json.decode(msgspec.json.encode(error.problem()))
    back = from_problem(document, cls.status)
    assert type(back) is cls
    assert (back.detail, back.facts) == (error.detail, error.facts)
    assert back.problem() == error.problem()


@pytest.mark.parametrize("cls", TREE, ids=lambda cls: cls.__name__)
def test_every_error_says_what_it_is(cls):
    document = cls("What happened.").problem()
    assert document["type"] == f"urn:atoll:problem:{cls.slug}"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.slug)
    assert document["status"] == cls.status
    assert document["title"]
    assert document["detail"] == str(cls("What happened."))


def test_no_two_errors_have_one_type_or_title_alike():
    leaves = [
        cls for cls in TREE if cls not in {AtollError, Failed}
    ]  # Failed is a base, never raised by itself
    assert len({cls.slug for cls in leaves}) == len(leaves)
    assert len({cls.title for cls in leaves}) == len(leaves)


def test_the_drawing_names_every_class_with_its_status():
    for cls in TREE[1:]:
        if cls in (Rejected, Failed):
            assert cls.__name__ in DRAWING
        else:
            assert re.search(rf"\b{cls.__name__}\s+{cls.status}\b", DRAWING), cls.__name__


def test_the_drawing_names_no_class_that_is_not_there():
    drawn = set(re.findall(r"\b[A-Z]\w+(?=\s+\d{3}\b)", DRAWING))
    assert drawn <= {cls.__name__ for cls in TREE}


def test_4xx_is_the_requests_fault_and_5xx_is_ours():
    for cls in TREE:
        assert (cls.status < 500) == issubclass(cls, Rejected)


def test_only_what_can_do_no_harm_is_safe_to_repeat():
    safe = {cls.__name__ for cls in TREE if cls.retry_safe}
    assert safe == {
        "BodyTimeout",
        "TooManyRequests",
        "Failed",
        "UpstreamFailed",
        "OutwardFailed",
        "Unavailable",
        "Overloaded",
        "NoSpace",
    }


@pytest.mark.parametrize(
    ("document", "status", "kind", "detail"),
    [
        ({}, 404, Rejected, "HTTP 404"),
        ({}, 502, Failed, "HTTP 502"),
        ({"type": "about:blank", "title": "Gone"}, 410, Rejected, "Gone"),
        ({"type": "urn:atoll:problem:from-the-future", "detail": "New."}, 503, Failed, "New."),
        ({"type": "urn:atoll:problem:not-found", "detail": "No."}, 404, NotFound, "No."),
        ({"http_status": 1, "detail": "Passed on."}, 502, Failed, "Passed on."),
        ({"type": 5, "detail": None, "title": None}, 400, Rejected, "HTTP 400"),
        ({"type": "urn:atoll:problem:not-found", "self": 1, "a-b": 2, "x": 3}, 404, NotFound, "HTTP 404"),
    ],
)
def test_a_document_that_we_do_not_know_becomes_the_nearest_base(document, status, kind, detail):
    error = from_problem(document, status)
    assert type(error) is kind
    assert error.detail == detail


def _within(inner):
    return st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)


# Three levels, written out: st.recursive now and then takes its own argument for unused and warns.
plain = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
json_values = plain | _within(plain) | _within(_within(plain))


@given(
    st.dictionaries(
        st.sampled_from(["type", "title", "status", "detail", "self", "cls", "args"]) | st.text(max_size=9),
        json_values,
    ),
    st.integers(400, 599),
)
def test_whatever_a_peer_answers_becomes_an_error_of_ours(document, status):
    error = from_problem(document, status)
    assert isinstance(error, AtollError)
    assert isinstance(error.detail, str)
    assert msgspec.json.encode(error.problem())


def test_facts_cannot_overwrite_the_documents_own_members():
    document = NotFound("No.", limit=1).problem()
    assert set(document) == {"type", "title", "status", "detail", "limit"}
