"""Backups: the names keys get in the map, what a hostile document may say, and what a passphrase file is."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace

import msgspec
import pytest

from atoll.access import AccessKey
from atoll.api_keys import ApiKey
from atoll.cli.backup import passphrase
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.restore_backup import KEYS_ARE_BACK, _restore
from atoll.sealed_file import seal_file
from query_service.backup_api import Backup, _name
from query_service.verify_api import VerifyOrder

SHA = "ab" * 32


def named(key_id: str, taken=()) -> str:
    return _name(ApiKey(key_id, SHA, frozenset({"read"})), taken)


@pytest.mark.parametrize("key_id", ["admin", "ci-1"])
def test_a_key_whose_id_is_a_name_keeps_it(key_id):
    assert named(key_id) == key_id


@pytest.mark.parametrize(
    ("key_id", "taken"),
    [("Admin", ()), ("ci/../1", ()), ("é", ()), ("-", ()), ("a" * 90, ()), ("admin", ["admin"])],
)
def test_any_other_gets_one_that_the_map_takes_and_that_tells_keys_apart(key_id, taken):
    name = named(key_id, taken)
    assert name.endswith("-" + SHA[:8])
    assert msgspec.convert({"name": name, "sha256": SHA, "scopes": ["read"]}, AccessKey)


HOSTILE = [
    {"regions": [{"name": "eu\n", "lat": 1, "lon": 2}]},
    {"regions": [{"name": "a/b", "lat": 1, "lon": 2}]},
    {"sets": [{"name": "s.>"}]},
    {"buckets": [{"name": "photos", "durability": "all\n"}]},
    {"keys": [{"name": "k", "sha256": SHA + "\n", "scopes": ["admin"]}]},
    {"keys": [{"name": "k", "sha256": SHA, "scopes": ["root"]}]},
    {"more": []},
]


@pytest.mark.parametrize("changes", HOSTILE)
def test_a_backup_with_anything_else_in_it_is_refused(changes):
    empty = {"format": 1, "made_at": 1, "regions": [], "sets": [], "buckets": [], "keys": []}
    assert msgspec.convert(empty, Backup)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**empty, **changes}, Backup)


@pytest.mark.parametrize("branch", ["00\n", "0", "zz", "000"])
def test_a_branch_is_two_hex_digits_and_nothing_more(branch):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"set": "s1", "branch": branch}, VerifyOrder)


def test_a_passphrase_file_is_text_and_its_line_end_is_no_part_of_it(tmp_path):
    file = tmp_path / "phrase"
    file.write_bytes(b"a good long passphrase\r\n")
    file.chmod(0o600)
    assert passphrase(file, twice=True) == "a good long passphrase"
    file.write_bytes(b"\xff\xfe a good long passphrase")
    with pytest.raises(WrongUsage, match="UTF-8"):
        passphrase(file, twice=True)


@pytest.mark.parametrize(("restored", "told"), [(["bucket.b"], False), (["bucket.b", "key.ci"], True)])
async def test_whoever_restores_api_keys_is_told_that_revoked_ones_are_back(restored, told, tmp_path, capsys):
    phrase, file = tmp_path / "phrase", tmp_path / "backup"
    phrase.touch(mode=0o600)
    phrase.write_text("a passphrase long enough\n")
    file.write_bytes(seal_file(b"{}", "a passphrase long enough"))

    async def put_back(_body: bytes) -> SimpleNamespace:
        return SimpleNamespace(restored=restored, kept=["key.kept"])

    client = SimpleNamespace(operations=SimpleNamespace(put_back=put_back))
    await _restore(Namespace(file=file, passphrase_file=phrase, json=False), client, None)
    assert (KEYS_ARE_BACK in capsys.readouterr().out) is told
