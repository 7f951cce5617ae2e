"""Data URIs: whatever way they are cut, the same bytes; whatever is broken is refused."""

from __future__ import annotations

import base64
import contextlib
import textwrap
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import NotAnImage, TooLarge
from storage_node.body_pace import too_large
from storage_node.data_uri import MAX_HEAD_BYTES, DataUriDecoder, is_data_uri, most_encoded
from storage_node.data_uri_body import TextBodies


def uri(data, head="data:image/png;base64,"):
    return head.encode() + base64.b64encode(data)


def decoded(text, cuts=()):
    decoder, out, start = DataUriDecoder(), b"", 0
    for end in (*sorted(cuts), len(text)):
        out += decoder.feed(text[start:end])
        start = end
    decoder.finish()
    return decoder.media_type, out


CUTS = st.lists(st.integers(0, 400), max_size=30)


@given(st.binary(max_size=200), CUTS, st.sampled_from(["plain", "lines", "escaped", "lower"]))
def test_the_bytes_come_out_whatever_way_it_is_cut(data, cuts, spelling):
    head, body = b"data:image/png;base64,", base64.b64encode(data)
    if spelling == "lines":
        body = "\r\n".join(textwrap.wrap(body.decode(), 76)).encode() + b"\n"
    elif spelling == "escaped":
        body = quote(body.decode(), safe="").encode()
    elif spelling == "lower":
        body = quote(body.decode(), safe="").replace("%2B", "%2b").encode()
    text = head + body
    assert len(text) <= most_encoded(len(data)) or not data
    assert decoded(text, [cut for cut in cuts if cut < len(text)]) == ("image/png", data)


@given(st.binary(max_size=300), CUTS)
def test_rubbish_is_refused_or_decoded_and_never_anything_else(text, cuts):
    with contextlib.suppress(NotAnImage):
        decoded(b"data:image/png;base64," + text, [cut for cut in cuts if cut < len(text)])


@pytest.mark.parametrize(
    "head",
    [
        "data:image/png;base64,",
        "DATA:IMAGE/PNG;BASE64,",
        "data:;base64,",
        "data:image/svg+xml;charset=utf-8;base64,",
    ],
)
def test_heads_that_are_taken(head):
    assert decoded(uri(b"abc", head))[1] == b"abc"


@pytest.mark.parametrize(
    "text",
    [
        b"data:",
        b"data:image/png",
        b"data:image/png,abcd",
        b"data:image/png;base64",
        b"data:image/png;base65,abcd",
        b"data:image/png;base64;x,abcd",
        b"data:image png;base64,abcd",
        b"data:" + b"a" * MAX_HEAD_BYTES + b";base64,abcd",
        b"data:image/png;base64,abc",
        b"data:image/png;base64,ab=d",
        b"data:image/png;base64,abc=abcd",
        b"data:image/png;base64,ab==" + b"abcd",
        b"data:image/png;base64,====",
        b"data:image/png;base64,ab-_",
        b"data:image/png;base64,ab d",
        b"data:image/png;base64,abcd%",
        b"data:image/png;base64,abcd%4",
        b"data:image/png;base64,abcd%41%41",
        b"data:image/png;base64,abcd#abc",
        b"data:image/png;base64,\xff\xff\xff\xff",
    ],
)
def test_what_is_broken_is_refused(text):
    with pytest.raises(NotAnImage):
        decoded(text)
    with pytest.raises(NotAnImage):
        decoded(text, range(1, len(text)))


def pieces_of(data, size):
    async def read(max_bytes):
        for start in range(0, len(data), size):
            if start > max_bytes:
                raise too_large(max_bytes)
            yield data[start : start + size]

    return read


async def read(body, limit, content_type="text/plain;charset=UTF-8"):
    with ThreadPoolExecutor(1) as threads:
        found = await TextBodies(threads).opened(body, content_type, limit)
        return found.declared, b"".join([piece async for piece in found.pieces])


@pytest.mark.parametrize("size", [1, 3, 7, 100_000])
async def test_a_text_that_is_a_data_uri_becomes_what_it_carries(size):
    data = bytes(range(256)) * 20
    assert await read(pieces_of(uri(data), size), len(data)) == ("image/png", data)


@pytest.mark.parametrize("data", [b"", b"dat", b"datb:", b"\xff\xd8\xff" + bytes(500)])
@pytest.mark.parametrize("size", [1, 1000])
async def test_every_other_text_stays_as_it_is(data, size):
    assert await read(pieces_of(data, size), 1000) == ("text/plain;charset=UTF-8", data)


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "text/html"])
async def test_what_does_not_say_that_it_is_text_is_not_looked_at(content_type):
    data = uri(b"abc")
    assert await read(pieces_of(data, 10), 1000, content_type) == (content_type, data)


async def test_what_it_carries_has_the_limit_of_every_image():
    for data in (uri(bytes(1001)), bytes(1001)):
        with pytest.raises(TooLarge):
            await read(pieces_of(data, 64), 1000)
    assert len((await read(pieces_of(uri(bytes(1000)), 64), 1000))[1]) == 1000


def test_no_image_begins_like_one():
    assert is_data_uri(b"DaTa:...")
    assert not any(
        map(is_data_uri, (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r", b"GIF89a", b"RIFF", b"BM", b"II*\0"))
    )
