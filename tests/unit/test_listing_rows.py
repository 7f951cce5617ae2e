"""What listings say, and what no listing may say."""

from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.client.folder_files import Expected
from atoll.client.globs import Filter
from atoll.client.listing_file import Listing, find_listed
from atoll.client.listing_rows import MAX_LINE_CHARACTERS, entries, guess_form
from atoll.errors import AtollError, BadRequest

MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def rows(*lines, columns=None, md5=True):
    return list(entries("csv", lines, columns, md5=md5))


@pytest.mark.parametrize(
    ("name", "first", "form"),
    [
        ("a.csv", "", "csv"),
        ("a.csv.gz", "", "csv"),
        ("a", '"bucket","key"', "csv"),
        ("a.jsonl", "", "manifest"),
        ("a", '{"path"', "manifest"),
        ("a.txt", "a,b.png", "keys"),
    ],
)
def test_a_listing_is_recognized(name, first, form):
    assert guess_form(name, first) == form


def test_a_key_is_tried_as_in_urls_then_with_plusses_then_as_it_is():
    (entry,) = rows('"b","a%20b+c.png","7","' + MD5 + '"')
    assert entry.paths == ("a b+c.png", "a b c.png", "a%20b+c.png")
    assert entry.expected == Expected(7, MD5)


def test_the_etag_of_a_multipart_upload_is_no_md5_and_may_be_told_to_be_none():
    assert rows(f'b,k,1,"{MD5}-7"')[0].expected.md5 is None
    assert rows(f"b,k,1,{MD5.upper()}")[0].expected.md5 == MD5
    assert rows(f"b,k,1,{MD5}", md5=False)[0].expected.md5 is None


def test_columns_may_be_in_any_order_and_old_versions_are_left_out():
    named = ["Bucket", " Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "ETag"]
    found = rows("b,a,1,true,false,5,", "b,a,0,false,false,4,", "b,c,2,true,true,,", columns=named)
    assert [(entry.paths, entry.expected.size) for entry in found] == [(("a",), 5), ((), None), ((), None)]
    assert [entry.paths for entry in rows("Size,Key", "5,a")] == [("a",)]


@pytest.mark.parametrize("line", ["b", "b,k,x", "b,k,-1", "b,k,1.5", "b,k,²", 'b,"k"x,1', "b,k," + "9" * 30])
def test_a_line_that_says_nothing_is_told_with_its_number(line):
    with pytest.raises(BadRequest) as told:
        rows("b,fine,1", line)
    assert told.value.facts["line"] == 2


@given(st.sampled_from(["csv", "keys", "manifest"]), st.lists(st.text(max_size=40), max_size=5))
def test_no_text_is_anything_but_entries_or_a_bad_request(form, lines):
    try:
        for entry in entries(form, lines, None, md5=True):
            assert isinstance(entry.paths, tuple)
    except BadRequest:
        pass


@given(st.binary(max_size=200))
def test_no_file_is_anything_but_a_listing_or_an_error_of_ours(tmp_path_factory, body):
    top = tmp_path_factory.getbasetemp()
    for content in (body, gzip.compress(body)[: len(body)], b"\x1f\x8b" + body):
        (top / "listing").write_bytes(content)
        with contextlib.suppress(AtollError):
            find_listed(Listing(top / "listing"), top, "", Filter())


@pytest.mark.parametrize(
    "key", ["../x.png", "/etc/x.png", "a/../../x.png", "a//x.png", "./../x.png", "\0.png"]
)
def test_no_key_leads_out_of_the_root(tmp_path, key):
    (tmp_path / "x.png").write_bytes(b"secret")
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "keys").write_text(key + "\n")
    found = find_listed(Listing(tmp_path / "keys"), tmp_path / "root", "", Filter())
    assert not found.files
    assert len(found.refused) == 1


def test_a_listing_has_bounds(tmp_path):
    (tmp_path / "keys").write_text("a.png\nb.png\nc.png\n")
    with pytest.raises(BadRequest) as told:
        find_listed(Listing(tmp_path / "keys"), tmp_path, "", Filter(), limit=2)
    assert told.value.facts["limit"] == 2
    (tmp_path / "keys").write_bytes(gzip.compress(b"a" * (MAX_LINE_CHARACTERS + 1)))
    with pytest.raises(BadRequest):
        find_listed(Listing(tmp_path / "keys"), tmp_path, "", Filter())
