"""Faces are found where they are, in shares of the picture as displayed; and what is no face is none."""

from __future__ import annotations

import pytest
from face_maker import crowd
from picture_maker import scene
from PIL import Image

from atoll.errors import AtollError
from atoll.model import MAX_FACES, Face
from storage_node.looks.extra import cascade, looks_for_faces
from storage_node.looks.faces import FaceFinder
from storage_node.looks.look import look

needs_the_extra = pytest.mark.skipif(
    cascade() is None, reason="!!! atoll[faces] IS NOT INSTALLED: finding faces is not tested !!!"
)


@pytest.fixture(scope="module")
def find() -> FaceFinder:
    known = cascade()
    assert known is not None
    return FaceFinder(known)


def middle(face: Face) -> tuple[float, float]:
    return face.left + face.width / 2, face.top + face.height / 2


def is_at(face: Face, x: float, y: float) -> bool:
    return abs(middle(face)[0] - x) < 0.06 and abs(middle(face)[1] - y) < 0.1


ONE = crowd((600, 400), (380, 100, 120))  # its middle is at 440 of 600, 180 of 400
X, Y = 440 / 600, 180 / 400


@needs_the_extra
@pytest.mark.parametrize("scale", [0.5, 1, 3, 7])
def test_a_face_is_found_where_it_is_whatever_the_size_of_the_picture(find: FaceFinder, scale: float) -> None:
    (found,) = find(ONE.resize((round(600 * scale), round(400 * scale))), 1) or ()
    assert is_at(found, X, Y)
    assert 0.1 < found.width < 0.3


@needs_the_extra
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "YCbCr", "I;16", "F"])
def test_a_face_is_found_however_its_pixels_are_kept(find: FaceFinder, mode: str) -> None:
    wide = ONE.convert("I").point(lambda level: level * 257)
    image = wide.convert("I;16") if mode == "I;16" else ONE.convert(mode)
    (found,) = find(image.resize((1800, 1200)), 1) or ()
    assert is_at(found, X, Y)


@needs_the_extra
def test_places_are_those_of_the_picture_as_displayed(find: FaceFinder) -> None:
    held_sideways = ONE.transpose(Image.Transpose.ROTATE_90)
    assert find(held_sideways, 1) == ()
    (found,) = find(held_sideways, 6) or ()
    assert is_at(found, X, Y)


@needs_the_extra
def test_the_largest_face_comes_first(find: FaceFinder) -> None:
    found = find(crowd((900, 400), (40, 40, 110), (300, 20, 260), (700, 100, 160)), 1) or ()
    assert [round(face.width, 1) for face in found] == sorted(
        (round(f.width, 1) for f in found), reverse=True
    )
    assert len(found) == 3
    assert is_at(found[0], 430 / 900, 189 / 400)


@needs_the_extra
def test_of_a_crowd_only_so_many_faces_are_kept(find: FaceFinder) -> None:
    places = [(column * 42 + 4, row * 58 + 4, 34) for column in range(7) for row in range(6)]
    found = find(crowd((310, 360), *places), 1)
    assert found is not None
    assert len(found) == MAX_FACES


@needs_the_extra
@pytest.mark.parametrize("image", [scene(), Image.effect_noise((400, 300), 60), Image.new("L", (90, 90))])
def test_a_picture_without_faces_has_none(find: FaceFinder, image: Image.Image) -> None:
    assert find(image, 1) == ()


@needs_the_extra
@pytest.mark.parametrize("size", [(1, 65_535), (65_535, 1), (1, 1), (23, 400), (24, 24)])
def test_what_is_too_small_for_a_face_has_none(find: FaceFinder, size: tuple[int, int]) -> None:
    assert find(Image.new("RGB", size), 1) == ()


@needs_the_extra
def test_what_cannot_be_looked_at_is_not_said_to_have_none(find: FaceFinder) -> None:
    unknown = Image.new("RGB", (90, 90))
    unknown._mode = "XYZ"
    assert find(unknown, 1) is None


def test_where_nobody_looks_nothing_is_said_of_faces() -> None:
    assert look(ONE, 1, ONE.size).faces is None


@pytest.mark.parametrize(
    ("wanted", "installed", "looks"),
    [("auto", True, True), ("auto", False, False), ("off", True, False), ("required", True, True)],
)
def test_the_setting_decides_what_the_extra_is_used_for(wanted: str, installed: bool, looks: bool) -> None:
    assert looks_for_faces(wanted, installed=installed) is looks


def test_a_node_that_must_find_faces_and_cannot_says_what_to_install() -> None:
    with pytest.raises(AtollError, match=r"atoll\[faces\]"):
        looks_for_faces("required", installed=False)
