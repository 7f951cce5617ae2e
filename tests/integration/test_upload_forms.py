"""Multipart forms, broken in every way: a clear problem for each, and nothing stays of what is not whole."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from node_fixture import (
    FormFile,
    NodeProcess,
    form_of,
    new_region,
    picture,
    problem,
    read_answer,
    upload_path,
)

from storage_node.upload_form import OTHER_PARTS

pytestmark = pytest.mark.integration

MULTIPART = "multipart/form-data; boundary=----one"


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    settings = {"max_files": 20}
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), settings).start()
    yield running
    running.end()


def part(head: str, body: bytes = b"") -> bytes:
    return b"------one\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n"


FILE = 'Content-Disposition: form-data; name="file"; filename="a.jpg"'
END = b"------one--\r\n"
FORM = form_of(picture(), FormFile(b"x", None, "title", None), picture())


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "b" * 71])
def test_a_form_without_a_usable_boundary_is_refused(node, content_type):
    body, _ = form_of(picture())
    with node.leaves_nothing():
        problem(node.post((body, content_type)), 400, "bad-request")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"rubbish",
        END,
        b"------two\r\n\r\n",
        b"------one\r\n",
        b"------one",
        b"x" * 300_000,
        b"------one\r\n" + b"x" * 300_000,
        part("no colon here", b"x") + END,
        part(": no name", b"x") + END,
        part("Content-Disposition: \xff\xfe", b"x") + END,
        part("X: \0", b"x") + END,
        part("", b"x") + END,
        part("Content-Disposition: form-data; name=_charset_", b"x" * 40) + END,
        part("Content-Disposition: form-data; name=_charset_", b"\xff\xfe") + END,
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("max_files", [1, 5])
def test_what_is_no_form_is_refused(node, body, max_files):
    with node.leaves_nothing():
        problem(node.post((body, MULTIPART), node.ticket(max_files=max_files)), 400, "bad-request")


@pytest.mark.parametrize("kept", [-5, -9, -11, -12, -13, -14, -15, -16])
def test_a_form_without_its_end_is_refused(node, kept):
    body, content_type = form_of(picture())
    with node.leaves_nothing():
        problem(node.post((body[:kept], content_type)), 400, "bad-request")


def test_a_form_may_end_with_its_boundary(node):
    body, content_type = form_of(picture())
    assert node.post((body.removesuffix(b"\r\n"), content_type)).status == 201


@pytest.mark.parametrize("kept", [-3, -4])
def test_a_file_that_is_whole_is_kept_and_reported_even_if_the_form_does_not_end(node, kept):
    body, content_type = form_of(picture())
    facts = problem(node.post((body[:kept], content_type)), 400, "bad-request")
    assert [result["status"] for result in facts["results"]] == [201]


def test_the_files_before_a_form_breaks_are_kept_and_reported(node):
    good, lost = picture(), picture()
    before = node.traces()
    body, content_type = form_of(good, lost)
    facts = problem(node.post((body[:-13], content_type), node.ticket(max_files=2)), 400, "bad-request")
    assert [result["status"] for result in facts["results"]] == [201]
    after = node.traces()
    assert after.blobs - before.blobs == {f"{hashlib.sha256(good).hexdigest()}.jpg"}
    assert not after.incoming


def test_a_form_within_a_form_is_refused(node):
    inner, _ = form_of(picture(), boundary="two")
    with node.leaves_nothing():
        body = part(f"{FILE}\r\nContent-Type: multipart/mixed; boundary=two", inner) + END
        problem(node.post((body, MULTIPART)), 400, "bad-request")


@pytest.mark.parametrize("name", ["files", "File", "", "file[]", "upload"])
def test_a_form_whose_field_has_another_name_is_refused_and_told_which_one(node, name):
    with node.leaves_nothing():
        facts = problem(node.post(form_of(FormFile(picture(), name=name))), 400, "bad-request")
    assert "'file'" in facts["detail"]


def test_other_fields_are_skipped(node):
    data = picture()
    answer = node.post(
        form_of(
            FormFile(b"caption", None, "title", None),
            FormFile(data),
            FormFile(b"x" * 9000, "b", "other", None),
        )
    )
    assert (answer.status, answer.json["sha256"]) == (201, hashlib.sha256(data).hexdigest())


def test_more_other_fields_than_a_form_needs_are_refused(node):
    others = [FormFile(b"x", None, "title", None)] * (OTHER_PARTS + 1)
    with node.leaves_nothing():
        problem(node.post(form_of(*others, FormFile(picture()))), 400, "bad-request")


def test_a_form_without_a_ticket_is_refused_at_its_first_part_that_could_be_none(node):
    junk = [part(f"Content-Disposition: form-data; {os.urandom(3500).hex()}", b"x")] * 60
    with node.connected() as connection:
        head = f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\n"
        head += f"Content-Length: {sum(map(len, junk)) + 10**6}\r\n\r\n"
        connection.sendall(head.encode() + junk[0] + b"------one\r\n")
        told = problem(read_answer(connection), 400, "bad-request")  # though most of it never came
    assert "ticket" in told["detail"]


@pytest.mark.parametrize("given", ["in the URL", "before them", "after fields with names"])
def test_nothing_of_a_forms_headers_is_repeated_in_the_log(node, given):
    mark = os.urandom(200).hex()  # long and often: a forked daemon's standard error is written in blocks
    told = f'Content-Disposition: form-data; name="title"; {mark}@=1'  # aiohttp warns of the parameter
    unnamed = f"Content-Disposition: form-data; {mark}"
    ticket = part('Content-Disposition: form-data; name="ticket"', node.ticket().encode())
    parts = {
        "in the URL": part(unnamed, b"x") * 30 + part(told, b"x") * 30,
        "before them": ticket + part(unnamed, b"x") * 30 + part(told, b"x") * 30,
        "after fields with names": part(told, b"x") * 62 + ticket,
    }
    body = parts[given] + part(FILE, picture()) + END
    target = upload_path(node.ticket()) if given == "in the URL" else "/v1/uploads"
    answer = node.request("POST", target, body, {"Content-Type": MULTIPART})
    assert answer.status == 201, answer
    assert mark not in node.log


def test_a_field_that_is_too_long_to_skip_is_refused(node):
    with node.leaves_nothing():
        form = form_of(FormFile(bytes(300_000), None, "title", None), FormFile(picture()))
        problem(node.post(form), 413, "too-large")


@pytest.mark.parametrize(
    "head",
    [
        f"{FILE}\r\nX-Long: " + "x" * 20_000,
        f"{FILE}\r\n" + "\r\n".join(f"X-{n}: 1" for n in range(500)),
        'Content-Disposition: form-data; name="file"; filename="' + "x" * 100_000 + '"',
    ],
)
def test_huge_part_headers_are_refused(node, head):
    with node.leaves_nothing():
        problem(node.post((part(head, picture()) + END, MULTIPART)), 400, "bad-request")


@pytest.mark.parametrize("size", [5001, 400_000, 3_000_000])
@pytest.mark.parametrize("max_files", [1, 2])
def test_a_part_over_the_limit_is_refused(node, size, max_files):
    data = picture("PNG", (1100, 1000), compress_level=0)[:size]
    token = node.ticket(max_bytes=5000, max_files=max_files)
    with node.leaves_nothing():
        answer = node.post(form_of(data), token)
    if answer.status == 207:  # small enough to be skipped
        assert max_files == 2
        assert [result["status"] for result in answer.json["results"]] == [413]
    else:
        assert problem(answer, 413, "too-large")["limit"] == 5000


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "/etc/x.jpg", "C:\\\\boot.jpg", "a\0b.jpg", "x" * 4096, "🐻" * 64]
)
def test_a_part_with_a_file_name_that_is_a_path_or_binary_or_too_long_is_refused(node, name):
    with node.leaves_nothing():
        answer = node.post(form_of(FormFile(picture(), name)))
        assert answer.status == 400
        assert answer.json["type"].rpartition(":")[2] in {"bad-name", "bad-request"}


def test_a_part_with_an_emoji_in_its_file_name_is_taken(node):
    assert node.post(form_of(FormFile(picture(), "🐻.jpg"))).json["filename"] == "🐻.jpg"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-unknown"])
def test_a_part_in_a_transfer_encoding_is_not_decoded(node, encoding):
    data = b"aGVsbG8gd29ybGQ=" * 20
    with node.leaves_nothing():
        head = f"{FILE}\r\nContent-Transfer-Encoding: {encoding}"
        problem(node.post((part(head, data) + END, MULTIPART)), 415, "not-an-image")


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_bad_part_for_a_ticket_of_one_file_is_that_problem_itself(node, data):
    with node.leaves_nothing():
        answer = node.post(form_of(data))
    problem(answer, 415 if data else 400, "not-an-image" if data else "empty-body")


@pytest.mark.parametrize("max_files", [1, 10, 10_000])
def test_10000_files_in_one_request_are_refused_after_as_many_as_are_allowed(node, max_files):
    form = form_of(*[FormFile(b"not a picture")] * 10_000)
    allowed = min(max_files, 20)
    with node.leaves_nothing():
        answer = node.post(form, node.ticket(max_files=max_files))
        if max_files == 1:
            problem(answer, 415, "not-an-image")
        else:
            facts = problem(answer, 413, "too-many-files")
            assert facts["limit"] == allowed
            assert [result["status"] for result in facts["results"]] == [415] * allowed


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_form_with_some_bytes_changed_is_taken_or_refused_but_never_a_bug(node, data):
    body, content_type = FORM
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 200), st.integers(0, len(body) - 1)))
        cut = data.draw(st.integers(0, 3))
        body = body[:at] + data.draw(st.binary(max_size=4)) + body[at + cut :]
    answer = node.post((body, content_type), node.ticket(max_files=2))
    assert answer.status in {201, 207, 400, 413}, answer
    assert not node.traces().incoming


def test_a_form_without_a_content_length_is_taken(node):
    body, content_type = form_of(picture(), picture())
    pieces = (body[at : at + 700] for at in range(0, len(body), 700))
    headers = {"Content-Type": content_type}
    answer = node.request("POST", upload_path(node.ticket(max_files=2)), pieces, headers)
    assert [result["status"] for result in answer.json["results"]] == [201, 201]
