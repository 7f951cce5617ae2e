"""Whole folders from a program: the client against the stand-in and the real cluster."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from pathlib import Path

import pytest
from client_clusters import picture

from atoll import AsyncClient, Client
from atoll.client.folder_files import FolderUnsafe
from atoll.client.folder_settle import settled
from atoll.client.source import FileUnusable
from atoll.errors import BadName, BadRequest, NotFound

PAGE = (Path(__file__).parents[2] / "docs/command.md").read_text(encoding="utf-8")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "photos" / f"{name}.png").write_bytes(picture())
    return tmp_path / "photos"


async def test_a_program_hears_of_every_byte_and_file(cluster, folder, photos):
    heard = []
    async with AsyncClient(cluster.query_urls, cluster.api_key) as client:
        report = await client.sync(photos, cluster.bucket, folder, tags=["t"], progress=heard.append)
        assert report.counts["upload"] == 3
        assert not report.errors
        again = await client.sync(photos, cluster.bucket, folder)
        assert again.counts == report.counts | {"upload": 0, "unchanged": 3}
        asset = await client.asset_by_name(cluster.bucket, folder + "a")
        assert asset.tags == ("t",)
    total = sum(file.stat().st_size for file in photos.iterdir())
    last = heard[-1]
    assert (last.stage, last.files, last.bytes, last.bytes_total) == ("upload", 3, total, total)
    assert {c.change.public_id for c in heard if c.change} == {folder + name for name in "abc"}


def test_a_script_does_the_same_without_asyncio(cluster, folder, photos, tmp_path):
    with Client(cluster.query_urls, cluster.api_key) as client:
        plan = client.plan_sync(photos, cluster.bucket, folder)
        assert len(plan.transfers) == 3
        assert client.carry_out(plan).counts["upload"] == 3
        assert client.sync(photos, cluster.bucket, folder).unchanged == 3
        assert client.export(cluster.bucket, folder, tmp_path / "home").counts["download"] == 3
        with client.plan_export(cluster.bucket, folder, tmp_path / "home") as nothing:
            assert (nothing.unchanged, nothing.changes) == (3, ())
            assert client.carry_out_export(nothing).unchanged == 3
        listed = client.plan_import(tmp_path / "home/manifest.jsonl", None, cluster.bucket, folder)
        assert (listed.unchanged, listed.changes) == (3, ())
        (photos / "a.png").unlink()
        assert client.sync(photos, cluster.bucket, folder, delete=True).counts["delete"] == 1
    for file in photos.iterdir():
        copy = tmp_path / "home" / file.name
        assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()


async def test_what_concerns_the_whole_is_raised(standin, photos, tmp_path):
    async with AsyncClient(standin.query_urls, standin.api_key) as client:
        for error, wrong in (
            (NotFound, client.sync(photos, "nosuchbucket")),
            (BadName, client.sync(photos, standin.bucket, "../x")),
            (FileUnusable, client.sync(tmp_path / "nothing", standin.bucket)),
            (BadRequest, client.sync(photos, standin.bucket, exclude="*.png")),
            (BadRequest, client.sync(photos, standin.bucket, tags="one")),
            (NotFound, client.export("nosuchbucket", "", tmp_path / "home")),
        ):
            with pytest.raises(error):
                await wrong
        await client.sync(photos, standin.bucket)
        for file in photos.iterdir():
            file.unlink()
        with pytest.raises(FolderUnsafe) as refused:
            await client.sync(photos, standin.bucket, delete=True)
        assert refused.value.facts["would_delete"] == 3
        report = await client.sync(photos, standin.bucket, delete=True, force=True)
        assert report.counts["delete"] == 3


async def test_a_replaced_asset_between_look_and_deed_is_told_not_taken_for_another(
    standin, photos, tmp_path
):
    async with AsyncClient(standin.query_urls, standin.api_key) as client:
        await client.sync(photos, standin.bucket)
        with await client.plan_export(standin.bucket, "", tmp_path / "home") as plan:
            for node in standin.state.nodes.values():
                node.blobs.clear()
            report = await client.carry_out_export(plan)
    assert len(report.errors) == 3
    assert (tmp_path / "home/manifest.jsonl").read_text() == ""


async def test_a_catalog_that_never_learns_is_waited_for_a_moment_only(standin, photos):
    async with AsyncClient(standin.query_urls, standin.api_key) as client:
        report = await client.sync(photos, standin.bucket)
        known = {change.asset_id: change.sha256 for change in report.changes}
        resolving = client._parts.resolving
        assert await settled(resolving, known)
        assert await settled(resolving, {})
        assert await settled(resolving, {"0" * 26: None})
        assert not await settled(resolving, dict.fromkeys(known, "0" * 64), seconds=0.05)
        assert not await settled(resolving, dict.fromkeys(known), seconds=0.05)


async def test_two_exports_do_not_write_into_one_folder(standin, photos, tmp_path):
    async with AsyncClient(standin.query_urls, standin.api_key) as client:
        await client.sync(photos, standin.bucket)
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(request, handler):
            begun_soon()
            await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30))
            return await handler(request)

        loop = asyncio.get_running_loop()

        def begun_soon():
            loop.call_soon_threadsafe(begun.set)

        standin.faults["eu-central-1"].append(slowly)
        first = asyncio.create_task(client.export(standin.bucket, "", tmp_path / "home"))
        await asyncio.wait_for(begun.wait(), 30)
        with pytest.raises(FileUnusable):
            await client.export(standin.bucket, "", tmp_path / "home")
        go_on.set()
        assert (await first).counts["download"] == 3
    lines = (tmp_path / "home/manifest.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 3


def test_the_program_on_the_page_runs(cluster, folder, photos, tmp_path, monkeypatch):
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".atoll").symlink_to(cluster.directory)
    program = program.replace('"images"', repr(cluster.bucket)).replace('"holiday"', repr(folder))
    exec(compile(program, "docs/command.md", "exec"), {})
    assert len(list((tmp_path / "home").glob("*.png"))) == 3
