"""A private image: every path on a real node, and at /i/ of a query service; none leads to it unsigned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from node_fixture import SET, NodeProcess, new_region, picture, until
from public_bucket import put_entry
from query_stage import KEYS, QueryStage, query_stage
from query_stage import put_entry as put_there
from tus_stage import VERSION, begun, patch
from tus_stage import head as bare_head

from atoll.access import SigningKey
from atoll.bucket import Bucket
from atoll.delivery_keys import cluster_key, delivery_key
from atoll.ids import now_ms
from atoll.signing import Keys, internal_token, sign_delivery
from atoll.transformation.signature import sign

pytestmark = pytest.mark.integration

PRIVATE, OTHER = "secret", "theirs"
REVOKED = SigningKey("gone", "9" * 64, state="revoked")
Forge = Callable[[str, Keys], str]


def later(seconds: int = 900) -> int:
    return now_ms() // 1000 + seconds


def genuine(path: str, keys: Keys, seconds: int = 900, net: str = "") -> str:
    return sign(path, later(seconds), cluster_key(keys), net)


def shifted(query: str, seconds: int) -> str:
    exp, _, rest = query.partition("&")
    return f"exp={int(exp.removeprefix('exp=')) + seconds}&{rest}"


FORGERIES: dict[str, Forge] = {
    "no signature": lambda path, keys: "",
    "of the same path in another bucket": lambda path, keys: genuine(path.replace(PRIVATE, OTHER), keys),
    "of another image": lambda path, keys: genuine(path + "x", keys),
    "of its folder": lambda path, keys: genuine(path.rpartition("/")[0], keys),
    "of a transformation of it": lambda path, keys: genuine(path.replace(PRIVATE, f"{PRIVATE}/w_999"), keys),
    "expired": lambda path, keys: genuine(path, keys, -1),
    "expired in the old form": lambda path, keys: sign_delivery(path, later(-1), keys),
    "with a later expiry": lambda path, keys: shifted(genuine(path, keys, -1), 9000),
    "with an earlier expiry": lambda path, keys: shifted(genuine(path, keys), -1),
    "with an endless expiry": lambda path, keys: f"exp=999999999999&{genuine(path, keys).partition('&')[2]}",
    "without an expiry": lambda path, keys: genuine(path, keys).partition("&")[2],
    "truncated by one": lambda path, keys: genuine(path, keys)[:-1],
    "truncated to one": lambda path, keys: genuine(path, keys)[:-42],
    "truncated to nothing": lambda path, keys: genuine(path, keys)[:-43],
    "longer": lambda path, keys: genuine(path, keys) + "A",
    "with its last letter changed": lambda path, keys: genuine(path, keys)[:-1] + "_",
    "of another cluster": lambda path, keys: genuine(path, Keys(b"another cluster's secret, long enough")),
    "of a revoked key": lambda path, keys: sign(path, later(), delivery_key(keys, REVOKED)),
    "of a key nobody knows": lambda path, keys: genuine(path, keys).replace("key=", "key=x"),
    "with its key's name taken off": lambda path, keys: genuine(path, keys).replace("&key=", "&k="),
    "of an old form, cut": lambda path, keys: sign_delivery(path, later(), keys)[:-1],
    "for another network": lambda path, keys: genuine(path, keys, net="203.0.113.0/24"),
    "for another network, with that taken off": lambda path, keys: genuine(
        path, keys, net="203.0.113.0/24"
    ).replace("&net=203.0.113.0/24", ""),
}


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    names = {"thumb": "w_20"}
    policy = {"transformations": names, "unsigned_transformations": True, "cors": ("*",)}
    for entry in (
        Bucket(PRIVATE, "private", **policy),
        Bucket(OTHER, "private"),
        Bucket("open", **policy),
        REVOKED,
    ):
        asyncio.run(put_entry(running, entry))
    path = f"/open/{SET}/{'0' * 64}.png"
    until(lambda: "no bucket" not in str(running.request("GET", path).json))
    until(lambda: running.request("GET", path.replace("open", PRIVATE)).status == 401)
    yield running
    running.end()


@pytest.fixture(scope="module")
def image(node: NodeProcess) -> dict[str, str]:
    """Stored, looked at and rendered once, so that it is in memory, too."""
    body = picture(size=(64, 64))
    stored = node.put(body, node.ticket(bucket=PRIVATE)).json
    paths = {
        "itself": f"/{PRIVATE}/{SET}/{stored['sha256']}.jpg",
        "a derivative": f"/{PRIVATE}/w_20/{SET}/{stored['sha256']}.jpg",
        "a named derivative": f"/{PRIVATE}/t_thumb/{SET}/{stored['sha256']}.jpg",
    }
    for path in paths.values():
        for _ in range(2):
            assert node.request("GET", f"{path}?{genuine(path, node.keys)}").status == 200
    return {**paths, "sha256": stored["sha256"], "asset_id": stored["asset_id"]}


def shut(node: NodeProcess, method: str, target: str, headers: dict[str, str] | None = None) -> None:
    """Neither the bytes, nor a length or a tag of them."""
    if method == "HEAD":  # whatever its headers say of a body, there is none
        answer = bare_head(node, target)
    else:
        answer = node.request(method, target, None, headers or {})
    assert answer.status in {400, 401, 403, 404, 405, 422}, (method, target, answer)
    assert "ETag" not in answer.headers
    assert "Content-Range" not in answer.headers
    assert answer.headers.get_content_type() in {"application/problem+json", "text/plain"}, answer


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("what", ["itself", "a derivative", "a named derivative"])
def test_no_signature_but_its_own_opens_it_on_a_node(node, image, what, forgery):
    path = image[what]
    target = f"{path}?{FORGERIES[forgery](path, node.keys)}"
    for method, headers in (
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"Range": "bytes=0-9"}),
        ("GET", {"If-None-Match": "*"}),
        ("GET", {"If-None-Match": f'"{image["sha256"]}"'}),
        ("GET", {"Origin": "https://a.example"}),
        ("GET", {"Authorization": "Bearer " + "k" * 43}),
        ("GET", {"X-Forwarded-For": "203.0.113.9"}),
        ("POST", {"X-HTTP-Method-Override": "GET"}),
    ):
        shut(node, method, target, headers)


def test_no_other_spelling_of_its_path_leads_to_it(node, image):
    path, sha256 = image["itself"], image["sha256"]
    signed = genuine(path, node.keys)
    for other in (
        f"/{path}",
        path.replace(f"/{SET}/", f"//{SET}/"),
        path.replace(f"/{SET}/", f"/./{SET}/"),
        path.replace(f"/{SET}/", f"/x/../{SET}/"),
        path.replace("/secret/", "/%73ecret/"),
        path.replace("/secret/", "/open/../secret/"),
        path.replace("/secret/", "/open/"),
        path.replace("/secret/", f"/{OTHER}/"),
        path.upper(),
        path + "/",
        path + "%00",
        path.replace(".jpg", ".png"),
        path.replace(".jpg", ""),
        f"/i/{PRIVATE}/{image['asset_id']}",
        f"/blobs/{PRIVATE}/{sha256[:2]}/{sha256[2:4]}/{sha256}.jpg",
        f"/derivatives/{PRIVATE}/{sha256[:2]}/{sha256}/w_20.jpg",
        f"/{PRIVATE}/{sha256}.jpg",
        f"/open/l_{PRIVATE}:{image['asset_id']}/fl_layer_apply/{SET}/{sha256}.jpg",
        f"/open/d_{image['asset_id']}/{SET}/{'0' * 64}.jpg",
    ):
        for query in ("", f"?{signed}"):
            if other != path:
                shut(node, "GET", other + query)


def test_the_clusters_own_paths_need_a_token_for_this_node_and_this_request(node, image):
    asset, sha256 = image["asset_id"], image["sha256"]
    wrong = internal_token("peer", "another-node", "GET", image["itself"], node.keys, now_ms())
    stale = internal_token("peer", node.name, "GET", image["itself"], node.keys, now_ms() - 600_000)
    for target in (
        f"/internal/v1/assets/{asset}",
        f"/internal/v1/blobs/{PRIVATE}/{sha256}.jpg",
        f"/internal/v1/blobs/{PRIVATE}/{SET}/{sha256}.jpg",
        f"/internal/v1/derivatives/{PRIVATE}/w_20/{SET}/{sha256}.jpg",
        image["itself"],
    ):
        for credentials in ("", f"Atoll {wrong}", f"Atoll {stale}", "Atoll x", f"Bearer {stale}"):
            shut(node, "GET", target, {"Authorization": credentials} if credentials else {})


def test_a_ticket_or_a_resumable_uploads_url_shows_no_bytes(node, image):
    body = picture()
    ticket = node.ticket(bucket=PRIVATE)
    target = begun(node, len(body), ticket)
    assert patch(node, target, 0, body).headers["Upload-Asset-Id"]
    shown = node.request("GET", target, None, VERSION)  # facts of one's own upload, to whoever made it
    assert shown.headers.get_content_type() == "application/json"
    shut(node, "GET", shown.json["asset"]["path"])
    shut(node, "GET", f"{image['itself']}?ticket={ticket}")
    shut(node, "GET", f"{image['itself']}?{target.partition('?')[2]}")
    shut(node, "GET", target.partition("?")[0])
    shut(node, "GET", target[:-1])
    shut(node, "GET", f"/v1/uploads?ticket={ticket}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("private-engines")) as engines:
        async with query_stage(tmp_path_factory.mktemp("private"), engines.urls, "private_test") as running:
            await put_there(running, REVOKED)
            yield running


@pytest.mark.asyncio(loop_scope="module")
async def test_no_signature_but_its_own_opens_it_at_its_lasting_address(stage: QueryStage) -> None:
    record = await stage.indexed(await stage.upload("folder/a", bucket=PRIVATE))
    paths = [f"/i/{PRIVATE}/folder/a", f"/i/{PRIVATE}/w_20/folder/a", f"/i/{PRIVATE}/{record.asset_id}"]
    for path in paths[:2]:
        assert (await stage.get(f"{path}?{genuine(path, KEYS)}", key=None)).status == 302
    for path in paths:
        for name, forge in FORGERIES.items():
            query = forge(path, KEYS)
            for method in ("GET", "HEAD"):
                answer = await stage.ask(method, f"{path}?{query}", key=None)
                assert answer.status in {401, 403}, (path, name, answer.status)
                assert "Location" not in answer.headers  # type: ignore[operator]
        (await stage.get(path, key="writer")).problem(403, "forbidden")
        assert (await stage.get(path, key=None, X_Forwarded_For="203.0.113.9")).status == 401
