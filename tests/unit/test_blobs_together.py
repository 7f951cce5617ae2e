"""Several blobs in one answer: what is packed comes out again, and nonsense is refused."""

from __future__ import annotations

import pytest

from atoll.errors import UpstreamFailed
from atoll.node_api import TOGETHER_BYTES
from storage_node.blobs_together import pack, room_for, unpack


def test_what_was_packed_comes_out_in_its_place():
    bodies = [b"one", None, b"\n[1]\n", b"three"]
    given, answer = pack(bodies)
    assert given == bodies
    assert unpack(answer, [3, 400, 5, 5]) == bodies


def test_what_does_not_fit_is_left_out_and_smaller_ones_behind_it_are_not():
    large, small = bytes(TOGETHER_BYTES - 10), b"0123456789"
    given, answer = pack([large, b"eleven bytes", small, b"x"])
    assert given == [large, None, small, None]
    assert unpack(answer, [len(large), 12, 10, 1])[1] is None


def test_an_answer_is_never_larger_than_the_room_for_it():
    sizes = [1, TOGETHER_BYTES - 1]
    _, answer = pack([bytes(size) for size in sizes])
    assert len(answer) <= room_for(sizes)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[3]abc",
        b"[3]\nab",
        b"[3]\nabcd",
        b"[2]\nab",
        b"[-3]\nabc",
        b"[3.5]\nabc",
        b"[3,null]\nabc",
        b"[]\n",
        b'{"3":1}\nabc',
        b"\xff\nabc",
        b"[" * 5000 + b"\nabc",
    ],
)
def test_an_answer_that_is_none_is_refused(answer):
    with pytest.raises(UpstreamFailed):
        unpack(answer, [3])
