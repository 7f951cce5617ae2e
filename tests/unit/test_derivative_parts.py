"""Pure parts of delivering derivatives: owners, forms, names, limits, headers, what nodes tell nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformation_texts import text_of, transformations

from atoll.bucket import Bucket, RenderPolicy
from atoll.cluster import ClusterMap
from atoll.errors import BadRequest, Rejected, UpstreamFailed
from atoll.model import Node, Picture, Region
from atoll.names import Handle
from atoll.transformation.limits import Limits
from atoll.transformation.named import expanded
from atoll.transformation.negotiation import Hints
from atoll.transformation.parser import parse
from atoll.transformation.policy import Definitions
from storage_node.blob_address import BlobAddress
from storage_node.derivative import Derivative, DerivativeKey
from storage_node.derivative_answer import YEAR_SECONDS, Terms, shown
from storage_node.derivative_limits import grammar_limits
from storage_node.derivative_owner import owner_of, possible_owners
from storage_node.derivative_request import Lease
from storage_node.derivative_resolution import (
    Forms,
    Layer,
    forms_of,
    is_mutable,
    layer_names,
    wanted,
    wanted_exactly,
)
from storage_node.derivative_size import result_pixels
from storage_node.derivative_wire import PREFIX, Question, facts_header, facts_of, path_of, question_of

SHA = "0123456789abcdef" * 4
ADDRESS = BlobAddress("photos", Handle("s1", SHA, "jpg"))
LIMITS = Limits()
NODES = [Node(f"n-{n}", "eu", "s1", "http://x") for n in range(5)]
keys = st.builds(DerivativeKey, st.just("photos"), st.text("0123456789abcdef", min_size=8), st.text())


@given(keys, st.permutations(NODES))
def test_every_node_works_out_the_same_owner(key: DerivativeKey, nodes: list[Node]) -> None:
    assert owner_of(key, nodes) == owner_of(key, NODES)


@given(keys, st.sampled_from(NODES))
def test_a_node_that_leaves_gives_away_only_its_own(key: DerivativeKey, gone: Node) -> None:
    before = owner_of(key, NODES)
    after = owner_of(key, [node for node in NODES if node is not gone])
    assert after == before or before == gone


def test_owning_is_shared_out_evenly() -> None:
    counts = dict.fromkeys((node.name for node in NODES), 0)
    for number in range(2000):
        owner = owner_of(DerivativeKey("photos", SHA, f"w_{number}.jpg"), NODES)
        assert owner is not None
        counts[owner.name] += 1
    assert min(counts.values()) > 300
    assert owner_of(DerivativeKey("photos", SHA, "w_1.jpg"), []) is None


def test_only_active_healthy_members_of_the_region_own() -> None:
    cluster = ClusterMap.of(
        [
            Region("eu", 50, 8),
            Region("us", 40, -74),
            Node("here", "eu", "s1", "u"),
            Node("me", "eu", "s1", "u"),
            Node("far", "us", "s1", "u"),
            Node("other-set", "eu", "s2", "u"),
            Node("leaving", "eu", "s1", "u", state="draining"),
            Node("gone", "eu", "s1", "u", state="removed"),
            Node("hung", "eu", "s1", "u"),
        ]
    )
    found = possible_owners(
        cluster, "s1", "eu", "me", lambda name: "suspect" if name in {"hung", "me"} else "unknown"
    )
    assert [node.name for node in found] == ["here", "me"]


@pytest.mark.parametrize(
    ("text", "ext", "frames", "accepts", "forms"),
    [
        ("w_1", "jpg", 1, None, ("jpg", None)),
        ("w_1", "webp", 9, None, ("webp", None)),
        ("w_1", "heic", 1, None, ("plain", None)),
        ("f_png,w_1", "heic", 1, None, ("png", None)),
        ("f_auto,w_1", "jpg", 1, "avif+webp", ("avif", "webp")),
        ("f_auto,w_1", "jpg", 1, "avif", ("avif", "plain")),
        ("f_auto,w_1", "png", 1, "webp", ("webp", None)),
        ("f_auto,w_1", "png", 1, "plain", ("plain", None)),
        ("f_auto,w_1", "gif", 5, "avif+webp", ("webp", None)),
        ("f_auto,w_1", "gif", 5, "avif", ("gif", None)),
        ("f_auto,w_1", "webp", 5, "plain", ("gif", None)),
        ("f_auto,w_1", "gif", 1, "plain", ("plain", None)),
        ("f_auto,w_1", "gif", None, "plain", ("gif", None)),
        ("f_auto,w_1", "webp", None, "avif+webp", ("avif", "webp")),
        ("f_auto,pg_2,w_1", "gif", 5, "avif+webp", ("avif", "webp")),
        ("f_auto,w_1", "tiff", 5, "plain", ("plain", None)),
        ("f_auto,w_1", "heic", 5, "webp", ("webp", None)),
    ],
)
def test_the_form_follows_from_url_source_and_client(text, ext, frames, accepts, forms) -> None:
    picture = None if frames is None else Picture(10, 10, frames)
    assert forms_of(parse(text), ext, picture, accepts) == Forms(*forms)


def test_what_changes_no_byte_changes_no_key_and_a_layers_blob_does() -> None:
    def key(text: str, form="jpg", layers: tuple[Layer, ...] = ()) -> DerivativeKey:
        return wanted(ADDRESS, parse(text), form, Hints(), layers, LIMITS).key

    assert key("fl_attachment:a,w_10") == key("d_none,w_10") == key("w_10")
    assert key("w_10").name == "w_10.jpg"
    assert key("f_auto,w_10", "webp").name == key("f_webp,w_10", "webp").name == "f_webp,w_10.webp"
    assert key("f_auto,w_10", "plain").name == "w_10.plain"
    layered = "l_logo/fl_layer_apply"
    names = {
        key(layered, layers=(Layer("logo", BlobAddress("photos", Handle("s1", sha * 64, "png"))),)).name
        for sha in "ab"
    }
    assert len(names) == 2
    assert all(name.startswith("~") and len(name) == 69 for name in names)


def test_a_layer_that_is_said_twice_is_one() -> None:
    twice = parse("l_a:b/fl_layer_apply/l_a:b/g_north,fl_layer_apply/l_text:sans_10:x/fl_layer_apply")
    assert layer_names(twice) == ("a/b",)


@pytest.mark.parametrize(
    ("text", "mutable"),
    [("w_1", False), ("t_x", True), ("l_a/fl_layer_apply", True), ("d_a,w_1", True), ("f_auto,w_1", False),
     ("l_text:sans_10:x/fl_layer_apply", False)],
)  # fmt: skip
def test_a_url_is_mutable_when_a_name_in_it_is(text: str, mutable: bool) -> None:
    assert is_mutable(parse(text)) is mutable


@pytest.mark.parametrize(
    ("text", "pixels"),
    [("w_100", 100 * 50), ("c_fit,h_100,w_100", 100 * 50), ("c_fill,h_100,w_100", 10_000),
     ("e_sepia", 20_000), ("c_pad,h_300,w_300", 90_000), ("w_0.5", 100 * 50), ("c_limit,w_900", 20_000),
     ("ar_1:1,c_fill", 10_000)],
)  # fmt: skip
def test_the_size_of_a_result_is_known_beforehand(text: str, pixels: int) -> None:
    assert result_pixels(parse(text), Picture(200, 100), 4096) == pixels


def test_a_bucket_narrows_limits_and_widens_none() -> None:
    own = Limits(components=4, layers=2, side=1000)
    wide = grammar_limits(RenderPolicy(max_components=9, max_layers=9, max_side=9000), own)
    narrow = grammar_limits(RenderPolicy(max_components=1, max_layers=0, max_side=10), own)
    assert wide == own
    assert (narrow.components, narrow.layers, narrow.side) == (1, 0, 10)


@given(transformations.map(text_of))
def test_a_question_to_an_owner_arrives_as_it_was_meant(text: str) -> None:
    try:
        meant = expanded(parse(text), Definitions(Bucket("photos"), LIMITS))
        handles = [Handle("s2", f"{n:064x}", "png") for n in range(len(layer_names(meant)))]
        pairs = zip(layer_names(meant), handles, strict=True)
        layers = tuple(Layer(name, BlobAddress("photos", handle)) for name, handle in pairs)
        asked = wanted(ADDRESS, meant, "webp", Hints("webp", 320, 2.0), layers, LIMITS)
    except Rejected:
        return  # names that the bucket does not know
    target = path_of(Question(asked, patient=True))
    assert target.startswith(f"{PREFIX}/photos/")
    assert question_of(target, LIMITS) == Question(asked, patient=True)


@pytest.mark.parametrize(
    "target",
    [f"{PREFIX}/photos/s1/{SHA}.jpg?form=jpg", f"{PREFIX}/photos/w_1/s1/{SHA}.jpg", f"{PREFIX}/x", PREFIX,
     f"{PREFIX}/photos/w_1/s1/{SHA}.jpg?form=exe", f"{PREFIX}/photos/w_auto/s1/{SHA}.jpg?form=jpg",
     f"{PREFIX}/photos/t_a/s1/{SHA}.jpg?form=jpg",
     f"{PREFIX}/photos/l_a/fl_layer_apply/s1/{SHA}.jpg?form=jpg",
     f"{PREFIX}/photos/w_1/s1/{SHA}.jpg?form=jpg&layer=s1/x"],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(Rejected):
        question_of(target, LIMITS)


def facts(**changes: object) -> Derivative:
    known = {"bucket": "photos", "sha256": SHA, "name": "w_1.jpg", "size": 9, "digest": "d" * 64,
             "format": "jpg", "width": 1, "height": 1, "frames": 1, "focus_missing": False,
             "cost_seconds": 0.5}  # fmt: skip
    return Derivative(**{**known, **changes})  # type: ignore[arg-type] # as a test wants them


def test_an_answer_about_something_else_is_not_taken() -> None:
    asked = wanted_exactly(ADDRESS, parse("w_1"), "jpg", ())
    assert facts_of({"X-Atoll-Facts": facts_header(facts())}, asked, "n") == facts()
    for wrong in (facts(name="w_2.jpg"), facts(sha256="f" * 64), facts(format="png"), facts(layers=("a",))):
        with pytest.raises(UpstreamFailed):
            facts_of({"X-Atoll-Facts": facts_header(wrong)}, asked, "n")
    for headers in ({}, {"X-Atoll-Facts": "[]"}, {"X-Atoll-Facts": "{"}):
        with pytest.raises(UpstreamFailed):
            facts_of(headers, asked, "n")
    plain = wanted_exactly(ADDRESS, parse("w_1"), "plain", ())
    assert facts_of({"X-Atoll-Facts": facts_header(facts(name="w_1.plain", format="png"))}, plain, "n")
    with pytest.raises(UpstreamFailed):
        facts_of({"X-Atoll-Facts": facts_header(facts(name="w_1.plain", format="gif"))}, plain, "n")


@pytest.mark.parametrize(
    ("lease", "longest", "said"),
    [
        (Lease(), None, f"public, max-age={YEAR_SECONDS}, immutable"),
        (Lease(), 10, "public, max-age=10"),
        (Lease(seconds=77), None, "public, max-age=77"),
        (Lease(seconds=10**9), None, f"public, max-age={YEAR_SECONDS}"),
        (Lease(seconds=77), 10, "public, max-age=10"),
        (Lease(private=True, seconds=77), 3600, "private, max-age=77"),
        (Lease(private=True, seconds=0), None, "private, max-age=0"),
    ],
)
def test_an_answer_is_kept_no_longer_than_everything_allows(
    lease: Lease, longest: int | None, said: str
) -> None:
    assert Terms(lease, frozenset(), longest).cache_control == said


@given(st.text(max_size=50))
def test_no_file_name_breaks_a_header(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    value = shown(facts(), Terms(Lease(), frozenset(), None, name), "ram").headers["Content-Disposition"]
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


def test_a_question_without_a_transformation_says_so() -> None:
    with pytest.raises(BadRequest):
        question_of(f"{PREFIX}/photos/s1/{SHA}.jpg?form=jpg", LIMITS)
