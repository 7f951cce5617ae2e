"""Searches, without a database: what an asset is found by, and that one index answers each search."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from record_maker import a_record

from atoll.asset_text import folded
from atoll.errors import BadRequest
from atoll.ids import new_id
from atoll.model import Face, Picture
from query_service.catalog_documents import asset_document, record_of
from query_service.catalog_indexes import INDEXES
from query_service.color_families import FAMILIES, asked_family, family_of
from query_service.search_cursor import read_cursor, write_cursor
from query_service.search_fields import (
    ALL,
    MAX_WORDS,
    beginnings,
    search_fields,
    sort_key,
    terms_of,
    words_of,
)
from query_service.search_plan import plan_of
from query_service.search_wire import MAX_QUERY_WORDS, SearchOrder, moment_ms

SORTS = ["public_id", "created_at", "bytes", "width", "height"]


def with_picture(picture, **more):
    return a_record(blob=structs.replace(a_record().blob, picture=picture), **more)


def test_what_an_asset_is_becomes_terms():
    face = Face(0.1, 0.1, 0.2, 0.2)
    record = with_picture(Picture(40, 30, color="#1f4fd0", faces=(face,)), public_id="a/b/c", tags=("Küste",))
    assert terms_of(record) == ["t:küste", "d:a/", "d:a/b/", "f:jpg", "o:landscape", "c:blue", "h:some"]
    assert terms_of(with_picture(Picture(30, 40, faces=()), public_id="x", tags=())) == [
        "f:jpg",
        "o:portrait",
        "h:none",
    ]
    assert "o:square" in terms_of(with_picture(Picture(40, 40)))


def test_where_nobody_looked_for_faces_or_colours_nothing_is_said_of_them():
    terms = terms_of(with_picture(Picture(1, 1)))
    assert not [term for term in terms if term[0] in "ch"]


def test_words_are_compared_casefolded_and_composed_and_found_by_their_beginnings():
    assert words_of(["Straße am Me\u0301er, IMG_0042.jpg"], 9) == [
        "strasse",
        "am",
        "méer",
        "img",
        "0042",
        "jpg",
    ]
    assert beginnings(["sand", "7"]) == ["sa", "san", "sand", "7"]
    assert words_of(["x" * 40], 9) == ["x" * 16], "a word is cut, in the index as in the question"


def test_an_asset_has_a_bounded_number_of_words_the_title_first():
    record = a_record(title=" ".join(f"t{i}" for i in range(60)), alt=" ".join(f"a{i}" for i in range(60)))
    words = search_fields(record)["words"]
    assert "t59" in words
    assert len(words) <= MAX_WORDS * 15
    assert "a59" not in words


def test_a_made_up_name_has_no_words():
    made = new_id()
    assert search_fields(a_record(asset_id=made, public_id=made))["words"] == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_folding_is_final_and_knows_no_case(text):
    assert folded(folded(text)) == folded(text)
    assert folded(text.lower()) == folded(text) or folded(text.upper()) == folded(text.lower().upper())


def test_a_record_survives_its_document_with_all_that_searches_need():
    record = a_record(
        title="A Title", alt="what is seen", content="2" * 26, by="key", context={"$a.b": "", ".": "$"}
    )
    assert record_of(asset_document(record)) == record


def test_sort_keys_sort_as_their_numbers_and_are_different_for_every_asset():
    numbers = [0, 9, 10, 12345, 10**12]
    assert sorted(sort_key(n, "a" * 26) for n in reversed(numbers)) == [
        sort_key(n, "a" * 26) for n in numbers
    ]
    assert sort_key(7) < sort_key(7, "0" * 26) < sort_key(7, "0" * 25 + "1") < sort_key(8)


@pytest.mark.parametrize(
    ("color", "family"),
    [("#ff0000", "red"), ("#0000ff", "blue"), ("#00ff00", "green"), ("#000000", "black"),
     ("#ffffff", "white"), ("#808080", "gray"), ("#ffa500", "orange"), ("#8b4513", "brown"),
     ("#ffff00", "yellow"), ("#008080", "teal"), ("#800080", "purple"), ("#ffc0cb", "pink"),
     ("#0a0a0c", "black"), ("#f7f5f2", "white"), ("#87ceeb", "blue"), ("", "")],
)  # fmt: skip
def test_a_colour_is_of_the_family_that_people_would_name(color, family):
    assert family_of(color) == family


@given(st.integers(0, 2**24 - 1))
def test_every_colour_has_a_family(number):
    assert family_of(f"#{number:06x}") in FAMILIES


def test_a_colour_may_be_asked_for_by_family_css_name_or_digits():
    assert asked_family("Grey") == "gray"
    assert asked_family("navy") == asked_family("#000080") == asked_family("0000FF") == "blue"
    for wrong in ("", "colour", "#12345", "transparent"):
        with pytest.raises(BadRequest):
            asked_family(wrong)


FILTERS = [
    {}, {"tags": ("Sea", "sun")}, {"prefix": "a/b/c"}, {"format": "png"}, {"orientation": "square"},
    {"color": "red"}, {"has_faces": True}, {"min_bytes": 5, "max_bytes": 9}, {"min_width": 5},
    {"max_height": 7}, {"created_after": "2026-01-01"}, {"created_before": "2026-01-01T00:00:00Z"},
    {"q": "white sand"},
]  # fmt: skip


def plans():
    """Each accepted combination of up to three filters with each sort."""
    for some in itertools.combinations(FILTERS, 3):
        asked = some[0] | some[1] | some[2]
        for sort in SORTS:
            for way in ("", "-"):
                if "q" not in asked or sort == "created_at":
                    yield plan_of(SearchOrder(bucket="photos", sort=way + sort, **asked))


def test_every_accepted_search_is_one_walk_of_an_index_that_has_its_order():
    indexes = {index.document["name"]: list(index.document["key"]) for index in INDEXES["assets"]}
    for plan in plans():
        *before, last = indexes[plan.index]
        assert last == plan.key, "its order is the index's"
        for field in before:
            value = plan.filter[field]
            assert isinstance(value, str) or set(value) == {"$all"}, "one point of the index before the order"
        assert plan.key in plan.filter, "from somewhere to somewhere"
        assert not {"$or", "$and", "$where", "$expr", "$text"} & plan.filter.keys()
        assert "$regex" not in str(plan.filter)


def test_the_rarest_term_leads_and_the_others_are_looked_at():
    order = SearchOrder(bucket="photos", tags=("Sea", "sun"), format="png", sort="-created_at")
    plan = plan_of(order)
    assert plan.index == "bucket_terms_created_at"
    assert plan.filter == {
        "bucket": "photos",
        "terms": "t:sea",
        "facets": {"$all": ["t:sun", "f:png"]},
        "by_created": {"$gte": ""},
    }


def test_in_the_order_of_a_size_all_terms_are_looked_at():
    plan = plan_of(SearchOrder(bucket="photos", tags=("sea",), format="png", sort="-bytes"))
    assert plan.index == "bucket_bytes"
    assert plan.filter == {
        "bucket": "photos",
        "facets": {"$all": ["t:sea", "f:png"]},
        "by_bytes": {"$gte": ""},
    }


def test_what_most_assets_are_leads_no_walk_and_is_in_no_index():
    common = {"format": "jpg", "orientation": "portrait", "has_faces": False}
    plan = plan_of(SearchOrder(bucket="photos", sort="created_at", color="red", **common))
    assert plan.filter["terms"] == "c:red"
    assert plan.filter["facets"] == {"$all": ["f:jpg", "o:portrait", "h:none"]}
    by_time = plan_of(SearchOrder(bucket="photos", sort="created_at", **common))
    assert by_time.filter["terms"] == ALL
    assert by_time.filter["facets"] == {"$all": ["f:jpg", "o:portrait", "h:none"]}
    assert plan_of(SearchOrder(bucket="photos", **common)).index == "bucket_public_id"
    fields = search_fields(with_picture(Picture(30, 40, faces=()), public_id="x", tags=()))
    assert fields["terms"] == [ALL]
    assert fields["facets"] == ["f:jpg", "o:portrait", "h:none"]


def test_a_term_that_leads_a_walk_is_in_every_document_that_has_it():
    for sort in ("created_at", "public_id"):
        for asked in ({"format": "png"}, {"orientation": "square"}, {"has_faces": True}, {"tags": ("x",)}):
            plan = plan_of(SearchOrder(bucket="photos", sort=sort, **asked))
            face = Face(0.1, 0.1, 0.2, 0.2)
            blob = structs.replace(a_record().blob, ext="png", picture=Picture(5, 5, faces=(face,)))
            assert plan.filter["terms"] in search_fields(a_record(blob=blob, tags=("X",)))["terms"]


def test_words_are_answered_in_the_order_of_time_only():
    plan = plan_of(SearchOrder(bucket="photos", q="A Holiday", tags=("sea",)))
    assert (plan.index, plan.descending) == ("bucket_words_created", True)
    assert plan.filter["words"] == {"$all": ["holiday", "a"]}
    with pytest.raises(BadRequest):
        plan_of(SearchOrder(bucket="photos", q="holiday", sort="bytes"))
    for wrong in ("", " … ", " ".join(f"w{i}" for i in range(MAX_QUERY_WORDS + 1))):
        with pytest.raises(BadRequest):
            plan_of(SearchOrder(bucket="photos", q=wrong))


def test_a_cursor_is_good_for_its_sort_only():
    key = sort_key(7, "0" * 26)
    assert read_cursor(write_cursor(key, "-bytes"), "-bytes") == key
    assert read_cursor(write_cursor("é/ü", "public_id"), "public_id") == "é/ü"
    assert read_cursor(write_cursor("é/ü", "-public_id"), "-public_id") == "é/ü"
    for cursor, sort in [
        (write_cursor(key, "-bytes"), "bytes"),
        (write_cursor("name", "public_id"), "bytes"),
        (write_cursor("name", "bytes"), "bytes"),
        (write_cursor("a\0b", "public_id"), "public_id"),
        ("%%%", "public_id"),
        ("", "public_id"),
        ("bytes.!", "bytes"),
    ]:
        with pytest.raises(BadRequest):
            read_cursor(cursor, sort)


def test_times_have_a_zone_or_are_dates():
    assert moment_ms("created_after", "1970-01-02") == 86_400_000
    assert moment_ms("created_after", "1970-01-01T01:00:00+01:00") == 0
    for wrong in ("yesterday", "2026-01-01T00:00:00", "2026-13-01", "9999999"):
        with pytest.raises(BadRequest):
            moment_ms("created_after", wrong)
