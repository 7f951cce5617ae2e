"""Sessions of the web app: what a cookie is worth – altered, old, its key gone – and whose page asks."""

from __future__ import annotations

import base64

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from atoll.access import AccessKey, PreviousSecret
from atoll.api_keys import ApiKey, ApiKeys
from atoll.errors import BadRequest, Forbidden, Unauthorized
from atoll.signing import Keys, hash_api_key
from query_service.callers import APP_HEADER, Callers, app_origin
from query_service.sessions import Session, Sessions

KEY, OTHER = "k" * 43, "o" * 43
KEYS, HOURS = Keys(b"a secret of the tests of sessions"), 12 * 3600
HOST = {"Host": "atoll.example:8400"}
OURS = {**HOST, "Sec-Fetch-Site": "same-origin", APP_HEADER: "1"}


class World:
    """One query service, and its clock."""

    def __init__(self, *keys: AccessKey, public_url: str | None = None) -> None:
        self.now = 1_800_000_000_000
        self.api_keys = ApiKeys([ApiKey("own", hash_api_key(OTHER), frozenset({"read"}))], lambda: self.now)
        self.api_keys.share(keys or [access_key()])
        self.sessions = Sessions(KEYS, self.api_keys, HOURS, lambda: self.now)
        self.callers = Callers(self.api_keys, self.sessions, public_url)

    def cookie(self, secret: str = KEY) -> str:
        return self.sessions.write(self.sessions.open(secret)[1])

    def asks(self, scope: str = "read", method: str = "GET", **headers: str) -> str:
        """The id of the key that is let in."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.callers.check(make_mocked_request(method, "/v1/assets", sent), scope).id


def access_key(**changes) -> AccessKey:
    return AccessKey("team", **{"sha256": hash_api_key(KEY), "scopes": ("read", "write"), **changes})


def test_a_session_stands_for_its_key_with_the_same_scopes():
    world = World()
    cookie = f"atoll={world.cookie()}"
    assert world.asks(Cookie=cookie) == "team"
    assert world.asks("write", Cookie=f"a=b; {cookie}; c=d") == "team"
    with pytest.raises(Forbidden):
        world.asks("delete", Cookie=cookie)


def test_a_key_of_the_operators_file_opens_one_too():
    world = World()
    assert world.asks(Cookie=f"atoll={world.cookie(OTHER)}") == "own"


def test_another_service_of_the_cluster_reads_it_and_one_with_another_secret_does_not():
    world, twin, stranger = World(), World(), World()
    stranger.sessions = Sessions(Keys(b"x" * 32), stranger.api_keys, HOURS, lambda: stranger.now)
    cookie = world.cookie()
    assert twin.sessions.read(cookie)[0].id == "team"
    with pytest.raises(Unauthorized):
        stranger.sessions.read(cookie)


def test_the_cookie_holds_neither_the_key_nor_its_hash():
    cookie = World().cookie()
    body = base64.urlsafe_b64decode(cookie.partition(".")[0] + "==")
    for secret in (KEY, hash_api_key(KEY), hash_api_key(KEY)[:12]):
        assert secret not in cookie
        assert secret.encode() not in body


def test_an_altered_cookie_opens_nothing():
    world = World()
    cookie = world.cookie()
    body, _, mark = cookie.partition(".")
    more = msgspec.json.encode(Session("own", "x", 2**50))
    forged = base64.urlsafe_b64encode(more).decode().rstrip("=")
    flipped = [
        cookie[:i] + ("A" if cookie[i] != "A" else "B") + cookie[i + 1 :] for i in range(len(cookie) - 1)
    ]
    for value in (
        *flipped,
        f"{forged}.{mark}",
        body,
        f"{body}.",
        "",
        ".",
        "ü.ü",
        "a" * 5000,
        f"{mark}.{body}",
    ):
        with pytest.raises(Unauthorized):
            world.sessions.read(value)


def test_a_session_ends_by_itself_and_no_later_than_its_key():
    world = World()
    cookie = world.cookie()
    world.now += HOURS * 1000 - 1
    world.sessions.read(cookie)
    world.now += 1
    with pytest.raises(Unauthorized, match="sign in again"):
        world.sessions.read(cookie)
    short = World(access_key(expires_at=World().now + 1000))
    cookie = short.cookie()
    short.now += 1000
    with pytest.raises(Unauthorized):
        short.sessions.read(cookie)


def test_revoking_the_key_ends_its_sessions_at_once():
    world = World()
    cookie = world.cookie()
    world.api_keys.share([access_key(revoked_at=world.now)])
    with pytest.raises(Unauthorized, match="no more"):
        world.sessions.read(cookie)
    world.api_keys.share([])
    with pytest.raises(Unauthorized, match="no more"):
        world.sessions.read(cookie)


def test_a_key_that_is_made_narrower_is_narrower_in_its_sessions():
    world = World()
    cookie = f"atoll={world.cookie()}"
    world.api_keys.share([access_key(scopes=("read",), buckets=("photos",))])
    assert world.sessions.read(cookie.removeprefix("atoll="))[0].buckets == {"photos"}
    with pytest.raises(Forbidden):
        world.asks("write", Cookie=cookie)


def test_after_a_rotation_a_session_lasts_as_long_as_the_secret_it_was_opened_with():
    world = World()
    cookie = world.cookie()
    world.api_keys.share(
        [
            access_key(
                sha256=hash_api_key("n" * 43), previous=PreviousSecret(hash_api_key(KEY), world.now + 1000)
            )
        ]
    )
    assert world.asks(Cookie=f"atoll={cookie}") == "team"
    world.now += 1000
    with pytest.raises(Unauthorized):
        world.asks(Cookie=f"atoll={cookie}")


def test_a_session_cannot_be_opened_with_what_is_no_key():
    world = World(access_key(expires_at=World().now))
    for secret in (KEY, "x" * 43, "", "ü" * 43, hash_api_key(KEY)):
        with pytest.raises(Unauthorized):
            world.sessions.open(secret)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_from_another_site_is_refused_with_the_cookie(site, method):
    world = World()
    with pytest.raises(Forbidden):
        world.asks(method=method, Cookie=f"atoll={world.cookie()}", **{**OURS, "Sec-Fetch-Site": site})


def test_a_form_of_another_site_changes_nothing():
    """It can send neither header; an old browser tells no Sec-Fetch-Site."""
    world = World()
    cookie = {"Cookie": f"atoll={world.cookie()}", **HOST}
    evil = "https://evil.example"
    for headers in (
        {"Origin": evil, "Content-Type": "text/plain"},
        {"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"},
        {},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        with pytest.raises(BadRequest, match=APP_HEADER):
            world.asks("write", "POST", **cookie, **headers)
    for headers in ({"Origin": evil}, {"Origin": "null"}, {}, {"Origin": "http://atoll.example"}):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with pytest.raises(Forbidden, match="public_url"):
                world.asks("write", method, **cookie, **headers, **{APP_HEADER: "1"})


@pytest.mark.parametrize("origin", ["http://[x", "http://[::1", "//[", "http://]"])
def test_an_origin_that_is_no_url_is_not_ours(origin):
    world = World(public_url="https://img.example/atoll")
    sent = {**HOST, APP_HEADER: "1", "Cookie": f"__Host-atoll={world.cookie()}", "Origin": origin}
    with pytest.raises(Forbidden, match="public_url"):
        world.asks("write", "POST", **sent)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://atoll.example:8400"},
        {"Origin": "https://img.example"},
    ],
)
def test_our_own_page_changes_what_its_key_may(headers):
    world = World(public_url="https://img.example/atoll")
    sent = {**HOST, APP_HEADER: "1", "Cookie": f"__Host-atoll={world.cookie()}", **headers}
    assert world.asks("write", "POST", **sent) == "team"


def test_with_an_api_key_in_the_request_the_cookie_does_not_count():
    world = World()
    sent = {
        "Authorization": f"Bearer {OTHER}",
        "Cookie": f"atoll={world.cookie()}",
        "Sec-Fetch-Site": "cross-site",
    }
    assert world.asks(**sent) == "own"
    with pytest.raises(Unauthorized):
        world.asks(**{**sent, "Authorization": "Bearer unknown"})


def test_where_we_are_reached_by_tls_a_cookie_that_a_neighbour_could_set_does_not_count():
    world = World(public_url="https://img.example")
    with pytest.raises(Unauthorized):
        world.asks(Cookie=f"atoll={world.cookie()}")
    assert world.asks(Cookie=f"atoll=x; __Host-atoll={world.cookie()}") == "team"


def test_cookies_of_others_are_no_session_and_no_hindrance():
    with pytest.raises(Unauthorized, match="Bearer"):
        World().asks(Cookie="theme=dark; other=1", Sec_Fetch_Site="cross-site")


def test_only_what_a_session_asks_for_is_for_its_page():
    world = World()
    request = make_mocked_request("POST", "/v1/uploads", {**OURS, "Origin": "http://atoll.example:8400"})
    assert app_origin(request) == ""
    sent = {**OURS, "Origin": "http://atoll.example:8400", "Cookie": f"atoll={world.cookie()}"}
    request = make_mocked_request("POST", "/v1/uploads", sent)
    world.callers.check(request, "write")
    assert app_origin(request) == "http://atoll.example:8400"
