"""Uploads to a real node: what is taken, what is refused and with which facts, and that nothing is left."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import shutil
import struct
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import msgspec
import nats
import pillow_heif
import pytest
from face_maker import crowd
from node_fixture import (
    BUCKET,
    SET,
    FormFile,
    NodeProcess,
    form_of,
    new_region,
    picture,
    problem,
    until,
    upload_path,
)
from PIL import Image

from atoll.events import BlobStored, open_event, stream_of
from atoll.ids import derived_id, named_asset_id, new_id
from storage_node.looks.extra import cascade

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    yield running
    running.end()


async def events_of(node: NodeProcess, count: int) -> list[BlobStored]:
    """All events in the region's stream, once there are `count`."""
    client = await nats.connect(node.nats_url)
    try:
        js, stream = client.jetstream(), stream_of(node.region)
        while True:
            try:
                state = (await js.stream_info(stream)).state
            except nats.js.errors.NotFoundError:
                state = None
            if state and state.last_seq >= count:
                break
            await asyncio.sleep(0.02)
        stored = [await js.get_msg(stream, seq) for seq in range(1, state.last_seq + 1)]
        return [open_event(m.subject, m.data, m.headers, node.keys) for m in stored]
    finally:
        await client.close()


# --- what is taken


def test_an_upload_becomes_a_file_a_record_and_an_event(node):
    data = picture()
    token = node.ticket(tags=("red", "blå"), context={"alt": "Ein Bär 🐻"})
    answer = node.put(data, token, X_Atoll_Filename=quote("Bär 🐻.jpg"), Content_Type="image/jpeg")
    assert answer.status == 201
    view, sha256 = answer.json, hashlib.sha256(data).hexdigest()
    assert (view["sha256"], view["bytes"], view["width"], view["height"]) == (sha256, len(data), 48, 32)
    assert view["path"] == f"/{BUCKET}/{SET}/{sha256}.jpg"
    assert (view["tags"], view["context"]) == (["red", "blå"], {"alt": "Ein Bär 🐻"})
    assert view["filename"] == "Bär 🐻.jpg"
    file = node.data / "blobs" / BUCKET / sha256[:2] / sha256[2:4] / f"{sha256}.jpg"
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o777 == 0o444
    events = asyncio.run(asyncio.wait_for(events_of(node, node.traces().events), 20))
    (event,) = (e for e in events if e.asset.blob.sha256 == sha256)
    assert event.asset.asset_id == view["asset_id"]
    assert event.asset.tags == ("red", "blå")
    assert event.asset.context == {"alt": "Ein Bär 🐻"}
    assert event.asset.filename == "Bär 🐻.jpg"
    until(lambda: not node.index("SELECT 1 FROM outbox"))


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("TIFF", "tiff"), ("BMP", "bmp")],
)
def test_each_type_gets_its_own_extension(node, kind, extension):
    answer = node.put(picture(kind))
    assert (answer.status, answer.json["format"]) == (201, extension)


@pytest.mark.parametrize(("kind", "extension"), [("AVIF", "avif"), ("HEIF", "heic")])
def test_the_types_of_telephones_are_taken(node, kind, extension):
    pillow_heif.register_heif_opener()
    answer = node.put(picture(kind, (64, 64)))
    assert (answer.status, answer.json["format"]) == (201, extension)


def test_an_upload_says_what_may_stand_in_for_it(node):
    view = node.put(picture()).json
    assert len(view["blurhash"]) == 28
    assert base64.b64decode(view["thumbhash"], validate=True)
    assert view["color"].startswith("#")
    looks = node.index("SELECT looks FROM blobs WHERE sha256 = ?", bytes.fromhex(view["sha256"]))
    assert view["thumbhash"] in looks[0][0]


def test_where_nobody_looks_for_faces_the_answer_says_so(node):
    assert node.put(picture()).json["faces"] is None


def test_an_svg_is_refused_with_the_reason(node):
    before = node.traces()
    answer = node.put(b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    assert (answer.status, answer.json["found"]) == (415, "image/svg+xml")
    assert "scripts" in answer.json["detail"]
    assert "Rasterise" in answer.json["detail"]
    assert node.traces() == before


def test_a_named_asset_has_the_id_of_its_name(node):
    public_id = f"holiday/{new_id()}"
    token = node.ticket(public_id=public_id, asset_id=named_asset_id(BUCKET, public_id))
    view = node.put(picture(), token).json
    assert (view["public_id"], view["asset_id"]) == (public_id, named_asset_id(BUCKET, public_id))


def test_a_large_picture_is_stored_whole_with_its_chunk_digests(node):
    data = picture("PNG", (1100, 1000), compress_level=0)
    answer = node.put(data)
    assert answer.status == 201
    digests = [hashlib.sha256(data[at : at + 262144]).digest() for at in range(0, len(data), 262144)]
    sha256 = hashlib.sha256(data).digest()
    (stored,) = node.index("SELECT chunk_digests FROM blobs WHERE sha256 = ?", sha256)
    assert stored[0] == b"".join(digests)


def test_64_uploads_at_once_are_all_there(node):
    before = node.traces()
    pictures = [picture() for _ in range(64)]
    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(node.put, pictures))
    assert [a.status for a in answers] == [201] * 64
    after = node.traces()
    assert after.blobs - before.blobs == {f"{hashlib.sha256(p).hexdigest()}.jpg" for p in pictures}
    assert after.events == before.events + 64


def test_the_same_bytes_by_two_tickets_at_once_are_one_blob_and_two_assets(node):
    data, before = picture(), node.traces()
    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(node.put, [data, data])
    assert (one.status, two.status) == (201, 201)
    assert one.json["asset_id"] != two.json["asset_id"]
    after = node.traces()
    assert len(after.blobs) == len(before.blobs) + 1
    assert after.rows == (before.rows[0] + 1, before.rows[1] + 2, before.rows[2] + 2)
    assert after.events == before.events + 2


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("how", [("--data-binary", "@{}"), ("-T", "{}"), ("-F", "file=@{}")])
@pytest.mark.parametrize("size", [(48, 32), (800, 800)])  # above 1 MiB curl sends Expect: 100-continue
def test_curl_uploads_in_each_of_its_ways(node, tmp_path, how, size):
    file = tmp_path / "a picture.png"
    file.write_bytes(picture("PNG", size))
    option, value = how
    url = f"{node.url}{upload_path(node.ticket())}"
    command = ["curl", "-sS", "-o", "-", "-w", "%{http_code}", option, value.format(file), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("201"), done


# --- bytes that are no picture, or another one than was said


def huge_png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def huge_jpeg() -> bytes:
    data = picture("JPEG", (48, 32))
    at = data.index(b"\xff\xc0") + 5  # start of frame: length, precision, then height and width
    return data[:at] + struct.pack(">HH", 60_000, 60_000) + data[at + 4 :]


def huge_gif() -> bytes:
    data = picture("GIF")
    return data[:6] + struct.pack("<HH", 60_000, 60_000) + data[10:]


@pytest.mark.parametrize("bomb", [huge_png, huge_jpeg, huge_gif])
def test_a_header_that_claims_60000_by_60000_is_refused(node, bomb):
    with node.leaves_nothing():
        facts = problem(node.put(bomb()), 422, "too-many-pixels")
    assert facts["max_pixels"] == 50_000_000
    assert facts["pixels"] == 60_000 * 60_000


@pytest.mark.parametrize(
    "data", [b"hello, world", b"<html></html>", b"BM, a company", b"\0" * 5000, b"%PDF-1.7\n", b"G"]
)
def test_what_is_no_image_is_refused(node, data):
    with node.leaves_nothing():
        assert problem(node.put(data), 415, "not-an-image")["found"] == "unknown"


def test_much_that_is_no_image_is_refused(node):
    with node.leaves_nothing():
        problem(node.put(bytes(1_000_000)), 415, "not-an-image")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize("kept", [0.2, 0.7])
def test_a_truncated_image_is_refused(node, kind, kept):
    data = picture(kind, (200, 150))
    with node.leaves_nothing():
        facts = problem(node.put(data[: int(len(data) * kept)]), 422, "undecodable")
    assert facts["reason"] in {"truncated", "undecodable"}


def test_a_large_truncated_image_is_refused(node):
    data = picture("PNG", (1100, 1000))
    with node.leaves_nothing():
        problem(node.put(data[:-100_000]), 422, "undecodable")


def test_a_magic_number_with_rubbish_behind_it_is_refused(node):
    with node.leaves_nothing():
        problem(node.put(b"\xff\xd8\xff\xe0" + b"rubbish" * 1000), 422, "undecodable")


@pytest.mark.parametrize(
    "claims",
    [
        {"Content_Type": "image/png"},
        {"Content_Type": "image/svg+xml"},
        {"X_Atoll_Filename": "cat.png"},
        {"Content_Type": "image/jpeg", "X_Atoll_Filename": "cat.GIF"},
    ],
)
def test_a_type_or_extension_that_disagrees_with_the_bytes_is_refused(node, claims):
    with node.leaves_nothing():
        facts = problem(node.put(picture("JPEG"), **claims), 415, "type-mismatch")
    assert facts["found"] == "image/jpeg"
    assert facts["declared"] in (["image/png"], ["image/gif"], [])


@pytest.mark.parametrize("claims", [{"Content_Type": "image/jpg"}, {"X_Atoll_Filename": "cat.JPEG"}, {}])
def test_a_type_and_extension_that_agree_are_taken(node, claims):
    assert node.put(picture("JPEG"), **claims).status == 201


def test_an_empty_body_is_refused(node):
    with node.leaves_nothing():
        problem(node.put(b""), 400, "empty-body")


def test_a_type_the_ticket_does_not_allow_is_refused(node):
    with node.leaves_nothing():
        facts = problem(node.put(picture("GIF"), node.ticket(allowed=("jpg", "png"))), 415, "not-an-image")
    assert facts["found"] == "image/gif"


def test_more_pixels_than_the_ticket_allows_are_refused(node):
    with node.leaves_nothing():
        facts = problem(
            node.put(picture(size=(48, 32)), node.ticket(max_pixels=1000)), 422, "too-many-pixels"
        )
    assert (facts["max_pixels"], facts["pixels"]) == (1000, 48 * 32)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_content_encoding_is_refused(node, encoding):
    data = zlib.compress(picture(), wbits=31)
    with node.leaves_nothing():
        problem(node.put(data, Content_Encoding=encoding), 400, "bad-request")


# --- file names


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        "/etc/cron.d/x.jpg",
        "C:\\boot.jpg",
        "a\0b.jpg",
        "a\nb.jpg",
        "x" * 4096,
        "🐻" * 64,  # 256 bytes
    ],
)
def test_a_file_name_that_is_a_path_or_binary_or_too_long_is_refused(node, name):
    with node.leaves_nothing():
        assert (
            problem(node.put(picture(), X_Atoll_Filename=quote(name)), 400, "bad-name")["name"] == "filename"
        )


@pytest.mark.parametrize("name", ["%ff%fe.jpg", "%C3"])
def test_a_file_name_that_is_not_utf8_is_refused(node, name):
    with node.leaves_nothing():
        problem(node.put(picture(), X_Atoll_Filename=name), 400, "bad-request")


@pytest.mark.parametrize(
    "name", ["🐻‍❄️.jpg", "x" * 251 + ".jpg", "-rf", "a b%c.jpg", "日本.jpg", "cafe\u0301.jpg"]
)
def test_a_strange_but_plain_file_name_is_kept(node, name):
    view = node.put(picture(), X_Atoll_Filename=quote(name)).json
    assert view["filename"] == name.replace("e\u0301", "é")
    assert name not in str(list((node.data / "blobs").rglob("*")))


# --- room


@pytest.fixture(scope="module")
def full_node(engines, tmp_path_factory):
    settings = {"reserve_bytes": "8TiB"}
    running = NodeProcess(tmp_path_factory.mktemp("full"), engines.urls.nats, new_region(), settings).start()
    yield running
    running.end()


@pytest.mark.parametrize("send", ["raw", "form"])
def test_below_the_reserve_the_node_takes_nothing_and_says_how_much_is_free(full_node, send):
    data = picture()
    with full_node.leaves_nothing():
        answer = full_node.put(data) if send == "raw" else full_node.post(form_of(data))
        facts = problem(answer, 507, "no-space")
    assert facts["reserve"] == 8 * 2**40
    assert 0 < facts["bytes_free"] < facts["reserve"]
    assert full_node.request("GET", "/health").json["read_only"] is True


@pytest.mark.parametrize("send", ["raw", "form"])
def test_a_capacity_counts_what_an_upload_will_need(engines, tmp_path, send):
    settings = {"capacity_bytes": 100_000}
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), settings).start()
    data = picture(size=(400, 400), quality=95)
    assert len(data) > 100_000
    with node.leaves_nothing():
        answer = node.put(data) if send == "raw" else node.post(form_of(data))
        facts = problem(answer, 507, "no-space")
    assert facts["bytes_free"] == 100_000
    assert facts["needed"] >= len(data)
    assert node.put(picture()).status == 201
    node.end()


# --- bulk


def test_five_files_of_which_two_are_bad_give_207_and_each_its_own_result(node):
    before, token = node.traces(), node.ticket(max_files=5)
    good = [picture() for _ in range(3)]
    truncated = picture(size=(200, 200))[:-2000]
    answer = node.post(
        form_of(
            good[0],
            FormFile(b"no picture", "b.txt", content_type="text/plain"),
            FormFile(good[1], "ü.jpg"),
            FormFile(truncated, "c.jpg"),
            FormFile(good[2], None, content_type=None),
        ),
        token,
    )
    assert answer.status == 207
    results = answer.json["results"]
    assert [r["status"] for r in results] == [201, 415, 201, 422, 201]
    assert [r["problem"]["type"].rpartition(":")[2] for r in results if "problem" in r] == [
        "not-an-image",
        "undecodable",
    ]
    hashes = [hashlib.sha256(data).hexdigest() for data in good]
    assert [r["asset"]["sha256"] for r in results if "asset" in r] == hashes
    assert [r["asset"]["filename"] for r in results if "asset" in r] == ["a.jpg", "ü.jpg", None]
    after = node.traces()
    assert after.blobs - before.blobs == {f"{name}.jpg" for name in hashes}
    assert after.events == before.events + 3
    assert not after.incoming


def test_a_bulk_ticket_gives_each_file_its_own_asset_and_repeats_them_when_repeated(node):
    asset_id = new_id()
    token, form = node.ticket(max_files=3, asset_id=asset_id), form_of(picture(), picture(), picture())
    first = node.post(form, token)
    assert first.status == 201
    ids = [r["asset"]["asset_id"] for r in first.json["results"]]
    assert ids == [derived_id(asset_id, i) for i in range(3)]
    before = node.traces()
    assert node.post(form, token).json == first.json
    assert node.traces() == before


def test_a_picture_saved_in_memory_is_served_back_byte_for_byte_as_its_hash_says(node):
    out = io.BytesIO()
    Image.new("RGB", (10, 10), "red").save(out, "PNG")
    view = node.put(out.getvalue()).json
    (path,) = (node.data / "blobs").rglob(f"{view['sha256']}.png")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == view["sha256"]


# --- faces


def test_a_node_that_finds_faces_says_where_they_are_and_keeps_it(engines, tmp_path):
    if cascade() is None:
        pytest.skip("!!! atoll[faces] IS NOT INSTALLED: finding faces is not tested !!!")
    running = NodeProcess(tmp_path, engines.urls.nats, new_region(), {"faces": "required", "inspectors": 1})
    running.start()
    try:
        out = io.BytesIO()
        crowd((600, 400), (380, 100, 120)).save(out, "JPEG")
        view = running.put(out.getvalue()).json
        (face,) = view["faces"]
        assert abs(face["left"] + face["width"] / 2 - 440 / 600) < 0.06
        (looks,) = running.index("SELECT looks FROM blobs WHERE sha256 = ?", bytes.fromhex(view["sha256"]))
        assert msgspec.json.decode(looks[0])["faces"] == view["faces"]
    finally:
        running.end()
