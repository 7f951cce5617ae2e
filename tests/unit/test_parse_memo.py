"""A remembered transformation is the one that would be read again."""

from __future__ import annotations

import pytest

from atoll.errors import BadTransformation
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.parse_memo import ParseMemo
from atoll.transformation.parser import parse

TEXT = "c_fit,h_300,w_300/f_webp,q_80"


def test_what_is_remembered_is_what_the_parser_reads() -> None:
    memo = ParseMemo()
    first = memo(TEXT, DEFAULTS)
    assert first == parse(TEXT)
    assert memo(TEXT, DEFAULTS) is first


def test_limits_are_part_of_the_question() -> None:
    memo = ParseMemo()
    memo(TEXT, DEFAULTS)
    for _ in range(2):
        with pytest.raises(BadTransformation):
            memo(TEXT, Limits(side=100))
    assert len(memo) == 1


def test_so_many_are_remembered_and_no_long_one() -> None:
    memo = ParseMemo(2)
    for width in (100, 200, 300):
        memo(f"w_{width}", DEFAULTS)
    memo("/".join(f"l_text:sans_20:{'a' * 150}/fl_layer_apply" for _ in range(2)), DEFAULTS)
    assert len(memo) == 2
