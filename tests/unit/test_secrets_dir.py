"""Secrets of a local cluster: made once, private, refused when they are not."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from atoll.local.engine_errors import EngineError
from atoll.local.secrets_dir import SecretsDir, new_secret, write_private


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def secrets(tmp_path):
    return SecretsDir(tmp_path / "secrets")


def test_a_secret_is_made_once_and_read_ever_after(secrets, tmp_path):
    made = secrets.get("cluster-secret")
    assert len(made) >= 43
    assert SecretsDir(tmp_path / "secrets").get("cluster-secret") == made


def test_two_secrets_are_different(secrets):
    assert secrets.get("one") != secrets.get("two")


def test_only_the_owner_can_read_them_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        secrets = SecretsDir(tmp_path / "secrets")
        secrets.get("one")
    finally:
        os.umask(old)
    assert mode(tmp_path / "secrets") == 0o700
    assert mode(secrets.path("one")) == 0o600


def test_a_directory_that_was_open_is_closed(tmp_path):
    (tmp_path / "secrets").mkdir(mode=0o755)
    SecretsDir(tmp_path / "secrets")
    assert mode(tmp_path / "secrets") == 0o700


def test_a_secret_that_others_can_read_is_refused(secrets):
    secrets.get("one")
    secrets.path("one").chmod(0o644)
    with pytest.raises(EngineError, match="read by others"):
        secrets.get("one")


def test_a_link_to_somewhere_else_is_refused(secrets, tmp_path):
    write_private(tmp_path / "elsewhere", "known to others")
    secrets.path("one").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineError, match="cannot be read"):
        secrets.get("one")


def test_an_empty_secret_is_refused(secrets):
    write_private(secrets.path("one"), "\n")
    with pytest.raises(EngineError, match="empty"):
        secrets.get("one")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", ".hidden", "x" * 64, "a\n"])
def test_a_name_that_could_leave_the_directory_is_refused(secrets, name):
    with pytest.raises(ValueError, match="not a secret's name"):
        secrets.get(name)


def test_many_who_ask_at_once_get_the_same_secret(secrets):
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: secrets.get("one"), range(64)))) == 1


def test_nothing_half_made_is_left_behind(secrets, tmp_path):
    secrets.get("one")
    with pytest.raises(ZeroDivisionError):
        secrets.get("two", make=lambda: str(1 // 0))
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["one"]


def test_a_private_file_is_replaced_by_a_private_one(tmp_path):
    path = tmp_path / "nats.conf"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600


def test_secrets_need_no_quoting_in_a_url():
    assert all(c.isalnum() or c in "-_" for _ in range(50) for c in new_secret())
