"""What is done with a transformation: names put in, hints answered, files named, URLs signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from import_graph import ROOT
from transformation_texts import text_of, transformations

from atoll.delivery_keys import cluster_key, key_id
from atoll.errors import BadTransformation, Unauthorized
from atoll.signing import Keys, check_delivery, sign_delivery
from atoll.transformation.__main__ import main
from atoll.transformation.canonical import canonical
from atoll.transformation.files import derivative_path
from atoll.transformation.hints import answered, open_questions
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.named import expanded, is_one_name
from atoll.transformation.parser import parse
from atoll.transformation.paths import parse_image_path
from atoll.transformation.reference import TABLES, updated
from atoll.transformation.signature import check, sign
from atoll.transformation.steps import Resize
from atoll.transformation.thumbnail_style import from_query

NAMES = {"card": parse("c_fill,h_90,w_90/f_jpg,q_70,fl_progressive"), "grey": parse("e_grayscale,pg_2")}
KEYS, OTHER = Keys(b"1" * 32), Keys(b"2" * 32)
PATH = "/shop/w_9/set/" + "0" * 64 + ".jpg"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("w_9", "w_9"),
        ("t_grey", "e_grayscale,pg_2"),
        ("t_card/e_sepia", "c_fill,h_90,w_90,e_sepia,f_jpg,q_70,fl_progressive"),
        ("t_card/q_80", "c_fill,h_90,w_90,f_jpg,q_80,fl_progressive"),
        ("t_card,f_webp", "c_fill,h_90,w_90,f_webp,q_70"),
        ("t_card/t_grey,pg_3", "c_fill,h_90,w_90,e_grayscale,pg_3,f_jpg,q_70,fl_progressive"),
    ],
)
def test_a_name_is_what_it_means_and_the_url_wins_about_the_result(written, meant):
    assert expanded(parse(written), NAMES) == parse(meant)


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(BadTransformation) as refusal:
        expanded(parse("t_crad"), NAMES)
    assert refusal.value.facts["nearest"] == "t_card"


def test_limits_hold_for_what_names_mean_together():
    with pytest.raises(BadTransformation, match="at most 3"):
        expanded(parse("t_card/t_card/t_card/t_card"), NAMES, Limits(components=3))


def test_one_name_and_nothing_else_needs_no_signature():
    assert is_one_name(parse("t_card"))
    assert not is_one_name(parse("t_card/t_grey"))  # chains of names are arbitrary again
    assert not any(
        is_one_name(parse(text)) for text in ("w_9", "t_card/w_9", "t_card,f_png", "t_card,d_x", "a_0")
    )


@pytest.mark.parametrize(
    ("written", "width", "dpr", "meant"),
    [
        ("w_auto", 300, 1.0, "w_300"),
        ("w_auto", 300, 2.0, "w_300"),
        ("dpr_auto,w_auto", 300, 2.0, "w_600"),
        ("dpr_2,w_auto", 300, 1.0, "w_600"),
        ("ar_16:9,c_fill,dpr_auto,w_auto", 320, 2.0, "c_fill,h_360,w_640"),
        ("ar_16:9,c_fill,w_auto", None, 1.0, "ar_16:9,c_fill"),
        ("w_auto", None, 1.0, "a_auto"),
        ("c_limit,h_90,w_auto", None, 1.0, "c_limit,h_90"),
        ("dpr_auto,h_50,w_100", None, 3.0, "h_150,w_300"),
        ("ar_3:2,dpr_auto,w_35", None, 2.0, "ar_3:2,dpr_2,w_35"),
        ("w_auto", 10**9, 1.0, "w_4096"),
        ("dpr_auto,h_1000,w_2000", None, 9.0, "h_2048,w_4096"),
    ],
)
def test_what_was_left_open_is_answered_by_the_clients_hints(written, width, dpr, meant):
    assert canonical(answered(parse(written), width=width, dpr=dpr, format=None)) == canonical(parse(meant))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    transformations,
    st.none() | st.integers(1, 10**9),
    st.floats(0.001, 1e6),
    st.sampled_from([None, "jpg", "avif"]),
)
@example([["ar_1:99", "c_fill", "dpr_auto", "w_auto"]], 4000, 10.0, None)
@example([["dpr_auto", "w_9.9"]], None, 10.0, None)
def test_no_hint_makes_a_refusal_or_leaves_a_question(components, width, dpr, fmt):
    try:
        meant = parse(text_of(components))
    except BadTransformation:
        assume(False)
    result = answered(meant, width=width, dpr=dpr, format=fmt)
    assert not open_questions(result)
    assert parse(canonical(result)) == result
    sides = [side for step in result.steps if isinstance(step, Resize) for side in (step.width, step.height)]
    assert all(side <= DEFAULTS.side for side in sides if isinstance(side, int))


def test_what_an_answer_varies_by_is_known():
    assert open_questions(parse("w_9")) == set()
    assert open_questions(parse("l_a,w_auto/fl_layer_apply/dpr_auto,w_9,f_auto")) == {"w", "dpr", "f"}


def test_a_derivative_lies_where_its_canonical_form_says():
    assert derivative_path(parse("e_blur/w_9,f_webp,fl_attachment,d_x"), "jpg") == "e_blur/f_webp,w_9.jpg"
    assert derivative_path(parse("a_0"), "png") == "a_auto.png"


def test_a_component_too_long_for_a_file_name_is_hashed():
    long = parse("l_text:a_9:" + "x" * 250 + "/fl_layer_apply", Limits(text=300))
    path = derivative_path(long, "jpg")
    assert path.startswith("~")
    assert len(path) == 1 + 64 + 4


@pytest.mark.parametrize("text", ["t_card", "w_auto", "f_auto", "dpr_auto,w_9"])
def test_a_derivative_has_no_place_while_something_is_open(text):
    with pytest.raises(ValueError, match="names and hints"):
        derivative_path(parse(text), "jpg")


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("w=300", "c_fit,w_300"),
        ("w=300&h=200&fit=cover", "c_fill,h_200,w_300"),
        ("h=200&fit=scale-down&v=1", "c_limit,h_200"),
        ("w=0300&h=200&fit=fill", "h_200,w_300"),
        ("w=3&h=2&fit=pad", "c_pad,h_2,w_3"),
    ],
)
def test_the_older_style_means_a_transformation(query, meant):
    assert from_query(pairs(query)) == parse(meant)


def pairs(query):
    return [tuple(part.split("=")) for part in query.split("&")]


def test_a_query_without_its_words_asks_for_nothing():
    assert from_query([("exp", "1"), ("sig", "x")]) is None


@pytest.mark.parametrize(
    ("query", "nearest"),
    [
        ("fit=cover", "w=300"),
        ("w=300&fit=covre", "fit=cover"),
        ("w=0.5", "w=300"),
        ("w=auto", "w=300"),
        ("w=-1", "w=300"),
        ("w=1&w=2", "w=1"),
        ("w=9999", "w_4096"),
        ("w=\u0665", "w=300"),
        ("w=5/e_sepia", "w=300"),
    ],
)
def test_the_older_style_is_refused_with_help(query, nearest):
    with pytest.raises(BadTransformation) as refusal:
        from_query(pairs(query))
    assert refusal.value.facts["nearest"] == nearest
    assert refusal.value.detail.isascii()


def opened(path=PATH, keys=(KEYS,), at=99.0, **changes):
    query = dict(part.split("=", 1) for part in sign(PATH, 100, cluster_key(KEYS)).split("&"))
    check(
        path,
        **{"exp": query["exp"], "key": query["key"], "sig": query["sig"], **changes},
        accepted=dict(map(cluster_key, keys)),
        now_s=at,
    )


def test_a_signature_opens_its_path_until_its_expiry_under_its_key():
    opened()
    opened(keys=(OTHER, KEYS))
    for fault in (
        {"path": PATH.replace("w_9", "w_8")},
        {"keys": (OTHER,)},
        {"keys": ()},
        {"at": 100.0},
        {"exp": "101"},
        {"exp": ""},
        {"exp": "1" * 13},
        {"exp": "\u0661"},
        {"sig": "A" * 43},
        {"sig": ""},
        {"sig": "é"},
        {"key": key_id(OTHER)},
        {"key": ""},
    ):
        with pytest.raises(Unauthorized):
            opened(**fault)


def test_a_signature_has_256_bits_and_a_key_id_that_differs_by_secret():
    assert len(sign(PATH, 100, cluster_key(KEYS)).rpartition("=")[2]) == 43
    assert key_id(KEYS) != key_id(OTHER)


def test_signatures_of_plain_delivery_and_of_transformations_do_not_open_each_other():
    query = dict(part.split("=", 1) for part in sign(PATH, 100, cluster_key(KEYS)).split("&"))
    with pytest.raises(Unauthorized):
        check_delivery(PATH, query["exp"], query["sig"], KEYS, 99.0)
    with pytest.raises(Unauthorized):
        opened(sig=sign_delivery(PATH, 100, KEYS).partition("&sig=")[2])


PAGE = ROOT / "docs" / "transformations.md"


def test_the_page_is_what_the_code_says():
    page = PAGE.read_text(encoding="utf-8")
    assert updated(page) == page, "python -m atoll.transformation docs/transformations.md"


def test_an_outdated_page_is_made_anew(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace("`e_sepia`", "`e_sepai`"), encoding="utf-8")
    main([str(page)])
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_a_page_without_a_place_for_a_table_is_an_error(name):
    with pytest.raises(ValueError, match=f"table {name} "):
        updated(PAGE.read_text(encoding="utf-8").replace(f"<!-- end: {name} -->", ""))


def section(title):
    return PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_row_of_spellings_on_the_page_is_true():
    rows = [line.split("`") for line in section("One spelling").splitlines() if line.startswith("| `")]
    told = [(row[1], row[3]) for row in rows if "refused" not in row[2]]
    assert len(told) > 4
    assert [(written, canonical(parse(written))) for written, _ in told] == told
    for refused in (row[1] for row in rows if "refused" in row[2]):
        with pytest.raises(BadTransformation):
            parse(refused)


def test_every_worked_example_on_the_page_is_understood():
    examples = [text for text in section("Worked examples").split("`")[1::2] if "_" in text]
    assert len(examples) > 7
    for text in examples:
        parse_image_path(f"/i/shop/{text}/cat")
