"""API keys: hashed in a file, checked on every request, refused without saying why exactly."""

from __future__ import annotations

import msgspec
import pytest

from atoll.access import AccessKey, PreviousSecret
from atoll.api_keys import ApiKey, ApiKeys, load_api_keys
from atoll.errors import Forbidden, Unauthorized
from atoll.settings import SettingsError
from atoll.signing import hash_api_key

KEY = "k" * 43
READER = ApiKey("reader", hash_api_key(KEY), frozenset({"read"}))


@pytest.fixture
def keys():
    return ApiKeys([ApiKey("other", hash_api_key("o" * 43), frozenset({"admin"})), READER])


def bearer(token, kind="Bearer"):
    return {"Authorization": f"{kind} {token}"}


def test_a_known_key_with_the_scope_passes_again_and_again(keys):
    for _ in range(3):
        assert keys.check(bearer(KEY), "read") == READER
    assert keys.check(bearer(KEY, "bearer"), "read") == READER


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": KEY},
        bearer(""),
        bearer(KEY, "Basic"),
        bearer(KEY, "Atoll"),
        bearer(KEY[:-1]),
        bearer(KEY + "k"),
        bearer(KEY.upper()),
        bearer(f" {KEY}"),
        bearer(f"{KEY} "),
        bearer(hash_api_key(KEY)),
        bearer("k" * 100_000),
        bearer("ü" * 43),
    ],
)
def test_anything_else_is_unauthorized(keys, headers):
    with pytest.raises(Unauthorized):
        keys.check(headers, "read")


def test_a_byte_that_is_no_text_in_a_header_is_unauthorized_and_no_bug(keys):
    with pytest.raises(Unauthorized):
        keys.check(bearer("\udcff"), "read")


def test_a_key_without_the_scope_is_forbidden_and_told_which(keys):
    with pytest.raises(Forbidden, match="'delete'") as refused:
        keys.check(bearer(KEY), "delete")
    assert refused.value.facts == {"scope": "delete"}


def test_admin_does_not_silently_include_the_other_scopes(keys):
    with pytest.raises(Forbidden):
        keys.check(bearer("o" * 43), "read")


def test_wrong_keys_are_not_remembered(keys):
    for number in range(5000):
        with pytest.raises(Unauthorized):
            keys.check(bearer(f"wrong-{number}"), "read")
    assert len(keys._seen) == 0


def entry(**changes):
    facts = {"id": '"a"', "sha256": f'"{hash_api_key(KEY)}"', "scopes": '["read", "admin"]'} | changes
    return "[[key]]\n" + "\n".join(f"{k} = {v}" for k, v in facts.items() if v) + "\n"


def test_keys_are_read_from_a_file(tmp_path):
    (tmp_path / "keys.toml").write_text(entry())
    loaded = load_api_keys(tmp_path / "keys.toml")
    assert loaded.check(bearer(KEY), "admin").id == "a"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("[[key]]", 1),
        (entry(scopes="[]"), 1),
        (entry(scopes='["root"]'), 1),
        (entry(scopes='"read"'), 1),
        (entry(scopes="[[]]"), 1),
        (entry(scopes="5"), 1),
        (entry(sha256='"short"'), 1),
        (entry(sha256=f'"{"z" * 64}"'), 1),
        (entry(id=""), 1),
        (entry() + entry(id="") + entry(sha256='""'), 2),
        ("key = 5", 1),
        ('key = ["x"]', 1),
        ("[[key]", 1),
    ],
)
def test_every_mistake_in_the_file_is_told(tmp_path, text, count):
    (tmp_path / "keys.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_api_keys(tmp_path / "keys.toml")
    assert len(refused.value.mistakes) == count


def test_a_missing_file_is_a_mistake(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load_api_keys(tmp_path / "nowhere")


def test_a_key_of_the_cluster_map_is_known_until_it_is_gone_from_it(keys):
    headers = bearer("m" * 43)
    with pytest.raises(Unauthorized):
        keys.check(headers, "read")
    keys.share([AccessKey("mobile", hash_api_key("m" * 43), ("read",))])
    assert keys.check(headers, "read").id == "mobile"
    with pytest.raises(Forbidden):
        keys.check(headers, "admin")
    keys.share([])
    with pytest.raises(Unauthorized):
        keys.check(headers, "read")


def of_map(**facts):
    return AccessKey("mobile", hash_api_key("m" * 43), ("read",), **facts)


class Clock:
    now = 1_000

    def __call__(self):
        return self.now


def test_a_key_with_an_end_is_refused_from_then_on_also_when_it_was_seen_before():
    clock = Clock()
    keys = ApiKeys([], clock)
    keys.share([of_map(expires_at=2_000)])
    assert keys.check(bearer("m" * 43), "read").id == "mobile"
    clock.now = 2_000
    with pytest.raises(Unauthorized, match="expired"):
        keys.check(bearer("m" * 43), "read")


def test_a_rotated_key_has_two_secrets_until_the_older_ones_end():
    clock = Clock()
    keys = ApiKeys([], clock)
    keys.share([of_map(previous=PreviousSecret(hash_api_key("p" * 43), 2_000))])
    assert {keys.check(bearer(letter * 43), "read").id for letter in "mp"} == {"mobile"}
    clock.now = 2_000
    assert keys.check(bearer("m" * 43), "read").id == "mobile"
    with pytest.raises(Unauthorized, match="expired"):
        keys.check(bearer("p" * 43), "read")


def test_an_older_secret_ends_with_its_key_at_the_latest():
    clock = Clock()
    keys = ApiKeys([], clock)
    keys.share([of_map(expires_at=1_500, previous=PreviousSecret(hash_api_key("p" * 43), 2_000))])
    clock.now = 1_500
    for letter in "mp":
        with pytest.raises(Unauthorized):
            keys.check(bearer(letter * 43), "read")


def test_a_revoked_key_is_refused_with_both_secrets_even_where_a_file_has_it():
    keys = ApiKeys([READER])
    assert keys.check(bearer(KEY), "read") == READER
    keys.share([AccessKey("reader", hash_api_key(KEY), ("read",), revoked_at=1)])
    with pytest.raises(Unauthorized, match="not known"):
        keys.check(bearer(KEY), "read")
    keys.share([of_map(revoked_at=1, previous=PreviousSecret(hash_api_key("p" * 43), 2**50))])
    for letter in "mp":
        with pytest.raises(Unauthorized, match="not known"):
            keys.check(bearer(letter * 43), "read")


@pytest.mark.parametrize(
    ("buckets", "prefixes", "reached"),
    [
        ((), (), {("a", "x/1"), ("a", "y/1"), ("b", "x/1"), ("b", "y/1")}),
        (("a",), (), {("a", "x/1"), ("a", "y/1")}),
        ((), ("x/",), {("a", "x/1"), ("b", "x/1")}),
        (("a",), ("x/", "y"), {("a", "x/1"), ("a", "y/1")}),
        (("c",), (), set()),
    ],
)
def test_a_key_reaches_what_lies_in_its_buckets_and_under_its_prefixes(buckets, prefixes, reached):
    key = ApiKey("k", "0" * 64, frozenset({"read"}), frozenset(buckets), prefixes)
    assert key.limited == bool(buckets or prefixes)
    names = {(bucket, public_id) for bucket in "ab" for public_id in ("x/1", "y/1")}
    assert {name for name in names if key.reaches(*name)} == reached


def test_limits_are_read_from_a_file(tmp_path):
    (tmp_path / "keys.toml").write_text(entry(buckets='["photos"]', prefixes='["team/"]'))
    key = load_api_keys(tmp_path / "keys.toml").check(bearer(KEY), "read")
    assert (key.buckets, key.prefixes) == (frozenset({"photos"}), ("team/",))


def test_which_keys_were_used_is_told_once(keys):
    keys.check(bearer(KEY), "read")
    keys.check(bearer(KEY), "read")
    assert keys.take_used() == {"reader"}
    assert keys.take_used() == set()


def test_a_key_of_a_backup_has_times_that_can_be_shown():
    facts = {"name": "a", "sha256": "0" * 64, "scopes": ["read"], "created_at": 253_402_300_800_000}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(facts, AccessKey)
