"""API keys, signing keys and the record of who did what, over real engines and the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import KEYS, QueryStage, another_instance, put_entry, query_stage, running, until

from atoll.access import AccessKey, SigningKey
from atoll.delivery_keys import HEARD_MS, read_key
from atoll.ids import now_ms
from atoll.signing import hash_api_key
from atoll.transformation.signature import sign

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("keys-engines")) as engines:
        async with query_stage(tmp_path_factory.mktemp("keys"), engines.urls, "keys_test") as ready:
            yield ready


async def make(stage: QueryStage, name: str, **facts: Any) -> str:
    """A new key; its secret is known to the stage under its name."""
    answer = await stage.ask("POST", "/v1/keys", {"name": name, "scopes": ["read"], **facts})
    assert answer.status == 201, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    stage.api_keys[name] = answer.body["secret"]
    return str(answer.body["secret"])


async def view(stage: QueryStage, name: str) -> dict[str, Any]:
    keys = (await stage.get("/v1/keys")).body["keys"]
    return next(dict(key) for key in keys if key["name"] == name)


async def test_a_key_works_at_once_and_its_secret_is_shown_nowhere_again(stage: QueryStage) -> None:
    secret = await make(stage, "fresh", buckets=["photos"], prefixes=["a/"], expires_in=3600)
    assert (await stage.get("/v1/nodes", key="fresh")).status == 200
    known = await view(stage, "fresh")
    assert (known["state"], known["source"], known["scopes"]) == ("active", "map", ["read"])
    assert (known["buckets"], known["prefixes"]) == (["photos"], ["a/"])
    assert known["expires_at"] > known["created_at"]
    everything = str((await stage.get("/v1/keys")).body) + str((await stage.get("/v1/audit")).body)
    assert secret not in everything
    assert hash_api_key(secret) not in everything


@pytest.mark.parametrize("what", ["a job", "the cluster"])
async def test_a_key_that_is_revoked_hears_no_more_of_what_it_watches(stage: QueryStage, what: str) -> None:
    name = what.replace(" ", "-")
    await make(stage, name)
    await stage.indexed(await stage.upload("watched/one"))
    order = {"kind": "look", "bucket": "photos", "prefix": "watched/"}
    job = (await stage.ask("POST", "/v1/jobs", order)).body["id"]  # no node here does it
    path = {"a job": f"/v1/jobs/{job}/events", "the cluster": "/v1/overview/events"}[what]
    headers = {"Authorization": f"Bearer {stage.api_keys[name]}"}
    async with stage.session.get(stage.url + path, headers=headers) as stream:
        assert (await stream.content.readline()).startswith(b"retry:")
        assert (await stage.ask("DELETE", f"/v1/keys/{name}")).status == 200
        await stream.read()  # to its end
    (await stage.get(path, key=name)).problem(401, "unauthorized")


async def test_keys_of_the_services_own_file_are_shown_beside_them(stage: QueryStage) -> None:
    known = await view(stage, "writer")
    assert (known["source"], known["scopes"], known["created_at"]) == ("file", ["write"], None)


async def test_a_rotated_key_has_two_secrets_and_rotated_without_overlap_one(stage: QueryStage) -> None:
    first = await make(stage, "turning")
    answer = await stage.ask("PATCH", "/v1/keys/turning", {"rotate": True, "overlap": 60})
    stage.api_keys |= {"turning": answer.body["secret"], "turning-before": first}
    assert answer.body["key"]["previous_until"] > answer.body["key"]["rotated_at"]
    for name in ("turning", "turning-before"):
        assert (await stage.get("/v1/nodes", key=name)).status == 200
    answer = await stage.ask("PATCH", "/v1/keys/turning", {"rotate": True, "overlap": 0})
    stage.api_keys |= {"turning-last": answer.body["secret"]}
    assert answer.body["key"]["previous_until"] is None
    assert (await stage.get("/v1/nodes", key="turning-last")).status == 200
    for name in ("turning", "turning-before"):
        (await stage.get("/v1/nodes", key=name)).problem(401, "unauthorized")


async def test_what_a_key_may_do_can_be_changed_and_the_rest_stays(stage: QueryStage) -> None:
    await make(stage, "changing", expires_in=3600)
    answer = await stage.ask("PATCH", "/v1/keys/changing", {"buckets": ["photos"], "expires_in": None})
    assert answer.body["secret"] is None
    key = answer.body["key"]
    assert (key["buckets"], key["expires_at"], key["scopes"]) == (["photos"], None, ["read"])
    buckets = (await stage.get("/v1/buckets", key="changing")).body["buckets"]
    assert [bucket["name"] for bucket in buckets] == ["photos"]


async def test_a_revoked_key_is_refused_at_once_and_never_comes_back(stage: QueryStage) -> None:
    await make(stage, "going")
    for _ in range(2):
        assert (await stage.ask("DELETE", "/v1/keys/going")).body["state"] == "revoked"
    (await stage.get("/v1/nodes", key="going")).problem(401, "unauthorized")
    (await stage.ask("PATCH", "/v1/keys/going", {"rotate": True})).problem(409, "conflict")
    (await stage.ask("POST", "/v1/keys", {"name": "going", "scopes": ["read"]})).problem(409, "conflict")
    backup = (await stage.get("/v1/backup")).body
    assert "key.going" in (await stage.ask("PUT", "/v1/backup", backup)).body["kept"]
    (await stage.get("/v1/nodes", key="going")).problem(401, "unauthorized")


async def test_an_expired_key_is_refused_and_says_so(stage: QueryStage) -> None:
    stage.api_keys["past"] = "p" * 43
    entry = AccessKey("past", hash_api_key("p" * 43), ("read",), 1, expires_at=2)
    await put_entry(stage, entry)
    known = await until(lambda: _found(stage, "past"), "the key is known")
    assert known["state"] == "expired"
    assert "expired" in (await stage.get("/v1/nodes", key="past")).problem(401, "unauthorized")["detail"]


async def _found(stage: QueryStage, name: str) -> dict[str, Any] | None:
    keys = (await stage.get("/v1/keys")).body["keys"]
    return next((key for key in keys if key["name"] == name), None)


async def test_when_a_key_was_last_used_is_told_also_by_another_instance(stage: QueryStage) -> None:
    await make(stage, "used")
    assert (await view(stage, "used"))["last_used"] is None
    await stage.get("/v1/nodes", key="used")
    told = (await view(stage, "used"))["last_used"]
    assert told is not None
    other = another_instance(stage)
    async with running(other):
        assert (await view(other, "used"))["last_used"] == told


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"name": "x"},
        {"name": "X", "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "scopes": ["read"], "buckets": ["B"]},
        {"name": "x", "scopes": ["read"], "buckets": ["photos"] * 65},
        {"name": "x", "scopes": ["read"], "prefixes": [""]},
        {"name": "x", "scopes": ["read"], "prefixes": ["p"] * 17},
        {"name": "x", "scopes": ["read"], "expires_in": 0},
        {"name": "x", "scopes": ["read"], "secret": "mine"},
    ],
)
async def test_a_wrong_order_makes_no_key(stage: QueryStage, order: dict[str, Any]) -> None:
    (await stage.ask("POST", "/v1/keys", order)).problem(400, "bad-request")


async def test_nobody_hears_of_keys_that_are_not_there(stage: QueryStage) -> None:
    for method, body in (("PATCH", {"rotate": True}), ("DELETE", None)):
        (await stage.ask(method, "/v1/keys/nobody", body)).problem(404, "not-found")
    (await stage.ask("PATCH", "/v1/signing-keys/nobody", {"state": "revoked"})).problem(404, "not-found")


async def test_a_signing_key_opens_what_was_signed_with_it_elsewhere_until_it_is_revoked(
    stage: QueryStage,
) -> None:
    record = await stage.indexed(await stage.upload("face", bucket="secret"))
    made = (await stage.ask("POST", "/v1/signing-keys", {"name": "shop"})).body
    assert (made["key"]["state"], made["key"]["signs"]) == ("active", False)
    query = sign("/i/secret/face", now_ms() // 1000 + 600, read_key(made["secret"]))
    answer = await stage.get(f"/i/secret/face?{query}", key=None)
    assert answer.status == 302, answer.body
    assert record.blob.sha256 in answer.headers["Location"]
    for state, status in (("retired", 302), ("active", 302), ("revoked", 401)):
        changed = await stage.ask("PATCH", "/v1/signing-keys/shop", {"state": state})
        assert changed.body["state"] == state
        assert (await stage.get(f"/i/secret/face?{query}", key=None)).status == status
    (await stage.ask("PATCH", "/v1/signing-keys/shop", {"state": "active"})).problem(409, "conflict")
    (await stage.ask("POST", "/v1/signing-keys", {"name": "shop"})).problem(409, "conflict")


async def test_the_newest_key_that_everybody_has_heard_of_signs_and_one_is_always_left(
    stage: QueryStage,
) -> None:
    (await stage.ask("PATCH", "/v1/signing-keys/cluster", {"state": "revoked"})).problem(409, "conflict")
    await stage.indexed(await stage.upload("signed", bucket="secret"))
    old = SigningKey("settled", "7" * 64, now_ms() - 2 * HEARD_MS)
    await put_entry(stage, old)

    async def signs() -> bool:
        keys = (await stage.get("/v1/signing-keys")).body["keys"]
        return [key["name"] for key in keys if key["signs"]] == ["settled"]

    await until(signs, "the settled key signs")
    item = {"bucket": "secret", "public_id": "signed"}
    url = (await stage.ask("POST", "/v1/resolve", {"items": [item]})).body["results"][0]["url"]
    assert "&key=settled&" in url
    assert (await stage.ask("PATCH", "/v1/signing-keys/cluster", {"state": "retired"})).status == 200
    (await stage.ask("PATCH", "/v1/signing-keys/settled", {"state": "revoked"})).problem(409, "conflict")
    assert (await stage.ask("PATCH", "/v1/signing-keys/cluster", {"state": "active"})).status == 200
    assert KEYS.signing.hex() not in str((await stage.get("/v1/signing-keys")).body)


async def test_who_did_what_is_recorded_with_its_result_the_newest_first(stage: QueryStage) -> None:
    await stage.ask("PUT", "/v1/buckets/noted", {"visibility": "private"})
    await stage.ask("PATCH", "/v1/sets/nowhere", {"sealed": True})
    await stage.ask("PATCH", "/v1/nodes/eu-1", {"state": "removed"})
    page = (await stage.get("/v1/audit?limit=3")).body
    told = [(r["key"], r["method"], r["path"], r["status"], r["result"]) for r in page["records"]]
    assert told == [
        ("admin", "PATCH", "/v1/nodes/eu-1", 409, "conflict"),
        ("admin", "PATCH", "/v1/sets/nowhere", 404, "not-found"),
        ("admin", "PUT", "/v1/buckets/noted", 200 if told[2][3] == 200 else 201, "ok"),
    ]
    first = page["records"][2]
    assert '"visibility":"private"' in first["facts"]["policy"]
    assert (first["service"], first["address"]) == ("query-eu", "127.0.0.1")
    seen = [record["at"] for record in page["records"]]
    while page["next_cursor"]:
        page = (await stage.get(f"/v1/audit?limit=5&cursor={page['next_cursor']}")).body
        assert len(page["records"]) <= 5
        seen += [record["at"] for record in page["records"]]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) > 8


async def test_what_changes_nothing_is_not_recorded(stage: QueryStage) -> None:
    before = (await stage.get("/v1/audit?limit=1")).body
    await stage.get("/v1/keys")
    await stage.get("/v1/audit")
    (await stage.ask("POST", "/v1/keys", {"name": "no", "scopes": ["read"]}, key=None)).problem(
        401, "unauthorized"
    )
    assert (await stage.get("/v1/audit?limit=1")).body == before


@pytest.mark.parametrize("query", ["cursor=x", "cursor=-1", "limit=0", "limit=1001", "after=3"])
async def test_a_wrong_page_is_refused(stage: QueryStage, query: str) -> None:
    (await stage.get(f"/v1/audit?{query}")).problem(400, "bad-request")
