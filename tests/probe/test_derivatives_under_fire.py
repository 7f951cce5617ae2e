"""Stories: derivatives are asked for in a storm, and workers, daemons, disks and owners fail meanwhile."""

from __future__ import annotations

import http.client
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import count

import psutil
import pytest
from deeds import record_now
from node_fixture import BUCKET, SET, Answer, NodeProcess, until
from picture_maker import saved, scene
from powered_node import asked

from atoll.delivery_keys import cluster_key
from atoll.ids import new_id, now_ms
from atoll.model import Tombstone
from atoll.transformation.paths import parse_node_path
from atoll.transformation.signature import sign
from probe.render_region import (
    SLOW,
    RenderRegion,
    decoded,
    render_region,
    rendering_workers,
    transformed,
)

pytestmark = [pytest.mark.probe, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RenderRegion]:
    with render_region(tmp_path_factory.mktemp("region")) as running:
        yield running


def a_picture(seed: int, width: int = 2040, height: int = 1360) -> bytes:
    image = scene(width, height, seed)
    image.putpixel((0, 0), (seed % 256, seed // 256, 7))
    return saved("JPEG", image)


def wait_for_workers(region: RenderRegion, path: str) -> None:
    """All nodes have rendered before: what follows is no start."""
    for number, node in enumerate(region.nodes):
        until(lambda n=number, node=node: _rendered_here(region, node, path, n), lambda: "no node renders")


def _rendered_here(region: RenderRegion, node: NodeProcess, path: str, number: int) -> bool:
    for width in range(10, 40):
        region.get(node, path, f"w_{width + 40 * number}")
        if rendering_workers(node):
            return True
    return False


def test_a_hundred_misses_at_once_on_three_nodes_are_one_decode(region: RenderRegion) -> None:
    path = region.upload(a_picture(1))
    before = region.renders()
    target = transformed(path, "c_fit,h_512,w_512")
    with ThreadPoolExecutor(100) as clients:
        asked = [clients.submit(region.nodes[n % 3].request, "GET", target) for n in range(100)]
        answers = [each.result() for each in asked]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json for answer in answers}) == 1
    assert decoded(answers[0]).size == (512, 341)
    assert region.renders() - before == 1


def test_a_worker_that_is_killed_costs_nobody_his_picture(region: RenderRegion) -> None:
    path = region.upload(a_picture(2, 2400, 1800))
    wait_for_workers(region, path)
    slow: list[Answer] = []
    asking = threading.Thread(target=lambda: slow.append(region.get(region.nodes[0], path, SLOW)))
    asking.start()
    victims = until(lambda: [w for node in region.nodes for w in rendering_workers(node) if _is_busy(w)])
    for victim in victims:
        victim.send_signal(signal.SIGKILL)
    other = region.get(region.nodes[1], path, "w_77")
    assert decoded(other).width == 77
    asking.join()
    assert decoded(slow[0]).size == (1800, 1350)
    for node in region.nodes:
        assert list((node.data / "incoming").iterdir()) == []


def _is_busy(worker: psutil.Process) -> bool:
    """It has a picture open."""
    return any(name.path.endswith(".jpg") for name in worker.open_files())


def test_a_daemon_that_is_killed_over_a_rendering_leaves_nothing_half_made(region: RenderRegion) -> None:
    path = region.upload(a_picture(3, 2400, 1800))
    node = region.nodes[0]
    wait_for_workers(region, path)
    asking = threading.Thread(target=_ask_in_vain, args=(region, path))
    asking.start()
    until(lambda: any(_is_busy(worker) for each in region.nodes for worker in rendering_workers(each)))
    workers = rendering_workers(node)
    node.kill()
    asking.join()
    until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers))
    node.start()
    assert list((node.data / "incoming").iterdir()) == []
    assert decoded(region.get(node, path, SLOW)).size == (1800, 1350)
    assert decoded(region.get(node, path, "w_78")).width == 78


def _ask_in_vain(region: RenderRegion, path: str) -> None:
    try:
        region.get(region.nodes[0], path, SLOW)
    except (http.client.HTTPException, OSError):
        return


def test_an_owner_that_hangs_keeps_nobody_from_a_picture(region: RenderRegion) -> None:
    path = region.upload(a_picture(4))
    first, *others = region.nodes
    for node in others:  # each has the picture itself
        assert node.request("GET", path).status == 200
    wait_for_workers(region, path)
    before = region.count("atoll_node_derivative_fallbacks_total", *others)
    first.signal(signal.SIGSTOP)
    try:
        # Of these some are the first node's; nobody has noticed yet that it hangs.
        answers = [region.get(others[n % 2], path, f"w_{200 + n}") for n in range(8)]
    finally:
        first.signal(signal.SIGCONT)
    assert [decoded(answer).width for answer in answers] == list(range(200, 208))
    assert region.count("atoll_node_derivative_fallbacks_total", *others) > before


def test_a_flipped_bit_in_the_source_never_shows(region: RenderRegion) -> None:
    body = a_picture(5)
    path = region.upload(body)
    first, second, _ = region.nodes
    assert second.request("GET", path).json == body
    (file,) = first.data.glob(f"blobs/{BUCKET}/*/*/{path.rpartition('/')[2]}")
    rotten = bytearray(body)
    rotten[len(rotten) // 2] ^= 0x10
    file.chmod(0o644)
    file.write_bytes(rotten)
    right = region.get(second, path, "f_png,w_90")
    answers = [region.get(first, path, f"f_png,w_{width}") for width in (90, 91, 92, 93, 94, 95)]
    assert answers[0].json == right.json
    assert [decoded(answer).width for answer in answers] == [90, 91, 92, 93, 94, 95]
    more = count(96)

    def replaced() -> bool:
        """Two derivatives in three are another node's to make, from its own copy."""
        width = next(more)
        assert decoded(region.get(first, path, f"f_png,w_{width}")).width == width
        return file.exists() and file.read_bytes() == body

    until(replaced, lambda: "the copy was not replaced")


def test_a_delete_while_rendering_leaves_nothing(region: RenderRegion) -> None:
    asset_id = new_id()
    path = region.upload(a_picture(6, 2400, 1800), asset_id=asset_id)
    wait_for_workers(region, path)
    asking = threading.Thread(target=_ask_in_vain, args=(region, path))
    asking.start()
    until(lambda: any(_is_busy(worker) for each in region.nodes for worker in rendering_workers(each)))
    record = record_now(region.nodes[0], asset_id)
    assert record is not None
    stone = Tombstone(asset_id, BUCKET, record.public_id, SET, new_id(), now_ms())
    for node in region.nodes:
        assert asked(node, "POST", "/internal/v1/tombstones", stone).status == 200
    asking.join()
    sha256 = path.rpartition("/")[2].partition(".")[0]
    for node in region.nodes:
        until(lambda node=node: not any(sha256 in str(file) for file in region.kept(node)))
        until(lambda node=node: region.get(node, path, SLOW).status == 404)
        assert list((node.data / "incoming").iterdir()) == []


def test_an_upload_makes_what_its_ticket_names(region: RenderRegion) -> None:
    path = region.upload(a_picture(7), eager=("w_123", "f_auto,w_99"))
    node = region.nodes[0]
    sha256 = path.rpartition("/")[2].partition(".")[0]
    names = until(
        lambda: (
            len(found := {f.name for n in region.nodes for f in region.kept(n) if sha256 in str(f)}) >= 4
            and found
        )
    )
    assert names == {"w_123.jpg", "f_avif,w_99.avif", "f_webp,w_99.webp", "w_99.plain"}
    before = region.renders()
    assert decoded(region.get(node, path, "w_123")).width == 123
    assert region.renders() == before


def test_a_signed_url_works_on_every_node_of_the_cluster(region: RenderRegion) -> None:
    path = region.upload(a_picture(8))
    target = transformed(path, "w_66")
    query = sign(parse_node_path(target).spelt, 4_000_000_000, cluster_key(region.nodes[0].keys))
    for node in region.nodes:
        answer = node.request("GET", f"{target}?{query}")
        assert decoded(answer).width == 66
        assert BytesIO(answer.json).getbuffer().nbytes == int(answer.headers["Content-Length"])
