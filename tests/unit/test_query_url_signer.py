"""How long URLs are good, and that equal requests get equal ones."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from query_cluster import KEYS, PARIS, SHA

from atoll.bucket import Bucket
from atoll.delivery_keys import ring_of
from atoll.names import Handle
from atoll.transformation.signature import check
from query_service.url_signer import DAY, Client, UrlSigner
from query_service.wishes import Wishes

HANDLE = Handle("main", SHA, "jpg")
PUBLIC, PRIVATE = Bucket("photos", transformations={"thumb": "w_9"}), Bucket("secret", "private")
NOW = 1_700_000_000


def derivative(now: float, bucket: Bucket = PUBLIC, text: str = "w_9", **client: int) -> str:
    signer = UrlSigner(lambda: ring_of(KEYS, {}), lambda: now)
    whom = Client(PARIS, client.get("seconds", 600), client.get("until"))
    url, expires_at = signer.derivative(bucket, HANDLE, Wishes().wish(bucket, text), whom)
    if expires_at is not None:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert int(query["exp"]) == expires_at
        check(
            parts.path,
            query["exp"],
            query["key"],
            query["sig"],
            ring_of(KEYS, {}).accepted,
            min(now, expires_at - 1),
        )
    return url


def ends(url: str) -> int:
    return int(parse_qs(urlsplit(url).query)["exp"][0])


def test_within_a_day_a_public_derivative_has_one_url_that_lives_a_week_at_least() -> None:
    midnight = NOW - NOW % DAY
    urls = {derivative(midnight + seconds) for seconds in (1, 3600, DAY - 1, DAY)}
    assert len(urls) == 1
    assert ends(urls.pop()) == midnight + 8 * DAY
    assert ends(derivative(midnight + DAY + 1)) == midnight + 9 * DAY


def test_how_long_a_client_wants_a_private_url_does_not_change_a_public_one() -> None:
    assert derivative(NOW, seconds=1) == derivative(NOW, seconds=DAY)


def test_a_private_derivative_ends_exactly_when_asked() -> None:
    assert ends(derivative(NOW, PRIVATE, seconds=60)) == NOW + 60


@pytest.mark.parametrize("bucket", [PUBLIC, PRIVATE])
def test_nothing_outlives_what_the_client_was_let_in_with(bucket: Bucket) -> None:
    assert ends(derivative(NOW, bucket, until=NOW + 5)) == NOW + 5


def test_what_anybody_may_ask_for_is_not_signed_unless_the_image_is_private() -> None:
    assert derivative(NOW, text="t_thumb") == f"/photos/t_thumb/main/{SHA}.jpg"
    hidden = Bucket("secret", "private", transformations={"thumb": "w_9"}, unsigned_transformations=True)
    assert ends(derivative(NOW, hidden, "t_thumb")) == NOW + 600


def test_the_services_own_address_is_put_before_its_path() -> None:
    wish, client = Wishes().wish(PUBLIC, "t_thumb"), Client(PARIS, 600)
    for public_url, start in (("", ""), ("https://x.example/", "https://x.example")):
        signer = UrlSigner(lambda: ring_of(KEYS, {}), lambda: NOW, public_url=public_url)
        assert signer.image(PUBLIC, "a b/ü", wish, client) == f"{start}/i/photos/t_thumb/a%20b/%C3%BC"
