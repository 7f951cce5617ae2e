"""Data URIs sent to a node: what they carry is stored as if it had been sent by itself."""

from __future__ import annotations

import base64
import hashlib

import pytest
from node_fixture import FormFile, NodeProcess, form_of, new_region, picture, problem

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    yield running
    running.end()


def uri(data, media_type="image/jpeg"):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}".encode()


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded"])
def test_a_text_body_with_a_data_uri_is_stored_as_the_image_in_it(node, content_type):
    data = picture(size=(700, 500))
    answer = node.put(uri(data), Content_Type=content_type)
    assert answer.status == 201
    assert (answer.json["sha256"], answer.json["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_field_of_a_form_may_be_a_data_uri_beside_files(node):
    one, other = picture(), picture(color="red")
    form = form_of(
        FormFile(uri(one), None, "file", None),
        other,
        FormFile(uri(other), None, "file", "text/plain"),
    )
    answer = node.post(form, node.ticket(max_files=3))
    assert answer.status == 201
    hashes = [result["asset"]["sha256"] for result in answer.json["results"]]
    assert hashes == [hashlib.sha256(data).hexdigest() for data in (one, other, other)]


def test_a_plain_field_with_the_images_own_bytes_is_taken_as_before(node):
    data = picture()
    assert (
        node.post(form_of(FormFile(data, None, "file", None))).json["sha256"]
        == hashlib.sha256(data).hexdigest()
    )


def test_the_type_that_a_data_uri_declares_must_be_that_of_its_bytes(node):
    with node.leaves_nothing():
        problem(node.put(uri(picture(), "image/png"), Content_Type="text/plain"), 415, "type-mismatch")


def test_a_data_uri_without_a_type_declares_none(node):
    assert node.put(uri(picture(), ""), Content_Type="text/plain").status == 201


@pytest.mark.parametrize(
    "text", [b"data:", b"data:image/jpeg,abcd", uri(picture())[:-3], uri(picture()) + b"!!!!"]
)
def test_a_broken_data_uri_is_refused_and_leaves_nothing(node, text):
    with node.leaves_nothing():
        problem(node.put(text, Content_Type="text/plain"), 415, "not-an-image")


def test_a_broken_data_uri_among_files_is_a_result_of_its_own(node):
    form = form_of(FormFile(b"data:image/jpeg;base64,!", None, "file", None), picture())
    answer = node.post(form, node.ticket(max_files=2))
    assert answer.status == 207
    assert [result["status"] for result in answer.json["results"]] == [415, 201]


def test_the_image_in_a_data_uri_has_the_limit_of_every_image(node):
    data = picture(size=(300, 300))
    with node.leaves_nothing():
        token = node.ticket(max_bytes=len(data) - 1)
        problem(node.put(uri(data), token, Content_Type="text/plain"), 413, "too-large")
    assert node.put(uri(data), node.ticket(max_bytes=len(data)), Content_Type="text/plain").status == 201


def test_a_data_uri_that_does_not_say_it_is_text_is_no_image(node):
    with node.leaves_nothing():
        problem(node.put(uri(picture()), Content_Type="application/octet-stream"), 415, "not-an-image")
