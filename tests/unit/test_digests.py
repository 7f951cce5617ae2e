"""Trees over the index: equal contents mean equal digests and different ones do not, whatever led there."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_maker import START_MS, HandOrigin, a_blob, opened

from atoll.ids import new_id
from atoll.model import AssetRecord, Tombstone
from atoll.repair_api import (
    FAN_OUT,
    LEAVES,
    AssetItem,
    digest_of_assets,
    digest_of_blobs,
    digest_of_children,
    leaf_of_asset,
    leaf_of_blob,
)
from storage_node.digests import Digests
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone
from storage_node.index_ops import store_replica
from storage_node.index_repairs import quarantined
from storage_node.index_rows import put_blob, put_record
from storage_node.store import StoreFailed

TREES = ("assets", "blobs")
ORIGIN = HandOrigin().origin
ASSETS = [f"{number:026}" for number in range(4)]
VERSION = "0" * 26
VERSIONS = [new_id(START_MS + number) for number in range(4)]


def record(asset: int, version: int, body: int) -> AssetRecord:
    blob = a_blob(b"%d" % body, ("photos", "others")[body % 2])
    return AssetRecord(ASSETS[asset], "p", VERSIONS[version], "s1", blob, START_MS)


def do(index: Index, step: tuple[str, int, int, int]) -> None:
    what, asset, version, body = step
    if what == "store":
        index.write(store_replica(record(asset, version, body), b"", ORIGIN)).result(20)
    elif what == "delete":
        stone = Tombstone(ASSETS[asset], "photos", "p", "s1", VERSIONS[version], START_MS)
        index.write(apply_tombstone(stone, ORIGIN)).result(20)
    else:
        blob = record(asset, version, body).blob
        if (held := index.blob(blob.bucket, blob.sha256)) is not None:
            index.write(quarantined(held, "x", "test", ORIGIN)).result(20)


def contents(index: Index) -> tuple[set[AssetItem], set[tuple[str, str]]]:
    """What the trees are about, asked for without them."""
    items = set()
    for asset_id in ASSETS:
        state = index.asset(asset_id)
        items |= {AssetItem(asset_id, r.version) for r in state.records}
        if state.tombstone:
            items.add(AssetItem(asset_id, state.tombstone.version, deleted=True))
    blobs = {(b.bucket, b.sha256) for b in (record(0, 0, n).blob for n in range(4))}
    return items, {name for name in blobs if index.blob(*name) is not None}


def told(digests: Digests) -> dict[str, str]:
    return {tree: digests.tree(tree).digest for tree in TREES}


steps = st.lists(
    st.tuples(
        st.sampled_from(("store", "store", "delete", "quarantine", "ask")),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ours=steps, theirs=steps)
def test_digests_are_equal_exactly_when_contents_are(ours, theirs) -> None:
    found = []
    for node_steps in (ours, theirs):
        with TemporaryDirectory() as directory, opened(Path(directory)) as index:
            digests = Digests(index, "n")
            for step in node_steps:
                if step[0] == "ask":  # so that digests are made in the middle, too
                    told(digests)
                else:
                    do(index, step)
            found.append((contents(index), told(digests)))
    (mine, my_digests), (other, other_digests) = found
    assert (mine[0] == other[0]) == (my_digests["assets"] == other_digests["assets"])
    assert (mine[1] == other[1]) == (my_digests["blobs"] == other_digests["blobs"])


def test_a_difference_is_found_by_descending_and_its_items_are_named(tmp_path: Path) -> None:
    with opened(tmp_path / "", "node-1") as index:
        digests = Digests(index, "n")
        kept = record(0, 0, 0)
        assert digests.roots().blobs == digests.roots().assets
        index.write(store_replica(kept, b"", ORIGIN)).result(20)
        for tree, leaf in (
            ("assets", leaf_of_asset(kept.asset_id)),
            ("blobs", leaf_of_blob(kept.blob.sha256)),
        ):
            root = digests.tree(tree)
            branch = digests.branch(tree, leaf >> 8)
            assert root.items == branch.items == 1
            assert [n for n, child in enumerate(root.children) if child] == [leaf >> 8]
            assert [n for n, child in enumerate(branch.children) if child] == [leaf & 255]
            assert root.digest == digest_of_children(root.children)
            assert root.children[leaf >> 8] == branch.digest == digest_of_children(branch.children)
        items = digests.leaf("assets", leaf_of_asset(kept.asset_id), None, 10)
        assert items.assets == (AssetItem(kept.asset_id, kept.version),)
        assert digest_of_assets(items.assets) == branch_child(digests, "assets", leaf_of_asset(kept.asset_id))
        held = digests.leaf("blobs", leaf_of_blob(kept.blob.sha256), None, 10).blobs
        assert [(b.bucket, b.sha256, b.ext, b.size) for b in held] == [
            ("photos", kept.blob.sha256, "jpg", kept.blob.size)
        ]
        assert digest_of_blobs(held) == branch_child(digests, "blobs", leaf_of_blob(kept.blob.sha256))


def test_asking_for_a_branch_makes_only_its_own_leaves_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        digests = Digests(index, "n")
        fill(index, 300)
        root = digests.tree("blobs")
        branch = first_leaf(digests) >> 8
        fill(index, 600)  # those, and as many more
        made = digests.leaves_made
        items = digests.branch("blobs", branch).items
        assert digests.leaves_made - made <= items
        assert digests.tree("blobs").items == 2 * root.items == 600
        assert digests.leaves_made - made > 300
        assert digests.branch("blobs", branch).items == items


def test_what_could_not_be_made_anew_hides_nothing_from_who_asks_for_other_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as index:
        digests = Digests(index, "n")
        told(digests)
        kept = record(0, 0, 0)
        index.write(store_replica(kept, b"", ORIGIN)).result(20)
        with monkeypatch.context() as broken:
            broken.setattr(index, "read", unreadable)
            for asked in (
                lambda: digests.branch("blobs", leaf_of_blob(kept.blob.sha256) >> 8),
                digests.refresh,
            ):
                with pytest.raises(StoreFailed):
                    asked()
        assert digests.branch("blobs", 255 - (leaf_of_blob(kept.blob.sha256) >> 8)).items == 0
        index.write(store_replica(record(1, 1, 1), b"", ORIGIN)).result(20)
        assert digests.branch("assets", leaf_of_asset(ASSETS[1]) >> 8).items == 1
        assert digests.tree("blobs").items == digests.tree("assets").items == 2


def unreadable(_query: object) -> None:
    raise StoreFailed("The disk gives no answer.")


def branch_child(digests: Digests, tree: str, leaf: int) -> str:
    return digests.branch(tree, leaf >> 8).children[leaf & 255]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_leaf_comes_in_pages_and_nothing_is_left_out(tmp_path: Path, limit: int) -> None:
    versions = sorted(new_id(START_MS + n) for n in range(7))
    with opened(tmp_path) as index:
        digests, asset = Digests(index, "n"), record(0, 0, 0)
        for number, version in enumerate(versions):
            index.write(
                store_replica(
                    msgspec.structs.replace(asset, version=version, blob=a_blob(b"x", f"bucket-{number}")),
                    b"",
                    ORIGIN,
                )
            ).result(20)
        stone = Tombstone(asset.asset_id, "photos", "p", "s1", new_id(1), START_MS)
        index.write(apply_tombstone(stone, ORIGIN)).result(20)
        assets = paged(digests, "assets", leaf_of_asset(asset.asset_id), limit)
        assert assets == sorted(assets)
        assert [item.version for item in assets] == sorted([*versions, stone.version])
        blobs = paged(digests, "blobs", leaf_of_blob(a_blob(b"x").sha256), limit)
        assert [item.bucket for item in blobs] == [f"bucket-{number}" for number in range(7)]


def paged(digests: Digests, tree: str, leaf: int, limit: int) -> list:
    found, after = [], None
    while True:
        page = digests.leaf(tree, leaf, after, limit)
        found += getattr(page, tree)
        if (after := page.after) is None:
            return found


def test_asking_costs_what_changed(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        fill(index, 2000)
        digests = Digests(index, "n")
        told(digests)
        digests.leaves_made = 0
        told(digests)
        assert digests.leaves_made == 0
        index.write(store_replica(record(0, 0, 0), b"", ORIGIN)).result(20)
        told(digests)
        assert digests.leaves_made == 2


def test_an_orderly_stop_keeps_what_is_to_be_done_and_a_crash_does_all_again(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        fill(index, 25)
        told(Digests(index, "n"))
        index.write(store_replica(record(0, 0, 0), b"", ORIGIN)).result(20)
    with opened(tmp_path) as index:
        digests = Digests(index, "n")
        expected = told(digests)
        assert digests.leaves_made == 2
    with opened(tmp_path), opened_beside(tmp_path) as index:  # the file as a crash would leave it
        digests = Digests(index, "n")
        assert told(digests) == expected
        assert digests.leaves_made == 52  # all that have anything in them, and not only the two


@contextlib.contextmanager
def opened_beside(path: Path):
    """A copy of the files while they are in use."""
    other = path / "copy"
    other.mkdir()
    for file in path.glob("index.db*"):
        (other / file.name).write_bytes(file.read_bytes())
    with opened(other) as index:
        yield index


def fill(index: Index, count: int) -> None:
    """`count` blobs and records, quickly; the same in every index."""
    rng = random.Random(7)
    facts = [(rng.randbytes(32).hex(), f"{rng.getrandbits(80):026}") for _ in range(count)]

    def operation(db):
        for sha256, asset_id in facts:
            blob = msgspec.structs.replace(a_blob(b""), sha256=sha256)
            put_blob(db, blob, b"", START_MS)
            put_record(db, AssetRecord(asset_id, "p", VERSION, "s1", blob, START_MS))

    index.write(operation).result(300)


def test_equal_nodes_compare_by_moving_a_few_hundred_bytes(tmp_path: Path) -> None:
    """The full comparison of equal trees is one answer, whatever they hold: a million blobs are two digests
    and two numbers of seven digits."""
    roots = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name) as index:
            fill(index, 5000)
            roots.append(msgspec.structs.replace(Digests(index, "n").roots(), node="n"))
    assert roots[0] == roots[1]
    assert roots[0].blobs.items == 5000
    million = msgspec.structs.replace(roots[0].blobs, items=1_000_000)
    answer = msgspec.json.encode(msgspec.structs.replace(roots[0], blobs=million, assets=million))
    assert len(answer) < 1000


def test_one_difference_among_a_million_moves_less_than_100_kb(tmp_path: Path) -> None:
    """Root, branch and leaf of both sides; a leaf of a million blobs has 16 items, of ten millions 153."""
    with opened(tmp_path) as index:
        fill(index, 3000)
        digests = Digests(index, "n")
        root, branch = digests.tree("blobs"), digests.branch("blobs", 0)
        full = msgspec.structs.replace(root, children=("f" * 32,) * FAN_OUT)
        assert set(map(len, filter(None, (*root.children, *branch.children)))) == {32}
        item = msgspec.json.encode(digests.leaf("blobs", first_leaf(digests), None, 1).blobs[0])
    per_leaf = 1_000_000 // LEAVES + 1
    moved = 2 * (2 * len(msgspec.json.encode(full)) + 3 * per_leaf * len(item))
    assert moved < 100_000


def first_leaf(digests: Digests) -> int:
    root = digests.tree("blobs")
    branch = next(n for n, child in enumerate(root.children) if child)
    leaf = next(n for n, child in enumerate(digests.branch("blobs", branch).children) if child)
    return branch << 8 | leaf
