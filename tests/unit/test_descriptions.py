"""Words of assets: how they are kept, their limits, and merge patches of them, on a node and without."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from index_maker import HandOrigin, a_ticket, opened, upload
from msgspec import structs
from record_maker import a_record

from atoll.asset_edits import Describe, Edit, EditResult
from atoll.asset_text import check_alt, check_context, check_tags, check_title, context_key
from atoll.descriptions import Patch, check_patch, patched
from atoll.errors import BadRequest, Conflict, NotFound, PreconditionFailed
from atoll.events import BlobStored, Event
from atoll.ids import named_asset_id, new_id
from atoll.model import AssetRecord
from storage_node.asset_edits import operation_of
from storage_node.edit_rows import versions_of
from storage_node.index import Index

CAT = named_asset_id("photos", "cat")
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)


def merge_patch(target: object, patch: object) -> object:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.none() | st.lists(TEXT, max_size=3, unique=True),
        "context": st.none() | st.dictionaries(TEXT, st.none() | TEXT, max_size=3),
        "title": st.none() | TEXT,
        "alt": st.none() | TEXT,
    },
)


@example({"0": "0"}, {"context": {"0 ": "1"}})
@example({"0": "0"}, {"context": {"0 ": None}})
@given(st.dictionaries(TEXT, TEXT, max_size=3), PATCHES)
def test_a_patch_does_what_the_rfc_says(context, patch):
    record = a_record(context=check_or_empty(context), title="a title")
    before = {"tags": list(record.tags), "context": record.context, "title": record.title, "alt": record.alt}
    try:
        after = patched(record, msgspec.convert(patch, Patch))
    except BadRequest:
        return  # two spellings of one key
    if isinstance(said := patch.get("context"), dict):  # a key is the text that it is kept as
        patch = {**patch, "context": {context_key(key): value for key, value in said.items()}}
    wanted = merge_patch(before, patch)
    assert isinstance(wanted, dict)
    assert list(after.tags) == list(check_tags(wanted.get("tags", [])))
    assert after.context == check_context(wanted.get("context", {}))
    assert after.title == check_title(wanted.get("title", ""))
    assert after.alt == check_alt(wanted.get("alt", ""))
    assert (
        structs.replace(after, tags=record.tags, context=record.context, title=record.title, alt="") == record
    )


def check_or_empty(context):
    try:
        return check_context(context)
    except BadRequest:
        return {}


def test_tags_are_added_and_removed_however_they_are_spelt_and_keep_their_order():
    record = a_record(tags=("sea", "Küste", "sun"))
    change = Patch(add_tags=("SEA", "wind"), remove_tags=("KU\u0308STE",))
    assert patched(record, change).tags == ("sea", "sun", "wind")


def test_a_list_is_replaced_or_changed_not_both_and_nothing_is_no_patch():
    for wrong in (Patch(tags=(), add_tags=("a",)), Patch()):
        with pytest.raises(BadRequest):
            check_patch(wrong)
    check_patch(Patch(tags=None))


def test_limits_hold_for_what_comes_out_not_only_for_what_is_said():
    full = a_record(tags=tuple(f"t{i}" for i in range(32)), context={f"k{i}": "v" for i in range(32)})
    for change in (Patch(add_tags=("one more",)), Patch(context={"one more": "v"})):
        with pytest.raises(BadRequest) as caught:
            patched(full, change)
        assert caught.value.facts["limit"] == 32
    assert patched(full, Patch(add_tags=("new",), remove_tags=("t0",))).tags[-1] == "new"
    assert patched(full, Patch(context={"k0": None, "new": "v"})).context["new"] == "v"


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (lambda n: check_tags(f"t{i}" for i in range(n)), 32, 33),
        (lambda n: check_tags(["x" * n]), 64, 65),
        (lambda n: check_context({f"k{i}": "" for i in range(n)}), 32, 33),
        (lambda n: check_context({"x" * n: ""}), 64, 65),
        (lambda n: check_context({"k": "x" * n}), 256, 257),
        (lambda n: check_title("x" * n), 256, 257),
        (lambda n: check_alt("x" * n), 1024, 1025),
    ],
)
def test_every_limit_of_words_has_a_number(check, good, bad):
    check(good)
    with pytest.raises(BadRequest) as caught:
        check(bad)
    assert caught.value.facts == {"member": caught.value.facts["member"], "limit": good, "got": bad}


def test_words_are_kept_composed_trimmed_and_once():
    assert check_tags([" Ku\u0308ste ", "Küste", "sea"]) == ("Küste", "sea")
    hostile = {"$where": "1", "a.b": "2", "..": "3", "__proto__": "4", "{}": "5"}
    assert check_context(hostile) == hostile
    with pytest.raises(BadRequest):
        check_context({"Küste": "1", "Ku\u0308ste": "2"})


@pytest.mark.parametrize("text", ["a\0b", "a\x1b[31m", "\ud800", "a\x7f"])
def test_control_characters_and_halves_of_characters_are_refused(text):
    for check in (lambda t: check_tags([t]), lambda t: check_context({t: ""}), check_title, check_alt):
        with pytest.raises(BadRequest):
            check(text)
    assert check_alt("two\nlines") == "two\nlines"
    with pytest.raises(BadRequest):
        check_tags(["  "])


def shot(index: Index, origin: HandOrigin, body: bytes) -> AssetRecord:
    origin.now += 1000
    return upload(
        index, origin.origin, body, a_ticket(asset_id=CAT, public_id="cat", title="A cat", alt="grey")
    )


def edit(index: Index, origin: HandOrigin, **facts: object) -> EditResult:
    origin.now += 1000
    order: Edit = Describe(asset_id=CAT, set="s1", **facts)  # type: ignore[arg-type]  # facts of a test
    sent = msgspec.json.decode(msgspec.json.encode(order), type=Edit)  # type: ignore[arg-type]  # a union
    return index.write(operation_of(sent, origin.origin)).result(20)


def test_other_words_are_a_record_of_the_same_version_of_the_image(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        assert (first.title, first.alt) == ("A cat", "grey")
        (told,) = edit(index, origin, patch=Patch(title=None, add_tags=("tom",)), seen=first.version).records
        assert told == structs.replace(
            first, version=told.version, content=first.version, title="", tags=(*first.tags, "tom")
        )
        assert told.version > first.version
        assert index.read(lambda db: versions_of(db, CAT)) == [told], "people see one version"
        event = msgspec.json.decode(index.outbox(9)[-1].body, type=Event)  # type: ignore[arg-type]  # a union
        assert isinstance(event, BlobStored)
        assert event.asset == told
        (again,) = edit(index, origin, patch=Patch(alt="black")).records
        assert again.content == first.version
        assert again.tags == told.tags


def test_what_changes_nothing_makes_no_record(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        events = len(index.outbox(9))
        assert edit(index, origin, patch=Patch(title="A cat")).records == (first,)
        assert len(index.outbox(9)) == events


def test_if_match_holds_for_the_newest_record_and_a_node_that_is_behind_refuses(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        (second,) = edit(index, origin, patch=Patch(title="1"), expected=first.version).records
        later = new_id(origin.now + 60_000)
        for facts, error in [
            ({"expected": first.version}, PreconditionFailed),
            ({"expected": later}, Conflict),
            ({"seen": later}, Conflict),
        ]:
            with pytest.raises(error):
                edit(index, origin, patch=Patch(title="2"), **facts)
        assert index.asset(CAT).records == (second, first)


def test_an_asset_that_is_not_here_and_words_that_are_too_many_change_nothing(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        with pytest.raises(NotFound):
            edit(index, origin, patch=Patch(title="x"))
        first = shot(index, origin, b"one")
        (full,) = edit(index, origin, patch=Patch(add_tags=tuple(f"t{i}" for i in range(32)))).records
        with pytest.raises(BadRequest):
            edit(index, origin, patch=Patch(add_tags=("one more",)))
        assert index.asset(CAT).records == (full, first)
