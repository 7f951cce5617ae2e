"""What a real node tells of itself – digests, states, receipts, proofs – and that it knows it again after its
index was lost."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from node_fixture import BUCKET, SET, Answer, NodeProcess, new_region, picture, problem, until
from public_bucket import open_bucket

from atoll.ids import new_id, now_ms
from atoll.repair_api import leaf_of_asset, leaf_of_blob
from atoll.signing import internal_token

pytestmark = pytest.mark.integration


@pytest.fixture
def node(engines, tmp_path):
    made = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {})
    made.start()
    open_bucket(made)
    yield made
    made.end()


@pytest.fixture(scope="module")
def standing(engines, tmp_path_factory):
    """One node for all that changes nothing on it."""
    made = NodeProcess(tmp_path_factory.mktemp("standing") / "node", engines.urls.nats, new_region(), {})
    made.start()
    yield made
    made.end()


def ask(node: NodeProcess, method: str, path: str, body: Any = None) -> Answer:
    """As a daemon of the cluster would."""
    sent = b"" if body is None else json.dumps(body).encode()
    token = internal_token("tester", node.name, method, path, node.keys, now_ms(), sent)
    return node.request(method, path, sent or None, {"Authorization": f"Atoll {token}"})


def told(node: NodeProcess, method: str, path: str, body: Any = None) -> Any:
    answer = ask(node, method, path, body)
    assert answer.status == 200, answer
    return answer.json


def upload(node: NodeProcess, body: bytes | None = None) -> dict[str, Any]:
    answer = node.put(body or picture())
    assert answer.status == 201, answer
    return answer.json


def delete(node: NodeProcess, asset: dict[str, Any], **facts: Any) -> Any:
    order = {"asset_id": asset["asset_id"], "bucket": BUCKET, "public_id": asset["public_id"], "set": SET}
    return told(node, "POST", "/internal/v1/deletes", {**order, **facts})


def item(asset: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"bucket": BUCKET, "sha256": asset["sha256"], "ext": asset["format"], **changes}


def test_trees_name_what_is_held_and_what_is_deleted(node):
    kept, gone = upload(node), upload(node)
    delete(node, gone)
    roots = told(node, "GET", "/internal/v1/digests")
    assert (roots["node"], roots["assets"]["items"], roots["blobs"]["items"]) == (node.name, 2, 1)
    for tree, leaf in (("assets", leaf_of_asset(kept["asset_id"])), ("blobs", leaf_of_blob(kept["sha256"]))):
        root = told(node, "GET", f"/internal/v1/digests/{tree}")
        branch = told(node, "GET", f"/internal/v1/digests/{tree}/{leaf >> 8:02x}")
        page = told(node, "GET", f"/internal/v1/digests/{tree}/{leaf:04x}?limit=10")
        assert root["digest"] == roots[tree]["digest"]
        assert root["children"][leaf >> 8] == branch["digest"]
        assert branch["children"][leaf & 255]
        assert page[tree][0]["asset_id" if tree == "assets" else "sha256"] in kept.values()


def test_a_root_tells_how_much_each_branch_has_and_where_bytes_are_missing(node):
    one, two = upload(node), upload(node)
    root = told(node, "GET", "/internal/v1/digests/blobs")
    filled = {n: count for n, count in enumerate(root["counts"]) if count}
    assert filled == Counter(leaf_of_blob(asset["sha256"]) >> 8 for asset in (one, two))
    assert told(node, "GET", "/internal/v1/unheld") == []
    sha256 = one["sha256"]
    file = node.data / "blobs" / BUCKET / sha256[:2] / sha256[2:4] / f"{sha256}.{one['format']}"
    file.chmod(0o600)
    file.write_bytes(b"no picture")
    assert told(node, "POST", "/internal/v1/proofs", {"items": [item(one)], "deep": True})[0]["bad"]
    assert told(node, "GET", "/internal/v1/unheld") == [leaf_of_asset(one["asset_id"]) >> 8]


@pytest.mark.parametrize(
    "path",
    [
        "digests/nothing",
        "digests/assets/0",
        "digests/assets/zz",
        "digests/assets/00112",
        "digests/assets/0000?after=x",
        "digests/blobs/0000?limit=0",
        "digests/blobs/0000?after=" + "f" * 65,
        "receipts/short",
    ],
)
def test_what_is_no_place_is_refused(standing, path):
    assert ask(standing, "GET", f"/internal/v1/{path}").status == 400


@pytest.mark.parametrize(
    "path", ["digests", "digests/blobs", "unheld", "receipts/" + "0" * 26, "proofs", "restores"]
)
def test_nobody_from_outside_is_told(standing, path):
    method = "POST" if path in {"proofs", "restores"} else "GET"
    problem(standing.request(method, f"/internal/v1/{path}"), 401, "unauthorized")


def test_states_come_in_the_order_asked(node):
    one, two = upload(node), upload(node)
    delete(node, two)
    unknown = new_id()
    order = {"asset_ids": [two["asset_id"], unknown, one["asset_id"]]}
    states = told(node, "POST", "/internal/v1/assets/states", order)
    assert [len(state["records"]) for state in states] == [0, 0, 1]
    assert states[0]["tombstone"]["asset_id"] == two["asset_id"]
    problem(
        ask(node, "POST", "/internal/v1/assets/states", {"asset_ids": [unknown] * 501}), 400, "bad-request"
    )


def test_receipts_follow_an_asset_through_its_life(node):
    asset = upload(node)
    path = f"/internal/v1/receipts/{asset['asset_id']}"
    (held,) = told(node, "GET", path)["held"]
    assert (held["version"], held["sha256"]) == (asset["version"], asset["sha256"])
    delete(node, asset)
    found = told(node, "GET", path)
    assert (found["held"], found["node"]) == ([], node.name)
    assert found["applied_at"] >= found["tombstone"]["deleted_at"]
    assert found["tombstone"]["purge_at"] == found["tombstone"]["deleted_at"] + 86_400_000
    (removed,) = found["removed"]
    assert removed["removed_at"] >= found["applied_at"]
    assert removed["purged_at"] is None
    order = {k: asset[k] for k in ("asset_id", "bucket", "public_id", "set")}
    restored = told(node, "POST", "/internal/v1/restores", order)
    assert restored["asset"]["version"] > found["tombstone"]["version"]
    assert node.request("GET", asset["path"]).status == 200
    problem(ask(node, "POST", "/internal/v1/restores", order), 409, "conflict")
    delete(node, asset, trash_seconds=0)
    assert told(node, "GET", path)["removed"][0]["purged_at"]
    problem(ask(node, "POST", "/internal/v1/restores", order), 410, "gone")


def test_proofs_say_what_is_held_and_a_deep_one_reads_it(node):
    good, bad = upload(node), upload(node)
    (path,) = node.data.glob(f"blobs/{BUCKET}/*/*/{bad['sha256']}.*")
    path.chmod(0o600)
    path.write_bytes(os.urandom(path.stat().st_size))
    items = [item(good), item(bad), item(good, sha256="0" * 64), item(good, ext="png")]
    shallow = told(node, "POST", "/internal/v1/proofs", {"items": items})
    assert [proof["held"] for proof in shallow] == [True, True, False, False]
    deep = told(node, "POST", "/internal/v1/proofs", {"items": items, "deep": True})
    assert [(proof["held"], proof["bad"]) for proof in deep] == [
        (True, False),
        (False, True),
        (False, False),
        (False, False),
    ]
    assert deep[0]["verified_at"] >= shallow[0]["verified_at"]
    assert [proof["needed"] for proof in deep] == [False, True, False, False]
    receipt = told(node, "GET", f"/internal/v1/receipts/{bad['asset_id']}")
    assert (receipt["held"], receipt["lacking"]) == ([], [bad["version"]])
    assert list(node.data.glob("quarantine/*"))


def lost(node: NodeProcess) -> None:
    for file in node.data.glob("index.db*"):
        file.unlink()


def garbage(node: NodeProcess) -> None:
    lost(node)  # with its log, which would repair it
    (node.data / "index.db").write_bytes(os.urandom(40_000))


def truncated(node: NodeProcess) -> None:
    whole = node.index("SELECT count(*) FROM records")  # and its log is in it
    assert whole
    body = (node.data / "index.db").read_bytes()
    lost(node)
    (node.data / "index.db").write_bytes(body[:5000])


@pytest.mark.parametrize("harm", [lost, garbage, truncated])
@pytest.mark.parametrize("end", [NodeProcess.stop, NodeProcess.kill])
def test_a_node_whose_index_is_gone_has_everything_again(
    node: NodeProcess, harm: Callable[[NodeProcess], None], end: Callable[[NodeProcess], Any]
) -> None:
    """Never replicated, and acknowledged: it must be here. One of the copies went bad meanwhile."""
    bodies = [picture() for _ in range(6)]
    assets = [upload(node, body) for body in bodies]
    gone = upload(node)
    delete(node, gone)
    before = told(node, "GET", "/internal/v1/digests")
    end(node)
    harm(node)
    (rotten,) = node.data.glob(f"blobs/{BUCKET}/*/*/{assets[5]['sha256']}.*")
    rotten.chmod(0o600)
    rotten.write_bytes(b"x" * rotten.stat().st_size)
    node.start()
    for asset, body in zip(assets[:5], bodies, strict=False):  # at once, whatever was looked at by then
        assert node.request("GET", asset["path"]).json == body
    assert node.request("GET", gone["path"]).status == 404
    until(lambda: node.index("SELECT count(*) FROM unchecked") == [(0,)])
    after = told(node, "GET", "/internal/v1/digests")
    assert after["assets"] == before["assets"]
    assert after["blobs"]["items"] == 5
    assert [row[0] for row in node.index("SELECT asset_id FROM wanted")] == [assets[5]["asset_id"]]
    assert "made anew from the journal" in node.log
    receipt = told(node, "GET", f"/internal/v1/receipts/{gone['asset_id']}")
    assert receipt["tombstone"]
    assert receipt["removed"]
    assert upload(node)
    node.forget_log()


def test_a_peer_gets_bytes_that_a_crash_left_to_be_looked_at(node):
    """As between the journal's fsync and the index's: the record came back, and its bytes wait for a look."""
    body = picture()
    asset = upload(node, body)
    node.kill()
    node.start()
    until(lambda: node.index("SELECT count(*) FROM unchecked") == [(0,)])
    with sqlite3.connect(node.data / "index.db", timeout=20) as index:
        index.execute("INSERT INTO unchecked SELECT asset_id, version FROM records")
        index.execute("DELETE FROM blobs")
    index.close()
    path = f"/internal/v1/blobs/{BUCKET}/{asset['sha256']}.{asset['format']}"
    assert told(node, "GET", path) == body
    assert node.index("SELECT count(*) FROM unchecked") == [(0,)]
    assert node.index("SELECT count(*) FROM blobs") == [(1,)]
