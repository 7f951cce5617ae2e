"""The settings of a query service, and the sample in deploy/ that shows them."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from atoll.settings import SettingsError, load
from query_service.settings import QuerySettings

SAMPLE = Path(__file__).parents[2] / "deploy" / "query_service.toml"
LINE = re.compile(r"^(# )?([a-z_]+) = (.+?)( +#.*)?$")


def lines_of_the_sample() -> dict[str, tuple[bool, str]]:
    """Each setting: whether it is commented out, and its value as written."""
    matches = (LINE.match(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines())
    return {m[2]: (m[1] is not None, m[3]) for m in matches if m}


def test_the_sample_names_every_setting_and_no_other() -> None:
    assert set(lines_of_the_sample()) == {field.name for field in dataclasses.fields(QuerySettings)}


def test_the_sample_can_be_loaded_as_it_is_and_with_every_line_in() -> None:
    load(QuerySettings, SAMPLE, {})
    full = tomllib.loads("\n".join(f"{name} = {value}" for name, (_, value) in lines_of_the_sample().items()))
    variables = {
        f"ATOLL_{name.upper()}": ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in full.items()
    }
    assert load(QuerySettings, None, variables).trusted_proxies == ("10.0.0.0/8",)


def test_what_the_sample_calls_a_default_is_one() -> None:
    loaded = load(QuerySettings, SAMPLE, {})
    for name, (commented, value) in lines_of_the_sample().items():
        default = getattr(loaded, name)
        if not commented or default in (None, ()):
            continue  # given in the sample, or off by default and shown as an example
        shown = load(QuerySettings, SAMPLE, {f"ATOLL_{name.upper()}": value.strip('"[]').replace('"', "")})
        assert getattr(shown, name) == default, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", "10.0.0.0/8,not-a-network"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("ticket_seconds", "5"),
        ("max_signed_url_seconds", "604801"),
        ("max_resolve_items", "1001"),
        ("mongodb_driver", "sqlite"),
        ("redirect_seconds", "-1"),
        ("memory_cache_entries", "0"),
    ],
)
def test_a_wrong_value_is_named_at_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(QuerySettings, SAMPLE, {f"ATOLL_{name.upper()}": value})
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [name]


def test_without_secrets_it_does_not_start() -> None:
    with pytest.raises(SettingsError) as caught:
        load(QuerySettings, None, {})
    missing = {mistake.partition(":")[0] for mistake in caught.value.mistakes}
    assert {"cluster_secret_file", "api_keys_file", "mongodb_url_file"} <= missing


def test_what_was_deleted_is_remembered_longer_than_events_can_be_late() -> None:
    settings = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))
    variables = {f"ATOLL_{name.upper()}": str(value) for name, value in settings.items()}
    longest = {"ATOLL_CATALOG_MARKS_DAYS": "7", "ATOLL_STREAM_MAX_AGE_HOURS": "167"}
    load(QuerySettings, None, variables | longest)
    with pytest.raises(SettingsError, match="catalog_marks_days"):
        load(QuerySettings, None, variables | longest | {"ATOLL_STREAM_MAX_AGE_HOURS": "168"})
