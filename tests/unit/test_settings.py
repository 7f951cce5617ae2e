"""Settings: typed, from file and environment, every mistake at once, secrets never shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from atoll.errors import BadName
from atoll.settings import Bytes, Secret, SettingsError, load, read_secret, setting


def even(value: int) -> None:
    if value % 2:
        raise ValueError("must be even")


def not_bob(value: str) -> None:
    if value == "bob":
        raise BadName("bob is not allowed")


@dataclass(frozen=True, kw_only=True)
class Sample:
    name: str = setting("Who.", check=not_bob)
    port: int = setting("Where.", default=80, low=1, high=65535)
    ratio: float = setting("How much.", default=0.5, low=0, high=1)
    size: Bytes = setting("How large.", default=Bytes(1024), low=10)
    room: Bytes | None = setting("How large at most.", default=None, low=10)
    on: bool = setting("Whether.", default=False)
    level: str = setting("Which.", default="INFO", choices=("INFO", "DEBUG"))
    networks: tuple[str, ...] = setting("From where.", default=("a", "b"))
    ports: tuple[int, ...] = setting("Which ports.", default=())
    file: Path | None = setting("A file.", default=None)
    limit: int | None = setting("A limit.", default=None, low=2, check=even)
    token: Secret = setting("A secret.", default=Secret(""), choices=("", "right"))
    key: Secret | None = setting("Another secret.", default=None, choices=("right",))


def loaded(tmp_path, text="", **variables):
    (tmp_path / "s.toml").write_text(text)
    return load(Sample, tmp_path / "s.toml", {f"ATOLL_{k.upper()}": v for k, v in variables.items()})


def mistakes(tmp_path, text="", **variables):
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, text, **variables)
    return refused.value.mistakes


def test_defaults_hold_where_nothing_is_said(tmp_path):
    assert loaded(tmp_path, 'name = "x"') == Sample(name="x")


def test_settings_need_no_file():
    assert load(Sample, None, {"ATOLL_NAME": "x"}).name == "x"


def test_every_type_is_read_from_a_file(tmp_path):
    text = """
        name = "x"
        port = 81
        ratio = 1
        size = "64KiB"
        room = "2 GiB"
        on = true
        level = "DEBUG"
        networks = ["c"]
        ports = [1, 2]
        file = "/a/b"
        limit = 4
        token = "right"
    """
    assert loaded(tmp_path, text) == Sample(
        name="x", port=81, ratio=1.0, size=Bytes(65536), room=Bytes(2**31), on=True, level="DEBUG",
        networks=("c",), ports=(1, 2), file=Path("/a/b"), limit=4, token=Secret("right"),
    )  # fmt: skip


def test_every_type_is_read_from_the_environment():
    variables = {
        "NAME": "x", "PORT": "81", "RATIO": "0.25", "SIZE": "64KiB", "ROOM": "11", "ON": "yes",
        "LEVEL": "DEBUG", "NETWORKS": "c, d,", "PORTS": "1,2", "FILE": "/a/b", "LIMIT": "4", "TOKEN": "right",
    }  # fmt: skip
    assert load(Sample, None, {f"ATOLL_{k}": v for k, v in variables.items()}) == Sample(
        name="x", port=81, ratio=0.25, size=Bytes(65536), room=Bytes(11), on=True, level="DEBUG",
        networks=("c", "d"), ports=(1, 2), file=Path("/a/b"), limit=4, token=Secret("right"),
    )  # fmt: skip


def test_the_environment_wins_over_the_file(tmp_path):
    assert loaded(tmp_path, 'name = "file"\nport = 1', name="env").name == "env"
    assert loaded(tmp_path, 'name = "file"\nport = 1', name="env").port == 1


def test_a_wrong_value_in_the_file_is_no_mistake_when_the_environment_wins(tmp_path):
    assert loaded(tmp_path, 'name = "x"\nport = "nonsense"', port="7").port == 7


def test_an_empty_variable_takes_an_optional_setting_away(tmp_path):
    assert loaded(tmp_path, 'name = "x"\nfile = "/a"', file="").file is None


def test_all_mistakes_are_told_at_once_each_with_what_the_setting_means(tmp_path):
    told = mistakes(tmp_path, 'port = 0\nlevel = "LOUD"\nsize = "many"\nprot = 1\nlimit = 3', ratio="2")
    assert len(told) == 7
    for part in (
        "prot: there is no such setting",
        "name: is missing. Who.",
        "port: must be at least 1 (got 0). Where.",
        "ratio: must be at most 1 (got '2')",
        "size: must be a size such as 65536 or 64MiB",
        "level: must be one of INFO, DEBUG",
        "limit: must be even",
    ):
        assert any(part in line for line in told), part


@pytest.mark.parametrize(
    "line",
    [
        *('port = "8O"', "port = 1.5", "port = true", "port = [1]", "port = 1979-05-27"),
        *('ratio = "x"', "ratio = true", "ratio = nan", "ratio = inf", "ratio = {}"),
        *("size = -5", "size = 1.5", "size = true", 'size = "5 parsecs"', 'size = "١٠٠"'),
        *('on = "maybe"', "on = 7", "networks = 5", "networks = [1]", 'ports = ["x"]', "ports = true"),
        *("file = 5", "level = 5", 'limit = "x"', "token = 5"),
    ],
)
def test_a_value_of_another_type_is_one_mistake_and_no_traceback(tmp_path, line):
    told = mistakes(tmp_path, f'name = "x"\n{line}')
    assert len(told) == 1
    assert told[0].startswith(line.split(" ")[0] + ": ")


def test_an_error_of_ours_from_a_check_is_a_mistake(tmp_path):
    assert mistakes(tmp_path, 'name = "bob"') == ["name: bob is not allowed (got 'bob'). Who."]


@pytest.mark.parametrize("secret", ["token", "key"])
def test_a_secret_is_shown_nowhere(tmp_path, secret):
    told = mistakes(tmp_path, f'name = "x"\n{secret} = "hunter2"')
    assert "hunter2" not in str(told)
    assert "a hidden value" in told[0]
    assert "right" not in repr(loaded(tmp_path, f'name = "x"\n{secret} = "right"'))


@pytest.mark.parametrize("text", ["name = ", "= 1", "name = 'x'\nname = 'y'", "\x00"])
def test_bad_toml_is_told_beside_the_other_mistakes(tmp_path, text):
    told = mistakes(tmp_path, text)
    assert "is not TOML" in told[0]
    assert "name: is missing" in told[1]


def test_a_file_that_is_no_utf_8_is_not_toml(tmp_path):
    (tmp_path / "s.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(SettingsError, match="is not TOML"):
        load(Sample, tmp_path / "s.toml", {})


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(Sample, tmp_path / "missing.toml", {})


@pytest.mark.parametrize(
    ("text", "size"),
    [("11", 11), ("65536", 65536), ("50B", 50), ("1KiB", 2**10), ("3 MiB", 3 * 2**20), ("1TiB", 2**40)],
)
def test_sizes(text, size):
    assert load(Sample, None, {"ATOLL_NAME": "x", "ATOLL_SIZE": text}).size == size


def secret_file(tmp_path, body=b"s" * 32, mode=0o600):
    path = tmp_path / "secret"
    path.write_bytes(body)
    path.chmod(mode)
    return path


def test_a_secret_is_read_without_the_editors_last_newline(tmp_path):
    assert read_secret(secret_file(tmp_path, b"s" * 32 + b"\n")) == b"s" * 32


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_secret_that_only_its_owner_can_read_is_taken(tmp_path, mode):
    assert read_secret(secret_file(tmp_path, mode=mode)) == b"s" * 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o610, 0o602, 0o666, 0o777])
def test_a_secret_that_others_can_read_or_replace_is_refused_and_says_what_to_do(tmp_path, mode):
    with pytest.raises(SettingsError, match="chmod 600"):
        read_secret(secret_file(tmp_path, mode=mode))


@pytest.mark.parametrize("body", [b"", b"s" * 31, b" " * 64])
def test_a_short_secret_is_refused_and_not_shown(tmp_path, body):
    with pytest.raises(SettingsError, match="at least 32") as refused:
        read_secret(secret_file(tmp_path, body))
    assert "sss" not in str(refused.value)


def test_a_missing_secret_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        read_secret(tmp_path / "nowhere")


def test_a_password_may_be_short(tmp_path):
    assert read_secret(secret_file(tmp_path, b"pw"), 1) == b"pw"
