"""Whatever the grammar takes, the engine does or refuses for a reason: no failure, no wrong size."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from picture_maker import animation, cut_out, saved, scene
from PIL import Image
from transformation_texts import text_of, transformations

from atoll.errors import BadTransformation
from atoll.model import Face
from atoll.transformation.hints import answered
from atoll.transformation.parser import parse
from atoll.transformation.steps import ImageLayer, Named, Overlay, TextLayer, Transformation
from storage_node.render_protocol import (
    REQUEST_DECODER,
    REQUEST_ENCODER,
    FontFamily,
    PictureFile,
    Rendered,
    RenderLimits,
    RenderRequest,
)
from storage_node.render_worker import rendered
from storage_node.text_fonts import OPEN_SANS, package_families

SOURCES = {
    "JPEG": lambda: saved("JPEG", scene(90, 60)),
    "PNG": lambda: saved("PNG", cut_out(60, 90)),
    "GIF": lambda: animation("GIF", [scene(40, 30, n) for n in range(2)]),
    "TIFF": lambda: saved("TIFF", Image.new("L", (1, 50))),
}
LIMITS = RenderLimits(max_side=300)
THE_TRANSFORMATIONS = {
    "result_too_large", "no_such_page", "faces_unknown", "layer_too_large",
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for decoder, make in SOURCES.items():
        (folder / decoder).write_bytes(make())
    return {decoder: PictureFile(str(folder / decoder), decoder) for decoder in SOURCES}


def engines(text: str) -> Transformation | None:
    """As the engine gets it: names and open questions settled."""
    try:
        meant = answered(parse(text), width=80, dpr=1.5, format="webp")
    except BadTransformation:
        return None
    return None if any(isinstance(step, Named) for step in meant.steps) else meant


def families(transformation: Transformation) -> dict[str, FontFamily]:
    """Whatever name a text says."""
    sources = [step.source for step in transformation.steps if isinstance(step, Overlay)]
    there = package_families()[OPEN_SANS]
    return {source.font: there for source in sources if isinstance(source, TextLayer)}


def layers(transformation: Transformation, file: PictureFile) -> dict[str, PictureFile]:
    overlays = [step for step in transformation.steps if isinstance(step, Overlay)]
    return {one.source.public_id: file for one in overlays if isinstance(one.source, ImageLayer)}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(transformations, st.sampled_from(sorted(SOURCES)), st.booleans())
def test_every_transformation_is_done_or_refused_for_its_own_reason(files, components, decoder, faces):
    transformation = engines(text_of(components))
    assume(transformation is not None)
    request = RenderRequest(
        files[decoder],
        files[decoder].path + ".out",
        transformation,
        transformation.delivery.format,
        layers(transformation, files["PNG"]),
        (Face(0.2, 0.2, 0.3, 0.4),) if faces else None,
        LIMITS,
        families(transformation),
    )
    again = REQUEST_DECODER.decode(REQUEST_ENCODER.encode(request))
    assert again == request
    done = rendered(again)
    if isinstance(done, Rendered):
        with Image.open(request.output) as image:
            assert image.size == (done.width, done.height)
            assert max(image.size) <= LIMITS.max_side
    else:
        assert done.code in THE_TRANSFORMATIONS, done
