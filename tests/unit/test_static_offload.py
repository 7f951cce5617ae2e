"""What a static web server is shown, and that it is shown nothing while anything speaks against it."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from import_graph import ROOT
from index_maker import HandOrigin, upload

from atoll.bucket import Bucket, Ending
from atoll.cli.init_order import InitOrder, plan
from storage_node.index import Index
from storage_node.offload_links import OffloadLinks
from storage_node.static_offload import Policy, StaticOffload

PERIOD = 100.0


class Stage:
    """A node with one blob; `buckets` as the map has them."""

    def __init__(self, directory, policy=Policy(public=True, private=True, scrub_seconds=PERIOD)):  # noqa: B008
        self.directory, self.hand = directory, HandOrigin()
        self.index = Index(directory / "index.db", self.hand.origin.node)
        upload(self.index, self.hand.origin, b"one")
        self.buckets = {"shop": Bucket("shop", unsigned_transformations=True), "home": Bucket("home")}
        self.proven, self.stuck, self.removed = True, 0, False
        self.threads = ThreadPoolExecutor(1)
        self.offload = StaticOffload(
            policy,
            OffloadLinks(directory),
            self.index,
            self.hand.origin,
            self.threads,
            lambda: SimpleNamespace(buckets=self.buckets),
            lambda: self.proven,
            lambda: self.stuck,
            lambda: self.removed,
        )

    def change(self, sql, *values):
        self.index.write(lambda db: db.execute(sql, values)).result(20)

    async def shown(self):
        await self.offload._once()
        top = self.directory / "offload"
        return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_symlink()}

    def close(self):
        self.threads.shutdown()
        self.index.close()


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.close()


def of(stage, *links):
    audience_set = f"{{}}/{stage.hand.origin.set}/"
    return {audience_set.format(audience) + rest for audience, rest in links}


async def test_public_buckets_are_shown_and_derivatives_where_anybody_may_ask(stage):
    every = of(stage, ("public", "shop/blobs"), ("public", "shop/derivatives"), ("public", "home/blobs"))
    assert await stage.shown() == every
    stage.proven = False
    assert await stage.shown() == every - of(stage, ("public", "shop/derivatives"))


async def test_a_link_leads_to_the_buckets_files(stage):
    (stage.directory / "blobs" / "shop").mkdir(parents=True)
    await stage.shown()
    link = stage.directory / "offload" / "public" / stage.hand.origin.set / "shop" / "blobs"
    assert link.resolve() == (stage.directory / "blobs" / "shop").resolve()


@pytest.mark.parametrize(
    "bucket",
    [Bucket("shop", home_regions=("elsewhere",)), Bucket("shop", ending=Ending(since=1))],
)
async def test_what_is_at_home_elsewhere_or_being_deleted_is_not_shown(stage, bucket):
    await stage.shown()
    stage.buckets = {"shop": bucket}
    assert await stage.shown() == set()


async def test_a_private_bucket_is_shown_to_the_internal_location_only(stage):
    stage.buckets = {"shop": Bucket("shop", visibility="private", unsigned_transformations=True)}
    assert await stage.shown() == of(stage, ("private", "shop/blobs"))


@pytest.mark.parametrize(("public", "private"), [(True, False), (False, True)])
async def test_each_setting_is_for_one_kind(tmp_path, public, private):
    stage = Stage(tmp_path, Policy(public, private, PERIOD))
    stage.buckets["mine"] = Bucket("mine", visibility="private")
    kinds = {shown.partition("/")[0] for shown in await stage.shown()}
    assert kinds == ({"public"} if public else {"private"})
    stage.close()


async def test_nothing_is_shown_while_a_blob_was_not_read_for_longer_than_the_period(stage):
    assert await stage.shown()
    stage.change("UPDATE blobs SET verified_at = ?", stage.hand.origin.now_ms() - int(PERIOD * 1000) - 1)
    assert await stage.shown() == set()
    stage.change("UPDATE blobs SET verified_at = ?", stage.hand.origin.now_ms())
    assert await stage.shown()


async def test_nothing_is_shown_before_deletes_of_an_earlier_run_are_carried_out(stage):
    stage.change("INSERT INTO unlinks VALUES ('shop', x'00', 'jpg')")
    assert await stage.shown() == set()
    stage.change("DELETE FROM unlinks")
    assert await stage.shown()


async def test_a_delete_that_is_under_way_hides_nothing_one_that_is_stuck_hides_all(stage):
    assert await stage.shown()
    stage.change("INSERT INTO unlinks VALUES ('shop', x'00', 'jpg')")
    assert await stage.shown()
    assert await stage.shown() == set()


@pytest.mark.parametrize("trouble", ["stuck", "removed", "unchecked"])
async def test_nothing_is_shown_in_trouble(stage, trouble):
    assert await stage.shown()
    if trouble == "unchecked":
        stage.change("INSERT INTO unchecked VALUES ('a', 'v')")
    setattr(stage, trouble, True)
    assert await stage.shown() == set()


async def test_what_an_earlier_run_left_is_withdrawn_even_if_it_is_off_now(tmp_path):
    stage = Stage(tmp_path, Policy(public=False, private=False, scrub_seconds=PERIOD))
    left = tmp_path / "offload" / "public" / "s1" / "shop"
    left.mkdir(parents=True)
    (tmp_path / "blobs" / "shop").mkdir(parents=True)
    (tmp_path / "blobs" / "shop" / "kept").write_text("bytes")
    (left / "blobs").symlink_to(tmp_path / "blobs" / "shop")
    await stage.offload.run()
    assert not (tmp_path / "offload").exists()
    assert (tmp_path / "blobs" / "shop" / "kept").read_text() == "bytes"
    stage.close()


async def test_after_a_kill_the_units_command_withdraws_the_links_and_nothing_else(stage):
    """`stage` is what a killed node leaves; the line in deploy/systemd is run on its directory."""
    assert await stage.shown()
    unit = (ROOT / "deploy" / "systemd" / "atoll-storage-node.service").read_text()
    (command,) = re.findall(r"(?m)^ExecStopPost=(.*)$", unit)
    order = InitOrder("machine", Path("/etc/atoll"), Path("/var/lib/atoll"), "eu", "eu-1")
    settings = next(file for file in plan(order, lambda: "x").files if file.path.name == "storage_node.toml")
    (data_dir,) = re.findall(r'data_dir = "(.*)"', settings.text)
    before = {path for path in stage.directory.rglob("*") if "offload" not in path.parts}
    subprocess.run(command.replace(data_dir, str(stage.directory)).split(), check=True, timeout=20)
    assert set(stage.directory.rglob("*")) == before
    assert command.split()[1:] == ["-rf", f"{data_dir}/offload"]
