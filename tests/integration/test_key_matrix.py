"""Who may do what: every route, with every scope, within and beyond the buckets and prefixes of a key.

Made from the table of routes in the source: a route that does not say its reach, or of which this file does
not know how it is asked, fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import Answer, QueryStage, put_entry, query_stage, until
from route_table import RouteFacts, routes

from atoll.access import AccessKey
from atoll.bucket import Bucket
from atoll.ids import named_asset_id
from atoll.model import AssetRecord
from atoll.node_api import handle_of
from atoll.signing import hash_api_key

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SCOPES = ("read", "write", "delete", "admin")
LIMITS: dict[str, dict[str, Any]] = {
    "free": {},
    "bucket": {"buckets": ("mine",)},
    "prefix": {"buckets": ("mine",), "prefixes": ("team/",)},
}
TARGETS = {
    "within": ("mine", "team/a"),
    "other prefix": ("mine", "other/a"),
    "other bucket": ("theirs", "team/a"),
}
REACHED = {
    "free": {"within", "other prefix", "other bucket"},
    "bucket": {"within", "other prefix"},
    "prefix": {"within"},
}
SECRET = {"visibility": "private"}


class Ask(NamedTuple):
    """How a route is asked about a record; `beyond` is the status of what a key does not reach."""

    path: Callable[[AssetRecord], str]
    body: Callable[[AssetRecord], Any] = lambda _: None
    beyond: int = 403
    status: Callable[[Answer], int] = lambda answer: answer.status


def by_id(suffix: str = "") -> Ask:
    return Ask(lambda r: f"/v1/assets/{r.asset_id}{suffix}", beyond=404)


def by_version(suffix: str = "") -> Ask:
    return Ask(lambda r: f"/v1/assets/{r.asset_id}/versions/{r.version}{suffix}", beyond=404)


def plainly(path: str, body: Any = None) -> Ask:
    return Ask(lambda _: path, lambda _: body)


def _result_status(answer: Answer) -> int:
    if answer.status != 200:
        return answer.status
    (result,) = answer.body["results"]
    return int(result.get("problem", {"status": 200})["status"])


NOBODYS = "0" * 26  # an id that nothing has
BRANCH = {"set": "nowhere", "branch": "00"}
ASKS: dict[str, Ask] = {
    "GET /v1/assets/{asset_id}/url": by_id("/url"),
    "GET /v1/assets/{asset_id}": by_id(),
    "GET /v1/assets/{asset_id}/locations": by_id("/locations"),
    "GET /v1/assets/{asset_id}/receipt": by_id("/receipt"),
    "GET /v1/assets/{asset_id}/verify": by_id("/verify"),
    "POST /v1/assets/{asset_id}/restore": by_id("/restore"),
    "DELETE /v1/assets/{asset_id}": by_id(),
    "PATCH /v1/assets/{asset_id}": Ask(
        lambda r: f"/v1/assets/{r.asset_id}", lambda _: {"title": "another"}, beyond=404
    ),
    "GET /v1/assets/by-name/{bucket}/{public_id:.+}": Ask(
        lambda r: f"/v1/assets/by-name/{r.bucket}/{r.public_id}"
    ),
    "GET /v1/assets": Ask(lambda r: f"/v1/assets?bucket={r.bucket}&prefix={r.public_id[:-1]}"),
    "POST /v1/search": Ask(
        lambda _: "/v1/search", lambda r: {"bucket": r.bucket, "prefix": r.public_id[:-1], "sort": "-bytes"}
    ),
    "POST /v1/uploads": Ask(
        lambda _: "/v1/uploads", lambda r: {"bucket": r.bucket, "public_id": r.public_id}
    ),
    "POST /v1/assets": Ask(lambda r: f"/v1/assets?bucket={r.bucket}&public_id={r.public_id}"),
    "POST /v1/resolve": Ask(
        lambda _: "/v1/resolve",
        lambda r: {"items": [{"bucket": r.bucket, "public_id": r.public_id}]},
        status=_result_status,
    ),
    "GET /i/{bucket}/{name:.+}": Ask(lambda r: f"/i/{r.bucket}/{r.public_id}"),
    "GET /v1/buckets": plainly("/v1/buckets"),
    "PUT /v1/buckets/{bucket}": Ask(lambda r: f"/v1/buckets/{r.bucket}", lambda _: SECRET),
    "GET /v1/buckets/{bucket}": Ask(lambda r: f"/v1/buckets/{r.bucket}"),
    "DELETE /v1/buckets/{bucket}": Ask(lambda r: f"/v1/buckets/{r.bucket}"),
    "GET /v1/buckets/{bucket}/deletion": Ask(
        lambda r: f"/v1/buckets/{r.bucket}/deletion", status=lambda a: 200 if a.status == 404 else a.status
    ),
    "GET /v1/nodes": plainly("/v1/nodes"),
    "GET /v1/sets": plainly("/v1/sets"),
    "GET /v1/regions": plainly("/v1/regions"),
    "GET /v1/overview": plainly("/v1/overview"),
    "GET /v1/overview/events": plainly("/v1/overview/events?seconds=0"),
    "GET /v1/nearest": plainly("/v1/nearest"),
    "POST /v1/alerts/acknowledge": plainly("/v1/alerts/acknowledge", {"alert": "none"}),
    "PATCH /v1/nodes/{node}": plainly("/v1/nodes/eu-1", {"state": "active"}),
    "POST /v1/join-tokens": plainly("/v1/join-tokens", {"node": "new-1", "region": "nowhere", "set": "s9"}),
    "POST /v1/join": plainly("/v1/join", {}),
    "GET /v1/nodes/{node}/drain": plainly("/v1/nodes/nowhere/drain"),
    "PATCH /v1/sets/{set}": plainly("/v1/sets/main", {"sealed": False}),
    "GET /v1/backup": plainly("/v1/backup"),
    "PUT /v1/backup": plainly("/v1/backup", {}),
    "POST /v1/verify": plainly("/v1/verify", BRANCH),
    "POST /v1/verify/survey": plainly("/v1/verify/survey", {"set": "nowhere"}),
    "POST /v1/catalog/survey": plainly("/v1/catalog/survey", {"set": "nowhere"}),
    "POST /v1/catalog/check": plainly("/v1/catalog/check", BRANCH),
    "POST /v1/catalog/rebuild": plainly("/v1/catalog/rebuild", BRANCH),
    "GET /v1/scrub": plainly("/v1/scrub"),
    "POST /v1/scrub": plainly("/v1/scrub", {"paused": False, "nodes": ["nowhere"]}),
    "POST /v1/keys": plainly("/v1/keys", {}),
    "GET /v1/keys": plainly("/v1/keys"),
    "PATCH /v1/keys/{key}": plainly("/v1/keys/nobody", {}),
    "DELETE /v1/keys/{key}": plainly("/v1/keys/nobody"),
    "POST /v1/signing-keys": plainly("/v1/signing-keys", {"name": "-"}),
    "GET /v1/signing-keys": plainly("/v1/signing-keys"),
    "PATCH /v1/signing-keys/{key}": plainly("/v1/signing-keys/nobody", {}),
    "GET /v1/assets/{asset_id}/versions": by_id("/versions"),
    "GET /v1/assets/{asset_id}/versions/{version}": by_version(),
    "GET /v1/assets/{asset_id}/versions/{version}/url": by_version("/url"),
    "DELETE /v1/assets/{asset_id}/versions/{version}": by_version(),
    "POST /v1/assets/{asset_id}/rollback": Ask(
        lambda r: f"/v1/assets/{r.asset_id}/rollback", lambda r: {"version": r.version}, beyond=404
    ),
    "POST /v1/assets/{asset_id}/rename": Ask(
        lambda r: f"/v1/assets/{r.asset_id}/rename",
        lambda r: {"public_id": f"{r.public_id}-renamed"},
        beyond=404,
    ),
    "POST /v1/assets/{asset_id}/copy": Ask(
        lambda r: f"/v1/assets/{r.asset_id}/copy", lambda r: {"public_id": f"{r.public_id}-copy"}, beyond=404
    ),
    "POST /v1/uploads/by-url": Ask(
        lambda _: "/v1/uploads/by-url",
        lambda r: {"bucket": r.bucket, "public_id": r.public_id, "url": "https://img.example.org/a.jpg"},
    ),
    "POST /v1/jobs": Ask(
        lambda _: "/v1/jobs", lambda r: {"kind": "look", "bucket": r.bucket, "prefix": r.public_id}
    ),
    "GET /v1/jobs": plainly("/v1/jobs"),
    "GET /v1/jobs/{job}": plainly(f"/v1/jobs/{NOBODYS}"),
    "GET /v1/jobs/{job}/events": plainly(f"/v1/jobs/{NOBODYS}/events"),
    "DELETE /v1/jobs/{job}": plainly(f"/v1/jobs/{NOBODYS}"),
    "POST /v1/webhooks": plainly("/v1/webhooks", {}),
    "GET /v1/webhooks": plainly("/v1/webhooks"),
    "DELETE /v1/webhooks/{hook}": plainly(f"/v1/webhooks/{NOBODYS}"),
    "GET /v1/webhooks/{hook}/deliveries": plainly(f"/v1/webhooks/{NOBODYS}/deliveries"),
    "POST /v1/webhooks/{hook}/deliveries/{delivery}/redeliver": plainly(
        f"/v1/webhooks/{NOBODYS}/deliveries/{NOBODYS}/redeliver"
    ),
    "POST /v1/upload-keys": plainly("/v1/upload-keys", {"name": "-", "buckets": ["mine"]}),
    "GET /v1/upload-keys": plainly("/v1/upload-keys"),
    "DELETE /v1/upload-keys/{key}": plainly("/v1/upload-keys/nobody"),
    "GET /v1/history": plainly("/v1/history"),
    "GET /v1/folders": Ask(lambda r: f"/v1/folders?bucket={r.bucket}&prefix={r.public_id[:-1]}"),
    "GET /v1/trash": Ask(lambda r: f"/v1/trash?bucket={r.bucket}&prefix={r.public_id[:-1]}"),
    "GET /": plainly("/"),
    "GET /app": plainly("/app"),
    "GET /app/{page:.*}": plainly("/app/"),
    "GET /app/-/{build}/{file:.+}": plainly("/app/-/none/main.js"),
    "GET /app/session": plainly("/app/session"),
    "POST /app/session": plainly("/app/session", {}),
    "DELETE /app/session": plainly("/app/session"),
    "GET /v1/audit": plainly("/v1/audit"),
    "GET /health": plainly("/health"),
    "GET /metrics": plainly("/metrics"),
    "GET /openapi.json": plainly("/openapi.json"),
    "GET /openapi-node.json": plainly("/openapi-node.json"),
    "GET /docs": plainly("/docs"),
}
# Of a whole bucket, so a key with prefixes reaches none.
WHOLE_BUCKET = {
    "GET /v1/buckets/{bucket}",
    "PUT /v1/buckets/{bucket}",
    "DELETE /v1/buckets/{bucket}",
    "GET /v1/buckets/{bucket}/deletion",
}
# Shows each key its own part, and refuses nobody who has the scope.
OWN_PART = {
    "GET /v1/buckets",
    "GET /v1/history",
    "GET /v1/jobs",
    "GET /v1/jobs/{job}",
    "GET /v1/jobs/{job}/events",
    "DELETE /v1/jobs/{job}",
}
# These need another scope as well: no key of one scope alone gets there.
TWO_SCOPES = {"POST /v1/assets/{asset_id}/copy", "POST /v1/assets/{asset_id}/rename"}
# Asked about an id that nobody has, or carried out by nodes, which the imaginary ones here do not know.
BEHIND_THE_KEY = {"versions", "rollback", "rename", "copy", "jobs"}
TABLE = sorted(routes(), key=str)


def expected(route: RouteFacts, scope: str, limit: str, target: str) -> set[int] | None:
    """The status of a refusal; None: the request gets past all keys."""
    scope_needed = "read" if route.path.startswith("/i/") else route.scope
    if scope_needed is None:
        return None
    if scope != scope_needed or str(route) in TWO_SCOPES:
        return {403}
    if route.reach == "whole":
        return None if limit == "free" else {403}
    if route.reach == "cluster" or str(route) in OWN_PART:
        return None
    if str(route) in WHOLE_BUCKET and limit == "prefix":
        return {403}
    return None if target in REACHED[limit] else {ASKS[str(route)].beyond}


class Ground(NamedTuple):
    stage: QueryStage
    records: dict[str, AssetRecord]
    doomed: dict[str, AssetRecord]  # for deletes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    with EngineThread(tmp_path_factory.mktemp("matrix-engines")) as engines:
        async with query_stage(tmp_path_factory.mktemp("matrix"), engines.urls, "matrix_test") as stage:
            for bucket in ("mine", "theirs"):
                await put_entry(stage, Bucket(bucket, "private", fetch_hosts=("img.example.org",)))
            records = {name: await stage.indexed(await _upload(stage, *at)) for name, at in TARGETS.items()}
            doomed = {
                name: await stage.indexed(await _upload(stage, bucket, f"{public_id}-doomed"))
                for name, (bucket, public_id) in TARGETS.items()
            }
            for record in (*records.values(), *doomed.values()):
                for node in stage.nodes.values():
                    node.records[record.asset_id] = (record,)
            await _make_keys(stage)
            yield Ground(stage, records, doomed)


async def _upload(stage: QueryStage, bucket: str, public_id: str) -> AssetRecord:
    async def known() -> bool:
        buckets = (await stage.get("/v1/buckets")).body["buckets"]
        return bucket in {b["name"] for b in buckets}

    await until(known, f"the bucket {bucket} is known")
    return await stage.upload(public_id, bucket=bucket)


async def _make_keys(stage: QueryStage) -> None:
    for scope in SCOPES:
        for limit, facts in LIMITS.items():
            name = f"{scope}-{limit}"
            stage.api_keys[name] = name.ljust(43, "k")
            await stage.cluster.put(AccessKey(name, hash_api_key(stage.api_keys[name]), (scope,), 1, **facts))

    async def known() -> bool:
        return (await stage.get("/v1/keys", key="admin-free")).status == 200 and (
            await stage.get("/v1/audit", key="admin-prefix")
        ).status == 403

    await until(known, "the keys are known")


async def ask(ground: Ground, route: RouteFacts, target: str, key: str | None) -> int:
    spec = ASKS[str(route)]
    record = (ground.doomed if route.method == "DELETE" else ground.records)[target]
    answer = await ground.stage.ask(route.method, spec.path(record), spec.body(record), key=key)
    return spec.status(answer)


async def test_every_route_says_what_it_means_to_a_limited_key_and_is_asked_here() -> None:
    assert [str(route) for route in TABLE if route.reach is None] == []
    assert {str(route) for route in TABLE} == set(ASKS)
    for route in TABLE:
        assert (route.reach == "anyone") == (route.scope is None and not route.path.startswith("/i/")), route


@pytest.mark.parametrize("route", TABLE, ids=str)
async def test_a_key_gets_where_its_scope_and_its_limits_lead_and_nowhere_else(
    ground: Ground, route: RouteFacts
) -> None:
    for scope in SCOPES:
        for limit in LIMITS:
            for target in TARGETS:
                cell = (str(route), scope, limit, target)
                status = await ask(ground, route, target, f"{scope}-{limit}")
                refusal = expected(route, scope, limit, target)
                if refusal is not None:
                    assert {status} == refusal, cell
                elif route.reach == "inside" and not BEHIND_THE_KEY & set(route.path.split("/")):
                    assert status not in {401, 403, 404, 500}, cell
                else:
                    assert status not in {401, 403, 500}, cell


@pytest.mark.parametrize("route", [r for r in TABLE if r.reach != "anyone"], ids=str)
async def test_nobody_gets_in_without_a_key_or_with_one_that_is_not_ours(
    ground: Ground, route: RouteFacts
) -> None:
    ground.stage.api_keys["unknown"] = "u" * 43
    for target in TARGETS:
        for key in (None, "unknown"):
            status = await ask(ground, route, target, key)
            assert (status if route.path != "/v1/resolve" else 401) == 401, (str(route), target, key)


async def test_what_a_key_does_not_reach_looks_by_id_like_what_does_not_exist(ground: Ground) -> None:
    stage, record = ground.stage, ground.records["other bucket"]
    unknown = "0" * 26
    for path in ("", "/url", "/locations", "/verify"):
        seen = await stage.get(f"/v1/assets/{record.asset_id}{path}", key="read-prefix")
        none = await stage.get(f"/v1/assets/{unknown}{path}", key="read-free")
        if path != "/verify":
            assert str(seen.body).replace(record.asset_id, unknown) == str(none.body)
        assert seen.status == 404


# Scope, method, path and body of what asks by id alone.
ASKED_BY_ID: list[tuple[str, str, str, Any]] = [
    *(
        ("read", "GET", f"/v1/assets/{{id}}{what}", None)
        for what in (
            "",
            "/url",
            "/locations",
            "/receipt",
            "/verify",
            "/verify?deep=true",
            "/versions",
            "/versions?limit=1",
            f"/versions?cursor={NOBODYS}",
            f"/versions?cursor={'z' * 26}",
            "/versions/{version}",
            "/versions/{version}/url",
        )
    ),
    ("write", "PATCH", "/v1/assets/{id}", {"title": "another"}),
    ("write", "POST", "/v1/assets/{id}/rollback", {"version": NOBODYS}),
    ("write", "POST", "/v1/jobs", {"kind": "look", "bucket": "mine", "asset_ids": ["{id}"]}),
    ("delete", "DELETE", "/v1/assets/{id}", None),
    ("delete", "DELETE", "/v1/assets/{id}/versions/{version}", None),
    ("delete", "POST", "/v1/assets/{id}/restore", None),
]


@pytest.fixture
def testifying(ground: Ground) -> Iterator[None]:
    """All nodes answer about receipts: else what none knows is not known to be absent (503)."""
    nodes = ground.stage.nodes.values()
    for node in nodes:
        node.testifies = True
    yield
    for node in nodes:
        node.testifies = False


@pytest.mark.usefixtures("testifying")
@pytest.mark.parametrize("target", ["other prefix", "other bucket"])
@pytest.mark.parametrize(("scope", "method", "path", "body"), ASKED_BY_ID)
async def test_an_answer_to_a_limited_key_never_tells_whether_a_name_beyond_its_reach_exists(
    ground: Ground, scope: str, method: str, path: str, body: Any, target: str
) -> None:
    """A name's id follows from the name: who guesses the name can ask by the id."""
    there = ground.records[target]
    told = []
    for asset_id in (there.asset_id, named_asset_id(there.bucket, f"{there.public_id}-none")):
        facts = {"id": asset_id, "version": there.version}
        sent = body and {k: [asset_id] if k == "asset_ids" else v for k, v in body.items()}
        answer = await ground.stage.ask(method, path.format(**facts), sent, key=f"{scope}-prefix")
        told.append((answer.status, str(answer.body).replace(asset_id, "ID")))
    assert told[0] == told[1]
    assert told[0][0] == 404


async def test_a_batch_answers_each_item_by_itself(ground: Ground) -> None:
    records = ground.records
    items = [
        {"asset_id": records["within"].asset_id},
        {"asset_id": records["other bucket"].asset_id},
        {"bucket": "mine", "public_id": "team/a"},
        {"bucket": "mine", "public_id": "other/a"},
        {"bucket": "theirs", "public_id": "nothing"},
        {"bucket": "mine", "handle": str(handle_of(records["within"]))},
        {"bucket": "theirs", "handle": str(handle_of(records["other bucket"]))},
    ]

    async def statuses(key: str) -> list[int]:
        answer = await ground.stage.ask("POST", "/v1/resolve", {"items": items}, key=key)
        return [result.get("problem", {"status": 200})["status"] for result in answer.body["results"]]

    assert await statuses("read-prefix") == [200, 404, 200, 403, 403, 403, 403]
    assert await statuses("read-bucket") == [200, 404, 200, 200, 403, 200, 403]
    assert await statuses("read-free") == [200, 200, 200, 200, 404, 200, 200]


async def test_a_transformation_leads_a_limited_key_to_no_other_image(ground: Ground) -> None:
    stage, within = ground.stage, ground.records["within"].asset_id
    for text, status in (
        ("w_9", 200),
        ("l_team:a/fl_layer_apply/w_9", 200),
        ("l_other:a/fl_layer_apply/w_9", 403),
        ("d_other:a/w_9", 403),
    ):
        answer = await stage.get(f"/v1/assets/{within}/url?t={text}", key="read-prefix")
        assert answer.status == status, (text, answer.body)
        assert (await stage.get(f"/v1/assets/{within}/url?t={text}", key="read-bucket")).status == 200
        item = {"asset_id": within, "t": text}
        batch = await stage.ask("POST", "/v1/resolve", {"items": [item]}, key="read-prefix")
        assert _result_status(batch) == status
    answer = await stage.get("/i/mine/d_other:a,w_9/team/none", key="read-prefix")
    assert answer.status in {403, 404}, answer.body


async def test_a_listing_is_of_what_the_key_reaches_and_buckets_too(ground: Ground) -> None:
    stage = ground.stage
    for query in ("bucket=mine", "bucket=mine&prefix=t", "bucket=mine&prefix=team"):
        (await stage.get(f"/v1/assets?{query}", key="read-prefix")).problem(403, "forbidden")
    page = (await stage.get("/v1/assets?bucket=mine&prefix=team/", key="read-prefix")).body
    assert {asset["public_id"] for asset in page["assets"]} <= {"team/a", "team/a-doomed"}
    buckets = (await stage.get("/v1/buckets", key="read-prefix")).body["buckets"]
    assert [bucket["name"] for bucket in buckets] == ["mine"]


async def test_a_key_with_prefixes_names_what_it_uploads(ground: Ground) -> None:
    for order, status in (
        ({"bucket": "mine"}, 403),
        ({"bucket": "mine", "files": 3}, 403),
        ({"bucket": "mine", "public_id": "team/ü"}, 201),
        ({"bucket": "mine", "public_id": "teams/x"}, 403),
    ):
        answer = await ground.stage.ask("POST", "/v1/uploads", order, key="write-prefix")
        assert answer.status == status, (order, answer.body)
    answer = await ground.stage.ask("POST", "/v1/uploads", {"bucket": "mine"}, key="write-bucket")
    assert answer.status == 201


async def test_a_name_of_ones_own_does_not_delete_another_buckets_asset(ground: Ground) -> None:
    """The nodes find by id: the bucket and public_id that were given are only a claim."""
    stage = ground.stage
    victim = await stage.upload(bucket="theirs")
    for node in stage.nodes.values():
        node.records[victim.asset_id] = (victim,)
    query = f"bucket=mine&public_id={victim.asset_id}"
    answer = await stage.ask("DELETE", f"/v1/assets/{victim.asset_id}?{query}", key="delete-bucket")
    answer.problem(404, "not-found")
    assert not any(
        order.asset_id == victim.asset_id for node in stage.nodes.values() for order in node.deletes
    )
