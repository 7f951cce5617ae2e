"""Resumable uploads over a real node: how they begin, go on and end, and how they are refused."""

from __future__ import annotations

import hashlib

import pytest
from node_fixture import BUCKET, NodeProcess, new_region, picture, problem, until
from public_bucket import open_bucket
from tus_stage import (
    BODY,
    VERSION,
    begun,
    checksum,
    create,
    create_with,
    files,
    head,
    metadata,
    offset,
    part_of,
    patch,
    target_of,
)

from atoll.bucket import Bucket
from atoll.ids import now_ms

pytestmark = pytest.mark.integration

LARGE = (700, 500)  # about a megabyte of noise as PNG


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    settings = {"max_upload_bytes": 2**21, "tus_max_parts": 3, "tus_max_metadata": 200}
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), settings).start()
    yield running
    running.end()


def test_a_picture_sent_in_pieces_becomes_the_asset_that_a_put_would_make(node):
    data = picture("PNG", LARGE)
    target = begun(node, len(data), Upload_Metadata=metadata(filename="a.png", filetype="image/png"))
    cut = len(data) // 3
    first = patch(node, target, 0, data[:cut])
    assert (first.status, first.headers["Upload-Offset"]) == (204, str(cut))
    last = patch(node, target, cut, data[cut:])
    assert (last.status, last.headers["Upload-Offset"]) == (204, str(len(data)))
    sha256 = hashlib.sha256(data).hexdigest()
    assert last.headers["Upload-Asset-Sha256"] == sha256
    assert last.headers["Location"].endswith(f"{sha256}.png")
    shown = node.request("GET", target).json
    assert shown["asset"]["filename"] == "a.png"
    assert shown["asset"]["asset_id"] == last.headers["Upload-Asset-Id"]
    key = node.index("SELECT count(*) FROM blobs WHERE sha256 = ?", bytes.fromhex(sha256))
    assert key == [(1,)]
    assert not [name for name in files(node) if name == f"{target[8:40]}.part"]


def test_who_asks_for_json_gets_the_asset_with_the_last_bytes(node):
    data = picture()
    target = begun(node, len(data))
    answer = patch(node, target, 0, data, Accept="application/json")
    assert answer.status == 200
    assert answer.json["sha256"] == hashlib.sha256(data).hexdigest()
    again = patch(node, target, len(data), b"", Accept="application/json")
    assert again.json == answer.json


def test_a_creation_may_bring_all_bytes(node):
    data = picture()
    answer = create_with(node, data, len(data))
    assert answer.status == 201
    assert answer.json["sha256"] == hashlib.sha256(data).hexdigest()
    assert answer.headers["Upload-Offset"] == str(len(data))
    assert head(node, target_of(answer)).headers["Upload-Asset-Id"] == answer.json["asset_id"]


def test_a_creation_may_bring_the_first_bytes(node):
    data = picture()
    answer = create_with(node, data[:100], len(data))
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "100")
    assert patch(node, target_of(answer), 100, data[100:]).status == 204


def test_a_head_tells_how_far_the_upload_is_and_what_was_said_of_it(node):
    said = metadata(filename="ä.png", other="x")
    target = begun(node, 1000, Upload_Metadata=said)
    patch(node, target, 0, b"x" * 10)
    answer = head(node, target)
    told = [answer.headers[name] for name in ("Upload-Offset", "Upload-Length", "Upload-Metadata")]
    assert told == ["10", "1000", said]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Upload-Expires"]
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_another_offset_is_a_conflict_that_says_where_to_go_on(node):
    target = begun(node, 1000)
    patch(node, target, 0, b"x" * 10)
    for wrong in (0, 9, 11):
        assert problem(patch(node, target, wrong, b"y"), 409, "offset-mismatch")["offset"] == 10
    assert offset(node, target) == 10


def test_more_bytes_than_were_announced_are_refused(node):
    target = begun(node, 1000)
    problem(patch(node, target, 0, b"x" * 1001), 413, "too-large")
    problem(patch(node, target, 0, iter([b"x" * 600, b"x" * 600])), 413, "too-large")
    assert offset(node, target) < 1000


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_bytes_with_a_wrong_checksum_count_not_at_all(node, algorithm):
    data = picture("PNG", LARGE)
    target = begun(node, len(data))
    half = data[: len(data) // 2]
    wrong = checksum(half + b"!", algorithm)
    problem(patch(node, target, 0, half, Upload_Checksum=wrong), 460, "checksum-mismatch")
    assert offset(node, target) == 0
    right = checksum(half, algorithm)
    assert patch(node, target, 0, half, Upload_Checksum=right).status == 204
    rest = data[len(half) :]
    assert patch(node, target, len(half), rest, Upload_Checksum=checksum(rest, algorithm)).status == 204
    assert head(node, target).headers["Upload-Asset-Sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("sent", ["crc32 AAAA", "sha1", "sha1 xyz", "sha1 AAAA", "SHA1 " + "A" * 28])
def test_a_checksum_that_cannot_be_read_is_refused(node, sent):
    problem(patch(node, begun(node, 10), 0, b"x", Upload_Checksum=sent), 400, "bad-request")


def test_what_is_no_picture_is_refused_at_the_end_and_leaves_nothing(node):
    with node.leaves_nothing():
        target = begun(node, 5000)
        problem(patch(node, target, 0, b"x" * 5000), 415, "not-an-image")
    problem(node.request("GET", target), 404, "not-found")
    assert not [name for name in files(node) if name.startswith(target[8:40])]


def test_a_declared_type_that_is_wrong_is_refused(node):
    data = picture("JPEG")
    target = begun(node, len(data), Upload_Metadata=metadata(filetype="image/png"))
    problem(patch(node, target, 0, data), 415, "type-mismatch")


def test_a_ticket_whose_resumable_upload_was_refused_can_be_used_again(node):
    token, data = node.ticket(), picture()
    patch(node, begun(node, 50, token), 0, b"x" * 50)
    assert node.put(data, token).status == 201


def test_a_ticket_that_was_used_meanwhile_ends_the_upload(node):
    token, data, other = node.ticket(), picture(), picture()
    target = begun(node, len(data), token)
    assert node.put(other, token).status == 201
    problem(patch(node, target, 0, data), 409, "ticket-replayed")


def test_a_ticket_for_one_file_begins_one_upload(node):
    token = node.ticket()
    unused = begun(node, 100, token)
    target = begun(node, 100, token)  # the answer to the first may have been lost: it received nothing
    problem(node.request("GET", unused), 404, "not-found")
    patch(node, target, 0, b"x")
    problem(create(node, 100, token), 409, "conflict")


def test_a_ticket_for_many_files_begins_as_many_uploads(node):
    token, pictures = node.ticket(max_files=3), [picture() for _ in range(3)]
    targets = [begun(node, len(data), token) for data in pictures]
    for target, data in zip(targets, pictures, strict=True):
        assert patch(node, target, 0, data).status == 204
    found = {head(node, target).headers["Upload-Asset-Sha256"] for target in targets}
    assert found == {hashlib.sha256(data).hexdigest() for data in pictures}
    problem(create(node, 100, token), 409, "conflict")


def test_an_upload_may_end_after_its_ticket_expired(node):
    data, expires_at = picture(), now_ms() + 1000
    target = begun(node, len(data), node.ticket(expires_at=expires_at))
    until(lambda: now_ms() > expires_at)
    assert patch(node, target, 0, data).status == 204


def test_a_terminated_upload_is_gone(node):
    target = begun(node, 100)
    assert node.request("DELETE", target, None, VERSION).status == 204
    assert head(node, target).status == 404
    problem(node.request("DELETE", target, None, VERSION), 404, "not-found")
    problem(patch(node, target, 0, b"x"), 404, "not-found")


def test_a_finished_upload_is_not_terminated(node):
    data = picture()
    target = begun(node, len(data))
    patch(node, target, 0, data)
    problem(node.request("DELETE", target, None, VERSION), 409, "conflict")


def test_parts_are_put_together_in_the_order_that_is_said(node):
    token, data = node.ticket(), picture("PNG", LARGE)
    cut = len(data) // 2
    back, front = part_of(node, token, data[cut:]), part_of(node, token, data[:cut])
    assert head(node, front).headers["Upload-Concat"] == "partial"
    answer = create(node, None, token, Upload_Concat=f"final;{node.url}{front} {back}")
    assert answer.status == 201
    assert answer.json["sha256"] == hashlib.sha256(data).hexdigest()
    final = target_of(answer)
    told = head(node, final).headers
    assert told["Upload-Concat"].startswith("final;/v1/tus/")
    assert told["Upload-Length"] == told["Upload-Offset"] == str(len(data))
    problem(patch(node, final, len(data), b""), 403, "forbidden")
    for part in (front, back):
        problem(node.request("GET", part), 404, "not-found")


def test_a_final_upload_of_a_refused_picture_takes_its_parts_along(node):
    token = node.ticket()
    with node.leaves_nothing():
        before = files(node)
        parts = [part_of(node, token, b"x" * 100) for _ in range(2)]
        problem(create(node, None, token, Upload_Concat="final;" + " ".join(parts)), 415, "not-an-image")
        assert files(node) == before


def test_parts_must_be_complete_and_of_the_same_ticket(node):
    token = node.ticket()
    whole, other = part_of(node, token, b"x"), part_of(node, node.ticket(), b"x")
    unfinished = begun(node, 10, token, Upload_Concat="partial")
    plain = begun(node, 10, token)
    for url, status, slug in (
        (unfinished, 409, "conflict"),
        (plain, 409, "conflict"),
        (whole, 409, "conflict"),  # twice
        (other, 403, "forbidden"),
        (whole[:-1], 403, "forbidden"),
        ("/v1/tus/" + "0" * 32, 403, "forbidden"),
        ("http://[", 400, "bad-request"),
    ):
        problem(create(node, None, token, Upload_Concat=f"final;{whole} {url}"), status, slug)
    assert offset(node, whole) == 1


def test_a_ticket_has_only_so_many_unfinished_parts(node):
    token = node.ticket()
    for _ in range(3):
        begun(node, 10, token, Upload_Concat="partial")
    assert problem(create(node, 10, token, Upload_Concat="partial"), 409, "conflict")["limit"] == 3
    urls = " ".join(["/v1/tus/x"] * 4)
    problem(create(node, None, token, Upload_Concat=f"final;{urls}"), 413, "too-large")


def test_a_ticket_holds_no_more_bytes_than_it_allows(node):
    token = node.ticket(max_bytes=1000)
    begun(node, 600, token, Upload_Concat="partial")
    assert problem(create(node, 600, token, Upload_Concat="partial"), 413, "too-large")["limit"] == 1000


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({"Upload-Length": "10"}, 412, "tus-version"),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "10"}, 412, "tus-version"),
        (VERSION, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "-1"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "ten"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "0"}, 400, "empty-body"),
        ({**VERSION, "Upload-Length": str(2**21 + 1)}, 413, "too-large"),
        ({**VERSION, "Upload-Length": "9" * 30}, 400, "bad-request"),
        ({**VERSION, "Upload-Defer-Length": "1"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "10", "Upload-Concat": "some"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "10", "Upload-Concat": "final;"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "10", "Upload-Concat": "final;/a"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "10", "Upload-Metadata": "a !"}, 400, "bad-request"),
        ({**VERSION, "Upload-Length": "10", "Upload-Metadata": "a" * 201}, 413, "too-large"),
        ({**VERSION, "Upload-Length": "10", "Upload-Metadata": metadata(filename="a/b")}, 400, "bad-name"),
        ({**VERSION, "Upload-Length": "10", "Content-Encoding": "gzip"}, 400, "bad-request"),
        ({"Tus-Resumable": "\xff", "Upload-Length": "10"}, 412, "tus-version"),  # sent as that byte
    ],
)
def test_a_creation_that_makes_no_sense_is_refused(node, headers, status, slug):
    before = files(node)
    answer = node.request("POST", f"/v1/tus?ticket={node.ticket()}", None, headers)
    problem(answer, status, slug)
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers.get("Tus-Version") == ("1.0.0" if status == 412 else None)
    assert files(node) == before


def test_without_a_good_ticket_nothing_begins(node):
    problem(node.request("POST", "/v1/tus", None, {**VERSION, "Upload-Length": "1"}), 401, "ticket-invalid")
    problem(create(node, 10, node.ticket(node="other")), 421, "wrong-node")
    problem(create(node, 10, node.ticket(expires_at=now_ms() - 1)), 401, "ticket-expired")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_upload_is_opened_by_its_own_url_only(node, method):
    target, other = begun(node, 100), begun(node, 100)
    path, token = target.split("?token=")
    for wrong in (path, f"{path}?token=", f"{path}?token={other.split('=')[1]}", f"{path}?token={token}x"):
        headers = {**BODY, "Upload-Offset": "0"}
        assert node.request(method, wrong, b"x" if method == "PATCH" else None, headers).status == 403
        assert head(node, wrong).status == 403
    assert offset(node, target) == 0


def test_bytes_come_as_offset_octet_stream_and_by_patch(node):
    target = begun(node, 100)
    problem(patch(node, target, 0, b"x", Content_Type="image/png"), 415, "type-mismatch")
    assert node.request("PUT", target, b"x", BODY).status == 405
    problem(node.request("PATCH", target, b"x", BODY), 400, "bad-request")  # no Upload-Offset
    headers = {**BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert node.request("POST", target, b"x", headers).headers["Upload-Offset"] == "1"


def test_a_browsers_page_is_told_what_is_offered_if_its_bucket_lets_it_ask(node):
    page = "https://a.example"
    open_bucket(node, Bucket(BUCKET, cors=(page,)))
    asked = {"Origin": page, "Access-Control-Request-Method": "PATCH"}
    for target in ("/v1/tus", begun(node, 100)):
        answer = node.request("OPTIONS", target, None, asked)
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == page
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "Upload-Checksum" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Max-Size"] == str(2**21)
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
        assert "concatenation" in answer.headers["Tus-Extension"].split(",")
    refused = node.request("POST", "/v1/tus", None, {**VERSION, "Origin": page})
    assert refused.headers["Access-Control-Allow-Origin"] == page
    shown = refused.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Location", "Upload-Offset", "Upload-Asset-Id"} <= set(shown)


def test_the_largest_size_is_what_the_ticket_allows(node):
    token = node.ticket(max_bytes=1234)
    answer = node.request("OPTIONS", f"/v1/tus?ticket={token}")
    assert answer.headers["Tus-Max-Size"] == "1234"
    problem(create(node, 1235, token), 413, "too-large")
