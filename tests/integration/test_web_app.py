"""The web app's door, asked over HTTP: its files, signing in and out, what a session opens. Real engines."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import KEYS, Answer, QueryStage, query_stage, until

from atoll.access import AccessKey
from atoll.ids import now_ms
from atoll.signing import hash_api_key, open_ticket
from query_service.packing import LEAST_BYTES

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

OURS = {"Sec_Fetch_Site": "same-origin", "X_Atoll_App": "1"}
BURST = 120  # of sign-ins: more than the stories need (a slow one takes a lease), and then too many


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("web-engines")) as engines:
        folder = tmp_path_factory.mktemp("web")
        async with query_stage(folder, engines.urls, "web_test", sign_in_burst=BURST) as running:
            yield running


async def sign_in(stage: QueryStage, key: str = "admin", **headers: str) -> Answer:
    body = {"key": stage.api_keys.get(key, key)}
    return await stage.ask("POST", "/app/session", body, key=None, **(OURS | headers))


def cookie_of(answer: Answer) -> dict[str, Any]:
    """The one cookie that an answer sets: name, value and attributes."""
    (morsel,) = SimpleCookie(answer.headers["Set-Cookie"]).values()  # type: ignore[index,call-overload]
    return {"name": morsel.key, "value": morsel.value, **dict(morsel)}


async def cookie(stage: QueryStage, key: str = "admin") -> str:
    found = cookie_of(await sign_in(stage, key))
    return f"{found['name']}={found['value']}"


async def test_every_page_is_the_same_shell_and_may_be_asked_for_again_cheaply(stage: QueryStage) -> None:
    first = await stage.get("/app/", key=None)
    assert first.status == 200
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    for node in stage.nodes.values():
        assert node.node.url in first.headers["Content-Security-Policy"]
    other = await stage.get("/app/library/photos/a%2Fb?q=1", key=None)
    assert other.body == first.body
    again = await stage.get("/app/image/x", key=None, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


async def test_its_files_are_kept_for_ever_and_those_of_another_build_are_not_there(
    stage: QueryStage,
) -> None:
    shell = (await stage.get("/app/", key=None)).body.decode()
    script = shell.partition('src="')[2].partition('"')[0]
    found = await stage.get(script, key=None)
    assert found.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    build = script.split("/")[3]
    for path in (
        script.replace(build, "0" * 16),
        f"/app/-/{build}/nothing.js",
        f"/app/-/{build}/..%2Fapp.py",
    ):
        (await stage.get(path, key=None)).problem(404, "not-found")


async def test_whoever_comes_to_the_service_itself_is_led_to_the_app(stage: QueryStage) -> None:
    for path in ("/", "/app"):
        answer = await stage.get(path, key=None)
        assert (answer.status, answer.headers["Location"]) == (302, "/app/")


async def test_signing_in_gives_a_cookie_that_opens_the_api_and_holds_no_key(stage: QueryStage) -> None:
    answer = await sign_in(stage, "reader")
    assert answer.body["signed_in"]["key"] == "reader"
    assert answer.body["signed_in"]["scopes"] == ["read"]
    found = cookie_of(answer)
    assert found["httponly"]
    assert found["samesite"] == "Strict"
    assert (found["path"], found["domain"], found["secure"]) == ("/", "", "")
    assert 0 < int(found["max-age"]) <= stage.settings.session_seconds
    for secret in (stage.api_keys["reader"], hash_api_key(stage.api_keys["reader"])):
        assert secret not in str(answer.headers)
        assert secret not in str(answer.body)
    held = f"{found['name']}={found['value']}"
    shown = await stage.get("/app/session", key=None, Cookie=held)
    assert shown.body == answer.body
    assert (await stage.get("/v1/nodes", key=None, Cookie=held)).status == 200
    (await stage.get("/v1/keys", key=None, Cookie=held)).problem(403, "forbidden")


async def test_by_tls_the_cookie_is_for_tls_and_this_host_only(stage: QueryStage) -> None:
    found = cookie_of(await sign_in(stage, Origin=f"https://127.0.0.1:{stage.settings.listen_port}"))
    assert found["name"] == "__Host-atoll"
    assert found["secure"]


async def test_without_the_key_nobody_gets_in_and_a_page_may_ask_who_it_is(stage: QueryStage) -> None:
    for key in ("x" * 43, "ü", hashlib.sha256(b"k").hexdigest()):
        (await sign_in(stage, key)).problem(401, "unauthorized")
    for held in ("atoll=", "atoll=a.b", "__Host-atoll=x"):
        assert (await stage.get("/app/session", key=None, Cookie=held)).body == {"signed_in": None}
        (await stage.get("/v1/nodes", key=None, Cookie=held)).problem(401, "unauthorized")


async def test_an_origin_that_is_no_url_is_refused_and_no_fault_of_ours(stage: QueryStage) -> None:
    body = {"key": stage.api_keys["admin"]}
    answer = await stage.ask("POST", "/app/session", body, key=None, Origin="http://[x", X_Atoll_App="1")
    answer.problem(403, "forbidden")


async def test_no_other_site_signs_anybody_in_or_out_or_changes_anything(stage: QueryStage) -> None:
    held = await cookie(stage)
    evil = {"Origin": "https://evil.example", "Cookie": held}
    body = {"key": stage.api_keys["admin"]}
    for method, path in (("POST", "/app/session"), ("DELETE", "/app/session"), ("POST", "/v1/uploads")):
        plain = await stage.ask(method, path, body, key=None, **evil, Content_Type="text/plain")
        plain.problem(400, "bad-request")
        for site in ({"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {}):
            refused = await stage.ask(method, path, body, key=None, **evil, **site, X_Atoll_App="1")
            refused.problem(403, "forbidden")
            assert "Set-Cookie" not in refused.headers
    read = await stage.get("/v1/nodes", key=None, Cookie=held, Sec_Fetch_Site="cross-site")
    read.problem(403, "forbidden")


async def test_revoking_the_key_ends_its_sessions_and_an_expired_one_opens_none(stage: QueryStage) -> None:
    stage.api_keys["short"] = "s" * 43
    own = AccessKey("short", hash_api_key("s" * 43), ("read",), 1)
    await stage.cluster.put(own)

    async def opened() -> bool:
        return (await stage.get("/v1/nodes", key="short")).status == 200

    await until(opened, "the key is known")
    held = await cookie(stage, "short")
    assert (await stage.get("/v1/nodes", key=None, Cookie=held)).status == 200
    await stage.cluster.put(AccessKey("short", own.sha256, ("read",), 1, revoked_at=now_ms()))

    async def closed() -> bool:
        return (await stage.get("/v1/nodes", key=None, Cookie=held)).status == 401

    await until(closed, "the session has ended with its key")
    assert (await stage.get("/app/session", key=None, Cookie=held)).body == {"signed_in": None}
    (await sign_in(stage, "short")).problem(401, "unauthorized")


async def test_signing_out_takes_the_cookie_away(stage: QueryStage) -> None:
    held = await cookie(stage)
    answer = await stage.ask("DELETE", "/app/session", key=None, Cookie=held, **OURS)
    assert answer.body == {"signed_in": None}
    found = cookie_of(answer)
    assert (found["value"], found["max-age"]) == ("", "0")


async def test_a_ticket_for_the_apps_page_names_it_and_one_for_a_program_does_not(stage: QueryStage) -> None:
    page = f"http://127.0.0.1:{stage.settings.listen_port}"
    sent = OURS | {"Origin": page, "Cookie": await cookie(stage)}
    ticket = await stage.ask("POST", "/v1/uploads", {"bucket": "photos"}, key=None, **sent)
    assert open_ticket(ticket.body["ticket"], KEYS, now_ms()).origin == page
    ticket = await stage.ask("POST", "/v1/uploads", {"bucket": "photos"}, Origin=page)
    assert open_ticket(ticket.body["ticket"], KEYS, now_ms()).origin == ""


async def test_who_signed_in_is_recorded_with_what_administrators_did(stage: QueryStage) -> None:
    await sign_in(stage, "writer")

    async def told() -> bool:
        records = (await stage.get("/v1/audit")).body["records"]
        return any((r["key"], r["path"], r["result"]) == ("writer", "/app/session", "ok") for r in records)

    await until(told, "the sign-in is recorded")


async def test_long_answers_to_a_page_are_packed_and_those_to_programs_are_not(stage: QueryStage) -> None:
    held = await cookie(stage)
    order = {"items": [{"asset_id": f"{n:026d}"} for n in range(60)]}
    page = {"Cookie": held, "Accept_Encoding": "gzip", **OURS}
    packed = await stage.ask("POST", "/v1/resolve", order, key=None, **page)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert int(packed.headers["Content-Length"]) < LEAST_BYTES  # it says the same sixty times
    plain = await stage.ask("POST", "/v1/resolve", order, key=None, **{**page, "Accept_Encoding": "identity"})
    program = await stage.ask("POST", "/v1/resolve", order, Accept_Encoding="gzip")
    short = await stage.ask("POST", "/v1/resolve", {"items": order["items"][:1]}, key=None, **page)
    assert packed.body == plain.body == program.body
    for answer in (plain, program, short):
        assert "Content-Encoding" not in answer.headers


async def test_trying_too_often_is_refused_until_later(stage: QueryStage) -> None:
    """The last story of the file: nobody signs in for a while after it."""
    answers = [await sign_in(stage, "x" * 43) for _ in range(3 * BURST)]
    refused = next(answer for answer in answers if answer.status != 401)
    assert refused.problem(429, "too-many-requests")["retry_after"] >= 1
    assert refused.headers["Retry-After"]
