"""The shipped configuration of nginx before a real node: the same answers, and none that the node refuses."""

from __future__ import annotations

import itertools
import json
import re
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from nginx_fixture import SHIPPED, Nginx, ask, facts, needs_nginx, self_signed
from node_fixture import BUCKET, Answer, NodeProcess, new_region, picture, until
from public_bucket import open_bucket

from atoll.bucket import Bucket
from atoll.delivery_keys import cluster_key
from atoll.ids import now_ms
from atoll.names import CONTENT_TYPES
from atoll.signing import internal_token
from atoll.transformation.paths import parse_node_path
from atoll.transformation.signature import sign

pytestmark = [pytest.mark.integration, needs_nginx]

PRIVATE = "private-pictures"
DERIVED = "c_fit,f_webp,h_20,w_30"
# A derivative's entity tag tells whose answer it is: nginx's, or the node's.
OURS, THEIRS = re.compile(r'"[0-9a-f]{1,8}-[0-9a-f]+"'), re.compile(r'"[0-9a-f]{32}"')
SETTINGS = {
    "static_offload": True,
    "accel_redirect_prefix": "/_atoll",
    "trusted_proxies": ["127.0.0.1/32"],
    "ram_cache_bytes": 0,  # so that the node, too, reads from the disk
    "renderers": 1,
}


class Stage(NamedTuple):
    """A node with three pictures, and nginx before it. `reads`: what the node itself served so far."""

    node: NodeProcess
    nginx: Nginx
    public: str
    derived: str
    private: str

    def reads(self) -> float:
        text = self.node.request("GET", "/metrics").json.decode()
        return sum(map(float, re.findall(r'(?m)^atoll_node_reads_total\{source="\w+"\} (\S+)$', text)))

    def without_the_node(self, target: str, **headers: str) -> Answer:
        """What nginx answers, when the node was not asked for it."""
        before = self.reads()
        answer = self.nginx.get(target, **headers)
        assert self.reads() == before, f"the node was asked for {target}"
        return answer


@pytest.fixture(scope="module")
def stage(engines, tmp_path_factory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("offload")
    node = NodeProcess(directory / "node", engines.urls.nats, new_region(), SETTINGS).start()
    open_bucket(node, Bucket(PRIVATE, visibility="private"))
    open_bucket(node, Bucket(BUCKET, unsigned_transformations=True))
    public = node.put(picture(size=(64, 48))).json["path"]
    private = node.put(picture(), node.ticket(bucket=PRIVATE)).json["path"]
    _, bucket, place = public.split("/", 2)
    derived = f"/{bucket}/{DERIVED}/{place}"
    assert node.request("GET", derived).status == 200
    for shown in (
        f"public/s1/{BUCKET}/blobs",
        f"public/s1/{BUCKET}/derivatives",
        f"private/s1/{PRIVATE}/blobs",
    ):
        until((node.data / "offload" / shown).is_symlink, lambda: node.log[-2000:])
    with Nginx(directory / "nginx", node.data, node.port).running() as nginx:
        yield Stage(node, nginx, public, derived, private)
    assert "[emerg]" not in (directory / "nginx" / "error.log").read_text()
    node.end()
    assert not (node.data / "offload").exists(), "a node that has stopped shows nothing"


def signed(node: NodeProcess, path: str) -> str:
    spelt = parse_node_path(path).spelt
    return f"{path}?{sign(spelt, now_ms() // 1000 + 60, cluster_key(node.keys))}"


def internal(node: NodeProcess, method: str, path: str, body: object) -> Answer:
    sent = json.dumps(body).encode()
    token = internal_token("test", node.name, method, path, node.keys, now_ms(), sent)
    return node.request(method, path, sent, {"Authorization": f"Atoll {token}"})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_public_blob_is_the_same_header_for_header_and_the_node_is_not_asked(stage: Stage, method: str):
    assert facts(stage.without_the_node(stage.public, method=method)) == facts(
        ask(stage.node.port, stage.public, method)
    )


def test_a_derivative_is_the_same_but_for_its_entity_tag(stage: Stage):
    ours, theirs = (
        facts(a) for a in (stage.without_the_node(stage.derived), ask(stage.node.port, stage.derived))
    )
    tags = ours[1].pop("Etag"), theirs[1].pop("Etag")
    assert ours == theirs
    assert OURS.fullmatch(tags[0])
    assert THEIRS.fullmatch(tags[1])
    assert tags[0].startswith(f'"{int(tags[1][1:9], 16) & 0x7FFFFFFF:x}-'), (
        "it follows from the bytes, not from a clock"
    )


@pytest.mark.parametrize(
    ("transformation", "kind"),
    [
        ("c_fit,h_21,w_30", "image/jpeg"),
        ("f_png", "image/png"),
        ("e_sepia/c_fit,f_webp,h_22,w_30", "image/webp"),
    ],
)
def test_a_derivative_is_of_the_format_that_it_says_or_of_its_sources(
    stage: Stage, transformation: str, kind: str
):
    path = stage.public.replace("/s1/", f"/{transformation}/s1/")
    assert ask(stage.node.port, path).status == 200
    answer = stage.without_the_node(path)
    assert (answer.status, answer.headers.get_all("Content-Type")) == (200, [kind])
    assert OURS.fullmatch(answer.headers["ETag"])


@pytest.mark.parametrize("transformation", ["c_fit,f_auto,h_20,w_30", "c_fill,g_auto,h_20,w_20"])
def test_what_the_node_decides_or_tells_more_of_it_is_asked_for(stage: Stage, transformation: str):
    path = stage.public.replace("/s1/", f"/{transformation}/s1/")
    answers = [stage.nginx.get(path) for _ in range(2)]
    assert [(each.status, bool(THEIRS.fullmatch(each.headers["ETag"]))) for each in answers] == [
        (200, True)
    ] * 2


def test_who_wants_a_derivatives_digest_gets_it_from_the_node(stage: Stage):
    answer = stage.nginx.get(stage.derived, Want_Repr_Digest="sha-256=10")
    assert THEIRS.fullmatch(answer.headers["ETag"])


def test_each_kind_of_tag_is_answered_with_304_by_who_gave_it(stage: Stage):
    for path in (stage.public, stage.derived):
        for answer in (stage.nginx.get(path), ask(stage.node.port, path)):
            again = stage.nginx.get(path, If_None_Match=answer.headers["ETag"])
            assert (again.status, again.json) == (304, b""), path


@pytest.mark.parametrize(
    "headers",
    [{"Range": "bytes=5-9"}, {"Range": "bytes=0-1,4-5"}, {"If_Match": '"x"'}, {"Range": "bytes=99999-"}],
)
def test_parts_and_conditions_are_the_nodes(stage: Stage, headers: dict[str, str]):
    for path in (stage.public, stage.derived):
        assert facts(stage.nginx.get(path, **headers)) == facts(ask(stage.node.port, path, **headers))


def test_a_private_blob_comes_after_the_nodes_check_header_for_header(stage: Stage):
    target = signed(stage.node, stage.private)
    ours, theirs = facts(stage.nginx.get(target)), facts(ask(stage.node.port, target))
    seconds = [re.sub(r"\d+", "", each[1].pop("Cache-Control")) for each in (ours, theirs)]
    assert ours == theirs
    assert seconds == ["private, max-age="] * 2
    assert ours[0] == 200
    assert 'atoll_node_reads_total{source="handed"}' in stage.node.request("GET", "/metrics").json.decode()


def test_private_bytes_need_a_signature_by_every_way_to_them(stage: Stage):
    place = stage.private.split("/", 3)[3]
    sha, below = place.partition(".")[0], f"{place[:2]}/{place[2:4]}/{place}"
    for target in (
        stage.private,
        f"{stage.private}?exp=9999999999&sig=AAAA",
        f"/_atoll/s1/{PRIVATE}/blobs/{below}",
        f"/offload/private/s1/{PRIVATE}/blobs/{below}",
        f"/private/s1/{PRIVATE}/blobs/{below}",
        f"/public/s1/{BUCKET}/blobs/../../../../private/s1/{PRIVATE}/blobs/{below}",
        f"/{BUCKET}/../{PRIVATE}/s1/{place}",
        f"/{BUCKET}/%2e%2e/{PRIVATE}/s1/{place}",
    ):
        for headers in (
            {},
            {"X_Atoll_Accel": "1"},
            {"X_Accel_Redirect": f"/_atoll/s1/{PRIVATE}/blobs/{below}"},
        ):
            answer = stage.nginx.get(target, **headers)
            assert answer.status in {400, 401, 404}, (target, answer)
            assert sha.encode() not in answer.json, target


@pytest.mark.parametrize(
    "target",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/offload/public/",
        "/index.db",
        "/pictures/s1/../../../index.db",
        "/pictures/w_1/..%2f..%2f..%2findex.db/s1/{blob}",
        "/pictures/w_1/../../../../../index.db/s1/{blob}",
        "//pictures//s1//{blob}",
        "/./pictures/s1/{blob}",
        "/pictures/s1/%61{blob}",
        "/pictures/s1/{blob}%00",
        "/pictures/s1/{blob}/",
        "/pictures/s2/{blob}",
        "/pictures/s1/{upper}",
        "/pictures/{derived}/../{derived}/s1/{blob}",
        "/pictures/c_fit,h_20,w_30/s1/{blob}/../../s1/{blob}",
    ],
)
def test_no_path_leads_anywhere_that_the_node_would_not_go(stage: Stage, target: str):
    blob = stage.public.rpartition("/")[2]
    target = target.replace("{blob}", blob).replace("{upper}", blob.upper()).replace("{derived}", DERIVED)
    answer, direct = stage.nginx.get(target), ask(stage.node.port, target)
    assert answer.status in {400, 404}, answer
    assert answer.status == direct.status or answer.headers.get_content_type() == "text/html"
    assert b"root:" not in answer.json
    assert b"SQLite" not in answer.json


@pytest.mark.parametrize("target", ["/metrics", "/metrics?x", "/%6detrics", "/./metrics", "//metrics"])
def test_metrics_are_not_shown_through_nginx(stage: Stage, target: str):
    answer = stage.nginx.get(target)
    assert answer.status == 404
    assert b"atoll_" not in answer.json, "not with another status either"
    assert stage.nginx.get("/health").status == 200


def test_uploads_and_refusals_pass_through(stage: Stage):
    through = NodeProcess.__new__(NodeProcess)
    through.__dict__.update(stage.node.__dict__, port=stage.nginx.port)
    answer = through.put(picture(size=(200, 200)))
    assert answer.status == 201
    assert stage.without_the_node(answer.json["path"]).status == 200
    for method, path in itertools.product(("PATCH", "POST"), (stage.public, stage.derived)):
        refused = through.request(method, path, b"body")
        assert (refused.status, refused.headers.get_content_type()) == (405, "application/problem+json")


def test_a_deleted_blob_and_its_derivatives_are_gone_at_once(stage: Stage):
    stored = stage.node.put(picture(size=(70, 50))).json
    derived = stored["path"].replace("/s1/", f"/{DERIVED}/s1/")
    assert stage.node.request("GET", derived).status == 200
    assert [stage.without_the_node(path).status for path in (stored["path"], derived)] == [200, 200]
    order = {key: stored[key] for key in ("asset_id", "bucket", "public_id", "set")}
    assert internal(stage.node, "POST", "/internal/v1/deletes", order).status == 200
    assert [stage.nginx.get(path).status for path in (stored["path"], derived)] == [404, 404]


def test_a_copy_in_quarantine_is_served_no_more(stage: Stage):
    path = stage.node.put(picture(size=(80, 50))).json["path"]
    (file,) = (stage.node.data / "blobs").rglob(path.rpartition("/")[2])
    assert stage.without_the_node(path).status == 200
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-20] + bytes(20))
    assert stage.nginx.get(path, Range="bytes=0-5").status >= 400, "the node looks, and moves it away"
    assert not file.exists()
    assert stage.nginx.get(path).status >= 400
    stage.node.forget_log()


def test_a_bucket_that_becomes_private_is_shown_no_more(stage: Stage):
    other = "soon-private"
    open_bucket(stage.node, Bucket(other))
    path = stage.node.put(picture(), stage.node.ticket(bucket=other)).json["path"]
    until(lambda: (stage.node.data / "offload/public/s1" / other / "blobs").is_symlink())
    assert stage.without_the_node(path).status == 200
    open_bucket(stage.node, Bucket(other, visibility="private"))
    until(lambda: stage.nginx.get(path).status == 401)


def test_the_shipped_files_are_right_with_tls_and_http_2(stage: Stage, tmp_path: Path):
    nginx = Nginx(tmp_path / "tls", stage.node.data, stage.node.port, tls=True)
    self_signed(nginx.directory)
    text = (nginx.directory / "atoll-node.conf").read_text()
    text = text.replace("listen 443", f"listen 127.0.0.1:{nginx.port}").replace(
        "    listen [::]:443 ssl http2;\n", ""
    )
    (nginx.directory / "atoll-node.conf").write_text(text)
    tested = subprocess.run([*nginx.argv, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    trusting = ssl.create_default_context(cafile=nginx.directory / "fullchain.pem")
    trusting.check_hostname = False
    with (
        nginx.running(),
        urllib.request.urlopen(
            f"https://127.0.0.1:{nginx.port}{stage.public}", context=trusting, timeout=20
        ) as answer,
    ):
        assert answer.status == 200


def test_types_are_the_nodes_and_no_file_stays_open():
    text = (SHIPPED / "atoll-node.conf").read_text()
    listed = dict(re.findall(r"^\s+(image/\S+)\s+(\w+);$", text, re.MULTILINE))
    assert {ext: kind for kind, ext in listed.items()} == CONTENT_TYPES
    code = "\n".join(
        line.partition("#")[0] for name in SHIPPED.iterdir() for line in name.read_text().splitlines()
    )
    assert "open_file_cache" not in code
