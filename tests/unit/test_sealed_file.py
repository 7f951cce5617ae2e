"""Sealed files: what a backup is written as."""

from __future__ import annotations

import pytest

from atoll.errors import BadRequest
from atoll.sealed_file import MAGIC, MIN_PASSPHRASE, NotSealed, open_file, seal_file

PHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def sealed():
    return seal_file(b"the map", PHRASE)


def test_what_was_sealed_opens_with_its_passphrase_only(sealed):
    assert open_file(sealed, PHRASE) == b"the map"
    assert b"the map" not in sealed
    with pytest.raises(NotSealed, match="passphrase is wrong"):
        open_file(sealed, PHRASE + "!")


def test_two_backups_of_the_same_thing_have_nothing_in_common_but_their_head(sealed):
    assert seal_file(b"the map", PHRASE)[len(MAGIC) + 3 :] != sealed[len(MAGIC) + 3 :]


@pytest.mark.parametrize("at", [12, 30, 45, -1])
def test_a_changed_byte_anywhere_is_noticed(sealed, at):
    damaged = bytearray(sealed)
    damaged[at] ^= 1
    with pytest.raises(NotSealed):
        open_file(bytes(damaged), PHRASE)


@pytest.mark.parametrize("body", [b"", MAGIC, b"{}" * 100, MAGIC + b"\x7f\x7f\x7f" + bytes(60)])
def test_what_is_no_backup_is_refused_before_any_work(body):
    with pytest.raises(NotSealed):
        open_file(body, PHRASE)


def test_a_short_passphrase_is_refused():
    with pytest.raises(BadRequest, match=str(MIN_PASSPHRASE)):
        seal_file(b"", "x" * (MIN_PASSPHRASE - 1))
