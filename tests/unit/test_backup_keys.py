"""What a backup keeps of API keys: as much as they may do, and no more."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from atoll.api_keys import ApiKey, ApiKeys
from atoll.cluster import ClusterMap
from atoll.errors import Unauthorized
from atoll.signing import hash_api_key
from query_service.backup_api import Backup, BackupApi

SECRET = "s" * 43
HEADERS = {"Authorization": f"Bearer {SECRET}"}


def restored(key: ApiKey) -> ApiKeys:
    """What a cluster lets in that has nothing but a backup of one whose file has this key."""
    live = SimpleNamespace(current=ClusterMap())
    api = BackupApi(live, ApiKeys([key]))  # type: ignore[arg-type]  # as much of a live map as it reads
    backup = msgspec.json.decode(msgspec.json.encode(api._backup()), type=Backup)
    keys = ApiKeys([])
    keys.share(backup.keys)
    return keys


def a_key(**limits: object) -> ApiKey:
    facts = {"buckets": frozenset(), "prefixes": (), **limits}
    return ApiKey("team-a", hash_api_key(SECRET), frozenset({"read", "admin"}), **facts)


def test_a_key_of_the_file_has_its_limits_in_the_cluster_that_is_restored():
    key = a_key(buckets=frozenset({"theirs", "mine"}), prefixes=("team/",), until=2**42)
    assert restored(key).check(HEADERS, "admin") == key


def test_a_key_of_the_file_without_limits_has_none_afterwards():
    assert restored(a_key()).check(HEADERS, "read") == a_key()


@pytest.mark.parametrize("limit", ["buckets", "prefixes"])
def test_a_key_with_more_limits_than_the_map_holds_is_left_out_and_said_so(limit, caplog):
    many = [f"b-{number}" for number in range(65)]
    key = a_key(**{limit: frozenset(many) if limit == "buckets" else tuple(many)})
    with pytest.raises(Unauthorized):
        restored(key).check(HEADERS, "read")
    assert "team-a" in caplog.text
