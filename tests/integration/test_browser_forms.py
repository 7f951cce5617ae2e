"""What a plain HTML form and a page may do with a ticket: fields, redirects, files one by one."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from node_fixture import FormFile, NodeProcess, form_of, new_region, picture, problem, until
from public_bucket import put_entry

from atoll.bucket import Bucket

pytestmark = pytest.mark.integration

PAGE = "https://shop.example"


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    for bucket in (Bucket("shop", cors=(PAGE, "http://127.0.0.1:8000")), Bucket("anybody", cors=("*",))):
        asyncio.run(put_entry(running, bucket))
        path = f"/{bucket.name}/s1/{'0' * 64}.png"
        until(lambda path=path: "no bucket" not in str(running.request("GET", path).json))
    yield running
    running.end()


def field(name: str, value: str) -> FormFile:
    return FormFile(value.encode(), None, name, None)


def post(node, *parts, target="/v1/uploads"):
    body, content_type = form_of(*parts)
    return node.request("POST", target, body, {"Content-Type": content_type, "Origin": PAGE})


def test_a_form_brings_its_ticket_in_a_field_before_the_file(node):
    answer = post(node, field("ticket", node.ticket(bucket="shop")), field("comment", "hello"), picture())
    assert answer.status == 201, answer
    assert answer.json["bucket"] == "shop"
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_a_ticket_after_the_file_or_none_opens_nothing(node):
    with node.leaves_nothing():
        problem(post(node, picture(), field("ticket", node.ticket(bucket="shop"))), 401, "ticket-invalid")
        problem(post(node, field("ticket", "x"), picture()), 401, "ticket-invalid")
        problem(post(node, field("ticket", "x" * 9000), picture()), 413, "too-large")
        problem(post(node, field("ticket", node.ticket(bucket="shop"))), 400, "bad-request")


def test_a_form_cannot_widen_what_its_ticket_allows(node):
    small = node.ticket(bucket="shop", max_bytes=10)
    with node.leaves_nothing():
        parts = [field("max_bytes", "99999"), field("bucket", "anybody"), field("ticket", small), picture()]
        problem(post(node, *parts), 413, "too-large")


def test_a_form_says_what_its_ticket_lets_it_say(node):
    fields = [field("title", "Küste"), field("tags", "sea,boat"), field("alt", "A coast")]
    token = node.ticket(bucket="shop", tags=("ours",), form_fields=("title", "tags"))
    answer = post(node, field("ticket", token), *fields, picture())
    assert answer.status == 201, answer
    said = answer.json
    assert (said["title"], said["tags"], said["alt"]) == ("Küste", ["ours", "sea", "boat"], "")
    plain = post(node, field("ticket", node.ticket(bucket="shop")), *fields, picture()).json
    assert (plain["title"], plain["tags"], plain["alt"]) == ("", [], "")
    with node.leaves_nothing():
        token = node.ticket(bucket="shop", form_fields=("title",))
        problem(post(node, field("ticket", token), field("title", "x" * 257), picture()), 400, "bad-request")


def test_after_a_form_the_browser_goes_to_a_page_of_the_buckets_origins_and_learns_what_was_stored(node):
    where = f"{PAGE}/thanks?order=7#done"
    token = node.ticket(bucket="shop")
    parts = [field("ticket", token), field("success_redirect", where), picture()]
    answer = post(node, *parts)
    assert answer.status == 303, answer
    parts_of = urlsplit(answer.headers["Location"])
    query = parse_qs(parts_of.query)
    assert (f"{parts_of.scheme}://{parts_of.netloc}{parts_of.path}", parts_of.fragment) == (
        f"{PAGE}/thanks",
        "done",
    )
    assert (query["order"], query["files"], query["bucket"]) == (["7"], ["1"], ["shop"])
    stored = node.index("SELECT asset_id, version FROM records WHERE asset_id = ?", query["asset_id"][0])
    assert stored == [(query["asset_id"][0], query["version"][0])]
    again = post(node, *parts)
    assert again.headers["Location"] == answer.headers["Location"]


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://shop.example:444/",
        "//shop.example/",
        "/thanks",
        "javascript:alert(1)",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://sh\top.example/",
        "https://shop.example/" + "x" * 2048,
        "https://[shop.example/",
    ],
)
def test_no_form_leads_elsewhere_and_nothing_is_stored_for_one_that_would(node, where):
    with node.leaves_nothing():
        answer = post(
            node,
            field("ticket", node.ticket(bucket="shop")),
            field("success_redirect", where),
            picture(),
        )
        assert answer.status in {400, 403}, answer
        assert "Location" not in answer.headers


def test_a_bucket_open_to_every_page_sends_browsers_nowhere(node):
    parts = [field("ticket", node.ticket(bucket="anybody")), field("success_redirect", f"{PAGE}/"), picture()]
    with node.leaves_nothing():
        problem(post(node, *parts), 403, "forbidden")


def test_a_form_with_a_refused_file_among_others_shows_its_results_and_redirects_nowhere(node):
    token = node.ticket(bucket="shop", max_files=3)
    answer = post(
        node, field("ticket", token), field("success_redirect", f"{PAGE}/"), picture(), b"no image", picture()
    )
    assert answer.status == 207
    assert [result["status"] for result in answer.json["results"]] == [201, 415, 201]
    parts = [field("ticket", node.ticket(bucket="shop", max_files=3)), field("success_redirect", f"{PAGE}/")]
    answer = post(node, *parts, picture(), picture())
    assert answer.status == 303
    assert len(parse_qs(urlsplit(answer.headers["Location"]).query)["asset_id"]) == 2


def test_a_ticket_for_many_files_takes_each_by_a_request_of_its_own(node):
    token = node.ticket(bucket="shop", max_files=3)
    bodies = [picture() for _ in range(3)]
    assets = []
    for number in (2, 0, 1):
        answer = node.request("PUT", f"/v1/uploads?ticket={token}&file={number}", bodies[number])
        assert answer.status == 201, answer
        assets.append(answer.json["asset_id"])
    assert len(set(assets)) == 3
    for number, body in ((2, bodies[2]), (1, bodies[1])):
        again = node.request("PUT", f"/v1/uploads?ticket={token}&file={number}", body)
        assert again.json["asset_id"] == assets[{2: 0, 0: 1, 1: 2}[number]]
    other = node.request("PUT", f"/v1/uploads?ticket={token}&file=1", picture())
    problem(other, 409, "ticket-replayed")


def test_a_form_may_go_on_at_a_later_file_of_its_ticket(node):
    token = node.ticket(bucket="shop", max_files=3)
    target = f"/v1/uploads?ticket={token}&file=1"
    assert post(node, picture(), picture(), target=target).status == 201
    assert node.request("PUT", f"/v1/uploads?ticket={token}", picture()).status == 201
    facts = problem(post(node, picture(), picture(), picture(), target=target), 413, "too-many-files")
    assert [result["status"] for result in facts["results"]] == [409, 409]


@pytest.mark.parametrize("number", ["3", "-1", "x", "1.0", "", "9" * 30, "²"])
def test_a_number_that_the_ticket_does_not_have_is_refused(node, number):
    with node.leaves_nothing():
        target = f"/v1/uploads?ticket={node.ticket(bucket='shop', max_files=3)}&file="
        problem(node.request("PUT", target + quote(number), picture()), 400, "bad-request")
