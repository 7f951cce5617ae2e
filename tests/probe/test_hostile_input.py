"""A real node is sent the whole corpus, then asked for what it took, then asked nonsense; all over HTTP.

No answer is the node's own fault (5xx), its event loop computes for no 50 ms at a stretch, its memory stays
below a ceiling, and no temporary file is left. The files are those of docs/hostile-input.md, all of them.
"""

from __future__ import annotations

import io
import os
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import quote

import pytest
from corpus.judge import TRANSFORMATIONS
from corpus.registry import SEED, all_specimens
from corpus.specimen import ACCEPTED, Specimen
from hostile_paths import MIDDLE, spoilt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from node_fixture import BUCKET, FROM_NOTHING, SET, NodeProcess, new_region, picture, until
from PIL import Image
from transformation_texts import near, text_of, transformations

from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse
from probe.hostile_node import blocks, incoming, open_to_anybody, verdict, watched

pytestmark = [pytest.mark.probe, pytest.mark.timeout(300)]

CLIENTS = 4
QUEUE_SECONDS = 60.0  # nobody is sent away: one that is killed for its slowness is in the way for 10 s
# What the node may take for a rendering: the wait, the work itself, and a fresh worker after one was killed.
# On a busy machine it takes that, and who left before would have heard nothing.
PATIENCE = QUEUE_SECONDS + 10.0 + 30.0
MIB = 1 << 20
OWN_CEILING = 300 * MIB  # the node's process; its RAM cache, of 64 MiB here, is a part of that
WORKER_CEILING = 900 * MIB  # a WebP of 46 bytes and 49 megapixels takes most of it
SPECIMENS = all_specimens(int(os.environ.get("HOSTILE_SEED", SEED)))


class Sent(NamedTuple):
    specimen: Specimen
    verdict: str
    status: int
    path: str


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    given = {"ram_cache_bytes": 64 * MIB, "render_queue_seconds": QUEUE_SECONDS}
    place = tmp_path_factory.mktemp("node")
    running = NodeProcess(place, engines.urls.nats, new_region(), given, program=FROM_NOTHING).start()
    open_to_anybody(running)
    yield running
    running.end()


@pytest.fixture(autouse=True)
def unharmed(node):
    """Around every story: what the node may not do, whatever it is sent."""
    before = blocks(node)
    with watched(node) as memory:
        yield
    assert blocks(node) == before
    assert memory.own < OWN_CEILING
    assert memory.worker < WORKER_CEILING
    until(lambda: incoming(node) == [], lambda: f"left: {incoming(node)}")
    assert node.put(picture()).status == 201


@pytest.fixture(scope="module")
def sent(node) -> list[Sent]:
    """The corpus, uploaded by several clients at once."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda specimen: send(node, specimen), SPECIMENS))


def send(node: NodeProcess, specimen: Specimen) -> Sent:
    answer = node.put(specimen.make(), X_Atoll_Filename=quote(specimen.name))
    path = answer.json["path"] if answer.status == 201 else ""
    return Sent(specimen, verdict(answer), answer.status, path)


def test_every_upload_gets_the_answer_that_the_corpus_expects(node, sent):
    wrong = [one for one in sent if one.verdict not in one.specimen.expected or one.status >= 500]
    assert wrong == []
    assert {one.verdict for one in sent} >= {"accepted", "undecodable", "too-many-pixels", "not-an-image"}


def test_what_was_refused_left_nothing_and_what_was_taken_is_served_as_it_came(node, sent):
    taken = {one.path: one.specimen for one in sent if one.verdict == ACCEPTED}
    assert node.traces().rows[0] <= len(taken) + 1  # and the good picture of the story before
    for path, specimen in taken.items():
        answer = node.request("GET", path)
        assert (answer.status, answer.json) == (200, specimen.make()), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_whatever_was_taken_is_rendered_or_refused(node, sent):
    texts = [canonical(parse(text)) for text in TRANSFORMATIONS]
    paths = dict.fromkeys(one.path for one in sent if one.verdict == ACCEPTED)
    targets = [f"/{BUCKET}/{text}/{path.split('/', 2)[2]}" for path in paths for text in texts]
    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = clients.map(lambda target: node.request("GET", target, patience=PATIENCE), targets)
        answers = list(zip(targets, asked, strict=True))
    wrong = [(target, answer) for target, answer in answers if answer.status not in {200, 422}]
    assert wrong == []
    for target, answer in answers:
        if answer.status == 200:
            with Image.open(io.BytesIO(answer.json)) as image:
                image.load()
        else:
            assert answer.json["type"].endswith((":unrenderable", ":undecodable", ":too-many-pixels")), target


def test_tricks_in_a_path_are_answered_and_never_with_a_failure(node, sent):
    path = next(one.path for one in sent if one.verdict == ACCEPTED)
    _, bucket, set_name, blob = path.split("/")
    every = spoilt([bucket, *MIDDLE, set_name, blob])
    asked = random.Random(SEED).sample(every, 400)
    with ThreadPoolExecutor(CLIENTS) as clients:
        statuses = list(clients.map(lambda p: node.request("GET", p).status, asked))
    assert set(statuses) <= {200, 301, 400, 404, 422}, sorted(set(statuses))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[*HealthCheck], derandomize=True, database=None
)
@given(text=near | transformations.map(text_of) | st.text(max_size=60), often=st.integers(0, 2))
def test_any_transformation_is_answered_and_never_with_a_failure(node, sent, text, often):
    path = next(one.path for one in sent if one.specimen.name == "cmyk-inverted-by-adobe.jpg")
    said = text.encode("utf-8", "replace").decode()
    for _ in range(often):
        said = quote(said, safe="/,:%" if often == 1 else "/")
    raw = quote(said, safe="/,:%_-.~!$&'()*+;=@")
    answer = node.request("GET", f"/{BUCKET}/{raw}/{path.split('/', 2)[2]}")
    assert answer.status in {200, 301, 400, 401, 404, 414, 422}, answer
    if answer.status >= 400:
        assert answer.json["status"] == answer.status
        assert answer.json["detail"].isprintable()


HOST = b" HTTP/1.1\r\nHost: a\r\n"
RAW = {
    "bytes for letters": b"GET /\xff\xfe\x00/w_1/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a proxy's request": b"GET http://evil.example/%s HTTP/1.1\r\nHost: a\r\n\r\n",
    "stars": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a line without end": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "headers without end": b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "a header of 64 KB": b"GET /health HTTP/1.1\r\nAccept: " + b"a/b," * 16_000 + b"\r\n\r\n",
    "a lone line feed": b"GET /\n\n",
    "two lengths": b"PUT /v1/uploads" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "chunks that lie": b"PUT /v1/uploads"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_are_hardly_http_are_answered_with_a_refusal_or_nothing(node, name):
    with node.connected() as connection:
        received = exchange(connection, RAW[name])
    assert received == b"" or received[9:10] in b"234", received[:200]


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """The start of the answer; nothing when the node hangs up."""
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65_536)
    except (ConnectionError, BrokenPipeError):
        return b""


@pytest.mark.parametrize("words", ["a" * 201, "%25F0%259F%2592%25A9" * 201, "a" * 1000, "a" * 10_000])
def test_a_text_that_is_too_long_is_refused_with_a_limit(node, sent, words):
    answer = node.request("GET", f"/{BUCKET}/l_text:sans_20:{words}/fl_layer_apply/{sent_path(sent)}")
    assert answer.status in {400, 431}, answer
    assert re.search(r"\b(200|3000|8190)\b", answer.json["detail"]), answer


def test_a_text_with_emoji_and_right_to_left_letters_is_drawn(node, sent):
    for words in ("💩👨\u200d👩\u200d👧", "שלום عليكم abc", "<b>&amp;</b>", "a\nb"):
        layer = quote(f"l_text:sans_20:{quote(words, safe='')}/fl_layer_apply", safe="/:,")
        answer = node.request("GET", f"/{BUCKET}/{layer}/{sent_path(sent)}")
        where = answer.headers.get("Location")
        answer = node.request("GET", where) if where else answer
        assert answer.status == 200, answer


def sent_path(sent: list[Sent]) -> str:
    path = next(one.path for one in sent if one.specimen.name == "cmyk-inverted-by-adobe.jpg")
    assert path.startswith(f"/{BUCKET}/{SET}/")
    return path.split("/", 2)[2]
