"""Which file an asset becomes: never outside, never two in one place, the way back exact."""

from __future__ import annotations

import contextlib
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.client.export_paths import MANIFEST, WORKPLACE, ExportPaths
from atoll.client.folder_names import folder_prefix, is_image, likely_paths, public_id_of
from atoll.errors import BadName
from atoll.names import EXTENSIONS, check_public_id

SEGMENT = st.text("aAbBßéÉ ſıİ.~-1", min_size=1, max_size=4) | st.sampled_from(
    ["K" * 254, "ü" * 120, MANIFEST]
)


@st.composite
def public_ids(draw):
    names = draw(st.lists(st.lists(SEGMENT, min_size=1, max_size=3).map("/".join), max_size=12))
    found = set()
    for name in names:
        with contextlib.suppress(BadName):
            found.add(check_public_id(name))
    return sorted(found)


def folded(path):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


@given(public_ids(), st.sampled_from(EXTENSIONS))
def test_every_asset_has_a_place_of_its_own_on_every_disk(names, ext):
    paths = ExportPaths()
    given_out = [paths.path(name, "", ext) for name in names]
    files = {folded(path) for path in given_out}
    assert len(files) == len(names)
    above = {folded(path[:at]) for path in given_out for at, c in enumerate(path) if c == "/"}
    assert not files & above, "no path is file and folder"
    for path in given_out:
        segments = path.split("/")
        assert not {"", ".", ".."} & set(segments)
        assert all(len(segment.encode()) <= 255 for segment in segments)
        assert folded(segments[0]) not in {folded(MANIFEST), folded(WORKPLACE)}
        assert os.path.normpath(f"/top/{path}") == f"/top/{path}"
        assert path.endswith(f".{ext}")


@given(public_ids(), st.sampled_from(EXTENSIONS))
def test_a_path_without_a_mark_leads_back_to_the_name(names, ext):
    paths = ExportPaths()
    for name in names:
        path = paths.path(name, "", ext)
        if path == f"{name}.{ext}":
            assert is_image(path)
            assert public_id_of(path, "") == name


def test_the_same_listing_gives_the_same_paths():
    names = ["A", "a", "b", "b.png/x", "b.png/y"]
    first, second = (
        [paths.path(name, "", "png") for name in names] for paths in (ExportPaths(), ExportPaths())
    )
    assert first == second
    assert first[0] == "A.png"
    assert first[1].startswith("a~")
    assert first[3].rpartition("/")[0] == first[4].rpartition("/")[0] != "b.png"


@pytest.mark.parametrize(
    "hostile", ["../x", "/etc/x", "a//b", "a/../../b", "a\\b", "", "a\0b", ".", "x\n", "e\u0301"]
)
def test_what_a_cluster_would_never_say_is_refused(hostile):
    with pytest.raises(BadName):
        ExportPaths().path(hostile, "", "png")
    with pytest.raises(BadName):
        ExportPaths().path("fine", "", hostile)


def test_what_is_not_below_the_prefix_is_refused():
    assert ExportPaths().path("cats/a", "cats/", "jpg") == "a.jpg"
    with pytest.raises(BadName):
        ExportPaths().path("catalog", "cats/", "jpg")


def test_a_prefix_is_a_folder():
    assert [folder_prefix(text) for text in ("", "cats", "cats/", "a/b")] == ["", "cats/", "cats/", "a/b/"]
    for wrong in ("/", "//", "../x", "a//", "a?"):
        with pytest.raises(BadName):
            folder_prefix(wrong)


def test_where_a_file_lay_is_known_from_its_name_or_guessed_from_its_type():
    assert list(likely_paths("p/deep/a", "p/", "jpg", "a.JPEG")) == ["deep/a.JPEG"]
    assert list(likely_paths("p/a", "p/", "jpg", "other.jpg")) == ["a.jpeg", "a.jpg"]
    assert list(likely_paths("a", "", "png", None)) == ["a.png"]
