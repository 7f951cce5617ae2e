"""Folders read, changes carried out one by one, and what a killed run leaves behind."""

from __future__ import annotations

import asyncio

import pytest

from atoll.cli.upload_screen import Lines
from atoll.client.folder_files import Change, FolderReport, FolderUnsafe, Remote, Step
from atoll.client.folder_plan import Place, deletes, list_remote
from atoll.client.folder_run import FAILURES_IN_A_ROW, FolderRun
from atoll.client.folder_scan import Scanned, scan
from atoll.client.globs import Filter
from atoll.client.upload_notes import LATELY_MS, UploadNotes
from atoll.errors import BadRequest, NotAnImage, Unavailable
from atoll.node_api import AssetView


def changes(count, size=10):
    return [Change(Step.UPLOAD, f"{number}.png", f"{number}", size) for number in range(count)]


def asset(name="a", sha256="0" * 64):
    return AssetView(
        name, "images", name, "v", "s1", sha256, "png", "image/png", 1, 1, 1, 1, "", "", "", "", (), {}, None
    )


async def test_every_change_has_its_own_end_and_bytes_of_a_repeated_try_count_once():
    heard = []

    async def work(change, sent):
        sent(8)
        sent(0)
        sent(8)
        if change.path == "1.png":
            raise NotAnImage("no")
        return change

    ended = await FolderRun("upload", changes(3), heard.append).run(work, 1)
    assert [(change.path, change.done) for change in ended] == [
        ("0.png", True),
        ("1.png", False),
        ("2.png", True),
    ]
    assert isinstance(ended[1].error, NotAnImage)
    last = heard[-1]
    assert (last.files, last.files_total, last.bytes, last.bytes_total) == (3, 3, 20, 30)
    assert FolderReport(tuple(ended)).counts["failed"] == 1


async def test_no_more_than_so_many_run_at_once():
    running, most = 0, 0

    async def work(change, sent):
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        return change

    await FolderRun("upload", changes(40), lambda _: None).run(work, 5)
    assert most == 5


async def test_failures_of_the_cluster_in_a_row_end_the_run_and_those_of_files_do_not():
    tried = 0

    async def away(change, sent):
        nonlocal tried
        tried += 1
        raise Unavailable("away")

    async def bad(change, sent):
        raise NotAnImage("no")

    with pytest.raises(Unavailable):
        await FolderRun("upload", changes(100), lambda _: None).run(away, 1)
    assert tried == FAILURES_IN_A_ROW
    assert len(await FolderRun("upload", changes(100), lambda _: None).run(bad, 4)) == 100


def test_a_folder_and_a_listing_have_bounds(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(BadRequest):
        scan(tmp_path, "", Filter(), limit=2)
    assert len(scan(tmp_path, "", Filter(), limit=3).files) == 3


async def test_so_has_what_a_cluster_lists():
    async def listing():
        for number in range(3):
            yield asset(f"{number}")

    with pytest.raises(BadRequest):
        await list_remote(listing(), limit=2)


def test_a_folder_that_is_very_deep_is_no_trouble(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 100)
    deep.mkdir(parents=True)
    (deep / "a.png").touch()
    assert list(scan(tmp_path, "", Filter()).files) == ["d/" * 100 + "a"]


def test_links_to_folders_and_hidden_ones_are_not_followed(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/a.png").touch()
    (tmp_path / "a.png").touch()
    assert list(scan(tmp_path, "p/", Filter()).files) == ["p/a"]


def test_notes_outlive_a_kill_and_are_believed_for_a_while(tmp_path):
    now = 1_000_000_000
    notes = UploadNotes(tmp_path / "n", lambda: now)
    notes.add(asset("a", "1" * 64))
    notes.add(asset("a", "2" * 64))
    with (tmp_path / "n").open("ab") as file:
        file.write(b'{"bucket":"images","asset_id":"cut o')
    assert UploadNotes(tmp_path / "n", lambda: now).lately("images") == {"a": "2" * 64}
    assert UploadNotes(tmp_path / "n", lambda: now).lately("other") == {}
    assert UploadNotes(tmp_path / "n", lambda: now + LATELY_MS).lately("images") == {}
    assert (tmp_path / "n").stat().st_mode & 0o777 == 0o600
    notes.clear()
    assert notes.lately("images") == {}


def test_a_line_of_progress_says_bytes_rate_and_time_left(capsys):
    now = 0.0
    with Lines(1000 * 1024, 10, lambda: now) as screen:
        now = 2.0
        screen.show(200 * 1024, 2)
    first, _ = capsys.readouterr().err.splitlines()
    assert first == "2/10 files, 200.0 KiB of 1000.0 KiB, 100.0 KiB/s, 8 s left"


def gone(local, remote, *, prefix="", force=False, only=None):
    place = Place("images", prefix)
    there = {name: Remote(f"id-{name}", "0" * 64, 1, "png", None) for name in remote}
    return {change.public_id for change in deletes(place, local, there, only or Filter(), force=force)}


def test_what_may_lie_in_a_folder_that_cannot_be_read_is_never_deleted():
    local = Scanned(taken={"p/a"}, unreadable=["deep/"])
    with pytest.raises(FolderUnsafe):
        gone(local, ["p/a", "p/b", "p/deep/c"], prefix="p/")
    assert gone(local, ["p/a", "p/b", "p/deep/c", "p/deeper"], prefix="p/", force=True) == {"p/b", "p/deeper"}
    nothing = Scanned(unreadable=[""])
    with pytest.raises(FolderUnsafe):
        gone(nothing, ["a"])
    assert gone(nothing, ["a", "b/c"], force=True) == set()


def test_a_file_that_cannot_be_taken_keeps_its_asset():
    local = Scanned()
    local.refuse("a.png", NotAnImage("no plain file"), "a")
    assert gone(local, ["a", "b"]) == {"b"}


def test_an_empty_folder_and_an_empty_bucket_are_alike():
    assert gone(Scanned(), []) == set()
    with pytest.raises(FolderUnsafe):
        gone(Scanned(), ["a"])
    assert gone(Scanned(), ["a"], force=True) == {"a"}


def test_an_asset_whose_file_would_be_left_out_stays():
    local = Scanned(taken={"z"})
    assert gone(local, ["raw/a", "a"], only=Filter.of([], ["raw/"])) == {"a"}
    assert gone(local, ["a"], only=Filter.of(["*.jpg"], [])) == set()
    assert gone(local, ["a"], only=Filter.of(["*.png"], [])) == {"a"}
