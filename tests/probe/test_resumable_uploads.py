"""Resumable uploads by an independent client (tuspy) to a real node that is killed in the middle."""

from __future__ import annotations

import hashlib
import io
import threading
from urllib.parse import quote

import pytest
from node_fixture import NodeProcess, new_region, picture, until
from public_bucket import open_bucket
from tusclient.client import TusClient
from tusclient.uploader import Uploader

pytestmark = pytest.mark.probe

MIB = 2**20
SETTINGS = {"inspectors": 1}


@pytest.fixture
def node(engines, tmp_path):
    running = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), SETTINGS).start()
    open_bucket(running)
    yield running
    running.end()


def client(node: NodeProcess) -> TusClient:
    return TusClient(f"{node.url}/v1/tus?ticket={quote(node.ticket())}")


def noise(size: int) -> bytes:
    """A picture of about `size` bytes."""
    side = int((size / 3) ** 0.5)
    return picture("BMP", (side, side))


def is_served(node: NodeProcess, url: str, data: bytes) -> None:
    """By the node, as the asset of the upload at `url`, byte for byte."""
    asset = node.request("GET", url.removeprefix(node.url)).json["asset"]
    assert asset["sha256"] == hashlib.sha256(data).hexdigest()
    assert node.request("GET", asset["path"]).json == data


def test_a_node_killed_in_the_middle_of_20_megabytes_costs_the_client_nothing_but_time(node):
    data = noise(20 * MIB)
    uploader = client(node).uploader(
        file_stream=io.BytesIO(data), chunk_size=MIB, retries=200, retry_delay=0.2, upload_checksum=True
    )
    thread = threading.Thread(target=uploader.upload, daemon=True)
    thread.start()
    for mark in (5 * MIB, 12 * MIB):
        until(lambda m=mark: (uploader.offset or 0) >= m)
        node.kill()
        told = uploader.offset
        node.start()
        assert thread.is_alive()
        assert (
            Uploader(file_stream=io.BytesIO(data), url=uploader.url).get_offset() >= told
        )  # never less than was answered
    thread.join(60)
    assert uploader.offset == len(data)
    is_served(node, uploader.url, data)


def test_a_client_that_comes_back_goes_on_where_the_killed_node_stands(node):
    data = noise(20 * MIB)
    first = client(node).uploader(file_stream=io.BytesIO(data), chunk_size=3 * MIB)
    first.upload(stop_at=9 * MIB)
    node.kill()
    node.start()
    second = Uploader(file_stream=io.BytesIO(data), url=first.url)  # all the rest in one request
    assert second.get_offset() == 9 * MIB
    second.upload()
    is_served(node, first.url, data)


def test_a_file_with_metadata_in_one_request(node):
    data = picture("PNG")
    said = {"filename": "ä b.png", "filetype": "image/png"}
    uploader = client(node).uploader(file_stream=io.BytesIO(data), metadata=said)
    uploader.upload()
    is_served(node, uploader.url, data)
    assert node.request("GET", uploader.url.removeprefix(node.url)).json["asset"]["filename"] == "ä b.png"
