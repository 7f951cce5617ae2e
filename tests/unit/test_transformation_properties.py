"""Whatever is written: a transformation with one spelling, or a refusal that helps. Never anything else."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st
from transformation_texts import near, text_of, transformations

from atoll.errors import BadTransformation
from atoll.transformation.canonical import canonical
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.parameters import PARAMETERS
from atoll.transformation.parser import parse

often = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def understood(text):
    try:
        return parse(text)
    except BadTransformation:
        return None


@often
@given(transformations)
def test_what_is_written_canonically_is_read_as_the_same(components):
    meant = understood(text_of(components))
    assume(meant is not None)
    text = canonical(meant)
    assert parse(text) == meant
    assert canonical(parse(text)) == text


@often
@given(transformations)
def test_a_canonical_text_is_safe_in_a_url_a_file_name_and_a_log(components):
    meant = understood(text_of(components))
    assume(meant is not None)
    text = canonical(meant)
    assert re.fullmatch(r"[A-Za-z0-9_,:.~%/-]+", text)
    assert all(part not in {"", ".", ".."} for part in text.split("/"))
    assert text.count("/") <= text_of(components).count("/")


@often
@given(transformations, st.randoms(use_true_random=False))
def test_the_order_of_words_in_a_component_means_nothing(components, order: random.Random):
    meant = understood(text_of(components))
    assume(meant is not None)
    shuffled = [order.sample(component, len(component)) for component in components]
    assert parse(text_of(shuffled)) == meant


@pytest.mark.parametrize("seed", range(3))
def test_most_generated_transformations_are_understood(seed):
    """Guards the tests above: they say little if what they are made of is refused."""
    taken: list[bool] = []

    @settings(max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @hypothesis_seed(seed)
    @given(transformations)
    def count(components):
        taken.append(understood(text_of(components)) is not None)

    count()
    assert sum(taken) > len(taken) / 3


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(near | st.text(max_size=80))
@example("")
@example("/")
@example("w_" + "9" * 5000)
@example("l_text:" + "a" * 5000)
@example("a_" + "hflip." * 1500)
@example("e_" + "sepia:" * 1500)
@example("," * 5000)
@example("l_text:a_1:" + "%41" * 2000)
@example("l_text:a_1:\u0301" * 300)
@example("r_" + "1:" * 3000)
@example("ar_" + "9" * 3000 + ":1")
@example("\ud800")
@example("w_\u0661\u0662")
@example("w_100\n")
@example("l_text:a_1:%ff/fl_layer_apply")
@example("d_%ff")
@example("fl_attachment:%ff")
def test_any_text_is_understood_or_refused_with_help(text):
    try:
        meant = parse(text)
    except BadTransformation as refusal:
        check_refusal(refusal)
    else:
        assert parse(canonical(meant)) == meant


def check_refusal(refusal):
    assert refusal.status == 400
    assert refusal.detail.isprintable()
    assert refusal.facts.keys() >= {"parameter", "got", "nearest"}
    assert len(refusal.detail) < 1000
    nearest = str(refusal.facts["nearest"])
    keys = {
        word.partition("_")[0] for component in nearest.split("/") for word in component.split(",") if word
    }
    assert keys <= PARAMETERS.keys() or "l_text" in nearest, nearest


@pytest.mark.parametrize(
    "text",
    ["w_" * 9000, "/" * 100_000, "é" * 100_000, "l_text:a_1:" + "%F0%9F%98%80" * 10_000],
    ids=["words", "slashes", "letters", "text"],
)
def test_what_is_too_long_is_refused_before_it_is_read(text):
    with pytest.raises(BadTransformation) as refusal:
        parse(text)
    assert refusal.value.facts["limit"] == DEFAULTS.characters


def test_the_canonical_form_is_held_to_its_length_even_when_the_text_was_shorter():
    words = "\u05d0" * 100
    layer = f"l_text:a_9:{words}/fl_layer_apply"
    with pytest.raises(BadTransformation) as refusal:
        parse(f"{layer}/{layer}", Limits(characters=800))
    assert refusal.value.facts["limit"] == 800
