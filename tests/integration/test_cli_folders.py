"""`atoll sync`, `import` and `export` on a cluster: the stand-in, and the real one."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from client_clusters import ClusterUnderTest, describe, picture
from how_long import much
from PIL import Image
from standin_cluster import StandinCluster, answering

from atoll.cli.__main__ import main

NEAREST = "eu-central-1"
DEADLINE = 60.0
KILLED_AFTER = much(150, 300)  # files that were told of
ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """A command's end; with --json its lines, the last of which is the summary."""

    code: int
    out: str
    err: str

    @property
    def changes(self) -> list[dict]:
        return [line for line in map(json.loads, self.out.splitlines()) if "summary" not in line]

    @property
    def summary(self) -> dict:
        return json.loads(self.out.splitlines()[-1])["summary"]

    def names(self, step: str, status: str = "done") -> set[str]:
        return {c["public_id"] for c in self.changes if (c["step"], c["status"]) == (step, status)}


Atoll = Callable[..., Ran]


def runner(directory: Path, capsys: pytest.CaptureFixture[str]) -> Atoll:
    def run(verb: str, *arguments: object) -> Ran:
        capsys.readouterr()
        code = main([verb, *map(str, arguments), "--json", "--cluster", str(directory)])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def atoll(cluster: ClusterUnderTest, capsys: pytest.CaptureFixture[str]) -> Atoll:
    """Runs `atoll VERB … --json` on either cluster."""
    return runner(cluster.directory, capsys)


@pytest.fixture
def target(cluster: ClusterUnderTest, folder: str) -> str:
    """A folder of the bucket that no other test uses."""
    return f"{cluster.bucket}/{folder.removesuffix('/')}"


@pytest.fixture
def described(standin: StandinCluster, tmp_path: Path) -> Path:
    """The stand-in's directory."""
    return describe(standin, tmp_path).directory


@pytest.fixture
def broken(described: Path, capsys: pytest.CaptureFixture[str]) -> Atoll:
    """Runs `atoll VERB … --json` on the stand-in, which the test breaks."""
    return runner(described, capsys)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures in three folders, one with a name of many kinds of letters."""
    top = tmp_path / "photos"
    for name in ("a.png", "deep/b.PNG", "deep/er/c.jpeg", "two words/ü 🐟.png"):
        file = top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(kind="JPEG" if name.endswith("jpeg") else "PNG"))
    (top / "notes.txt").write_text("no picture")
    (top / ".hidden.png").write_bytes(b"no picture either")
    return top


NAMES = {"a", "deep/b", "deep/er/c", "two words/ü 🐟"}


def digests(top: Path) -> dict[str, str]:
    """Path and SHA-256 of every picture below."""
    files = [
        p
        for p in top.rglob("*")
        if p.is_file() and not p.name.startswith(".") and p.suffix[1:] not in {"txt", "jsonl"}
    ]
    return {str(p.relative_to(top)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_only_what_changed_is_uploaded(atoll, target, folder, photos):
    first = atoll("sync", photos, target)
    assert first.code == 0, first.err
    assert first.names("upload") == {folder + name for name in NAMES}
    assert first.summary["ignored"] == 1
    again = atoll("sync", photos, target)
    assert (again.code, again.changes, again.summary["unchanged"]) == (0, [], 4)
    (photos / "a.png").write_bytes(picture())
    os.utime(photos / "deep/b.PNG")
    (photos / "new.png").write_bytes(picture())
    third = atoll("sync", photos, target)
    assert third.names("replace") == {folder + "a"}
    assert third.names("upload") == {folder + "new"}
    assert third.summary["unchanged"] == 3


def test_a_dry_run_says_what_a_run_then_does_and_does_nothing(atoll, target, folder, photos):
    assert atoll("sync", photos, target).code == 0
    (photos / "a.png").unlink()
    (photos / "deep/b.PNG").write_bytes(picture())
    (photos / "new.png").write_bytes(picture())
    dry = atoll("sync", photos, target, "--delete", "--dry-run")
    assert dry.code == 0
    assert dry.summary["dry_run"]
    done = atoll("sync", photos, target, "--delete")
    for step, name in (("upload", "new"), ("replace", "deep/b"), ("delete", "a")):
        assert dry.names(step, "planned") == done.names(step) == {folder + name}
    assert f"to be deleted: {folder}a" in done.err
    assert atoll("sync", photos, target, "--delete").changes == []


def test_nothing_is_deleted_unless_asked_for_and_never_beside_the_prefix(
    atoll, cluster, target, folder, photos
):
    beside = folder.removesuffix("/") + "-beside"
    assert (
        atoll(
            "upload",
            photos / "a.png",
            "--public-id",
            beside,
            "--bucket",
            cluster.bucket,
            "--resume",
            photos.parent / "j",
        ).code
        == 0
    )
    assert atoll("sync", photos, target).code == 0
    shutil.rmtree(photos / "deep")
    assert atoll("sync", photos, target).changes == []
    assert atoll("sync", photos, target, "--delete").names("delete") == {
        folder + "deep/b",
        folder + "deep/er/c",
    }
    assert atoll("url", f"{cluster.bucket}/{beside}").code == 0


def test_a_bucket_comes_home_and_goes_into_another_folder_with_equal_hashes(
    atoll, cluster, target, folder, photos, tmp_path
):
    assert atoll("sync", photos, target, "--tag", "holiday").code == 0
    home = tmp_path / "home"
    out = atoll("export", target, home)
    assert (out.code, out.summary["download"]) == (0, 4), out.err
    assert sorted(digests(home).values()) == sorted(digests(photos).values())
    assert atoll("export", target, home).summary["unchanged"] == 4
    lines = [json.loads(line) for line in (home / "manifest.jsonl").read_text().splitlines()]
    assert {line["path"]: line["sha256"] for line in lines} == digests(home)
    assert all(line["tags"] == ["holiday"] and line["version"] and "context" in line for line in lines)
    second = f"{cluster.bucket}/{folder}again"
    back = atoll("import", home / "manifest.jsonl", second)
    assert back.names("upload") == {f"{folder}again/{name}" for name in NAMES}
    assert atoll("import", home, second).summary["unchanged"] == 4
    third = tmp_path / "third"
    assert atoll("export", second, third).code == 0
    assert digests(third) == digests(home)
    tags = [json.loads(line)["tags"] for line in (third / "manifest.jsonl").read_text().splitlines()]
    assert tags == [["holiday"]] * 4
    assert not (home / ".atoll-export").exists()


def test_what_cannot_be_named_is_told_one_by_one_and_the_rest_goes_up(broken, standin, photos):
    hostile = [
        b"con\x07trol.png",
        b"100%.png",
        b"no\xfftext.png",
        b" edge /x.png",
        b"a\xe2\x80\xaeb.png",
        b"q?.png",
    ]
    for name in hostile:
        file = Path(os.fsdecode(os.path.join(os.fsencode(photos), name)))
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(picture())
    os.mkfifo(photos / "pipe.png")
    (photos / "dangling.png").symlink_to("nowhere")
    (photos / "a.jpg").write_bytes(picture(kind="JPEG"))  # has the name of a.png
    ran = broken("sync", photos, f"{standin.bucket}/x")
    assert ran.code == 1
    assert ran.summary["upload"] == 4
    assert ran.summary["failed"] == len(hostile) + 3
    assert all(line["problem"]["title"] for line in ran.changes if line["status"] == "failed")
    assert ran.err.isprintable() or all(c.isprintable() or c == "\n" for c in ran.err)
    assert {r.public_id for r in standin.state.assets.values()} == {
        f"x/{name}" for name in (NAMES - {"a"}) | {"a"}
    }


def test_a_folder_with_nothing_but_bad_names_has_their_code(broken, standin, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/50%.png").write_bytes(picture())
    assert broken("sync", tmp_path / "bad", standin.bucket).code == 4
    assert broken("sync", tmp_path / "nothing here", standin.bucket).code == 2


def test_people_get_lines_and_a_table_and_no_control_characters(broken, standin, described, photos, capsys):
    def said(*arguments):
        code = main(["sync", str(photos), f"{standin.bucket}/x", *arguments, "--cluster", str(described)])
        return code, *capsys.readouterr()

    (photos / "bell\x07.png").write_bytes(picture())
    code, out, err = said("--dry-run")
    assert code == 1
    assert out.splitlines()[0] == "step\tpublic_id\tpath\tsize"
    assert "upload\tx/deep/b\tdeep/b.PNG\t" in out
    assert "4 to upload, 1 cannot be done, 1 ignored" in err
    assert not standin.state.assets
    code, out, err = said()
    assert sorted(line.split("\t")[:2] for line in out.splitlines()) == [
        ["uploaded", f"x/{name}"] for name in sorted(NAMES)
    ]
    assert "bell\\x07.png: A name is outside its grammar" in err
    assert "\x07" not in out + err
    assert "4/4 files" in err


def test_a_mistyped_folder_is_not_there_and_no_listing(broken, standin, tmp_path):
    ran = broken("import", tmp_path / "fotos", "photos")
    assert (ran.code, "No such file" in ran.err, "--root" in ran.err) == (2, True, False)


def test_an_empty_folder_deletes_nothing_unless_forced(broken, standin, photos):
    assert broken("sync", photos, f"{standin.bucket}/x").code == 0
    shutil.rmtree(photos)
    photos.mkdir()
    refused = broken("sync", photos, f"{standin.bucket}/x", "--delete")
    assert refused.code == 2
    assert "Deleting is refused" in refused.err
    assert len(standin.state.assets) == 4
    assert len(broken("sync", photos, f"{standin.bucket}/x", "--delete", "--force").names("delete")) == 4
    assert not standin.state.assets


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_keeps_what_is_below_it(broken, standin, photos):
    assert broken("sync", photos, f"{standin.bucket}/x").code == 0
    (photos / "a.png").unlink()
    (photos / "deep").chmod(0)
    try:
        assert broken("sync", photos, f"{standin.bucket}/x", "--delete").code == 2
        assert len(standin.state.assets) == 4
        forced = broken("sync", photos, f"{standin.bucket}/x", "--delete", "--force")
    finally:
        (photos / "deep").chmod(0o755)
    assert forced.names("delete") == {"x/a"}
    assert forced.code == 1


def test_what_patterns_leave_out_is_neither_uploaded_nor_deleted(broken, standin, photos):
    assert broken("sync", photos, standin.bucket, "--exclude", "deep/").names("upload") == {
        "a",
        "two words/ü 🐟",
    }
    assert broken("sync", photos, standin.bucket).summary["upload"] == 2
    shutil.rmtree(photos / "deep")
    assert broken("sync", photos, standin.bucket, "--delete", "--exclude", "deep").changes == []
    assert broken("sync", photos, standin.bucket, "--delete", "--include", "*.jpeg").names("delete") == {
        "deep/er/c"
    }
    assert broken("sync", photos, standin.bucket, "--delete").names("delete") == {"deep/b"}


def test_a_file_that_is_written_to_while_it_is_uploaded_ends_as_it_is_on_the_disk(broken, standin, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    last = [picture(size=(300, 300))]
    (top / "moving.png").write_bytes(picture(size=(300, 300)))

    async def write_meanwhile(request, handler):
        answer = await handler(request)
        (top / "moving.png").write_bytes(last[0])
        return answer

    standin.faults[NEAREST].append(write_meanwhile)
    ran = broken("sync", top, standin.bucket)
    assert ran.code == 0, ran.err
    (stored,) = standin.state.assets.values()
    assert stored.blob.sha256 == hashlib.sha256(last[0]).hexdigest()
    assert broken("sync", top, standin.bucket).changes == []


def test_a_file_that_is_always_written_to_is_told_and_is_right_next_time(broken, standin, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    (top / "moving.png").write_bytes(picture())

    async def write_meanwhile(request, handler):
        answer = await handler(request)
        (top / "moving.png").write_bytes(picture())
        return answer

    standin.faults[NEAREST].extend([write_meanwhile] * 3)
    ran = broken("sync", top, standin.bucket)
    assert ran.code == 2
    assert "changes while it is read" in ran.err
    assert broken("sync", top, standin.bucket).code == 0
    (stored,) = standin.state.assets.values()
    assert stored.blob.sha256 == hashlib.sha256((top / "moving.png").read_bytes()).hexdigest()


def test_a_key_that_is_no_longer_valid_ends_the_run_early(broken, standin, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    for number in range(100):
        (top / f"{number}.png").write_bytes(picture())
    problem = json.dumps({"type": "urn:atoll:problem:forbidden", "title": "no", "status": 403}).encode()

    async def refuse_uploads(request, handler):
        standin.faults["query-1"].append(refuse_uploads)
        if request.path == "/v1/uploads":
            return await answering(403, problem)(request, handler)
        return await handler(request)

    standin.faults["query-1"].append(refuse_uploads)
    ran = broken("sync", top, standin.bucket)
    assert ran.code == 4
    asked = [line for line in standin.requests["query-1"] if line == "POST /v1/uploads"]
    assert 20 <= len(asked) < 40


def test_files_that_did_not_change_are_not_read_again(broken, standin, described, photos):
    for file in photos.rglob("*.*"):
        if file.is_file():
            os.utime(file, (1_600_000_000, 1_600_000_000))
    assert broken("sync", photos, standin.bucket).code == 0
    with_cache = described / "hashes.db"
    assert with_cache.stat().st_mode & 0o777 == 0o600
    with_cache.write_bytes(b"damaged" * 1000)
    assert broken("sync", photos, standin.bucket).summary["unchanged"] == 4
    assert broken("sync", photos, standin.bucket).summary["unchanged"] == 4


def inventory(path: Path, rows: list[tuple]) -> Path:
    """As S3 writes it: quoted, keys as in URLs, no heading; compressed if the name says so."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


@pytest.mark.parametrize("name", ["list.csv", "list.csv.gz"])
def test_an_s3_inventory_is_checked_file_by_file_and_what_is_not_there_is_told(
    atoll, target, folder, photos, tmp_path, name
):
    def row(key: str, **other: object) -> tuple:
        body = (photos / key).read_bytes()
        facts = {"size": len(body), "etag": hashlib.md5(body).hexdigest()} | other
        return "their-bucket", quote(key), facts["size"], facts["etag"]

    listing = inventory(
        tmp_path / name,
        [
            row("a.png"),
            row("deep/b.PNG", size=7),
            row("deep/er/c.jpeg", etag="0" * 32),
            row("two words/ü 🐟.png", etag="0" * 32 + "-3"),  # of a multipart upload: no MD5
            ("their-bucket", "missing.png", "5", ""),
            ("their-bucket", "../outside.png", "5", ""),
            ("their-bucket", "deep/", "0", ""),
            row("notes.txt"),
        ],
    )
    ran = atoll("import", listing, target, "--root", photos)
    assert ran.code == 1
    assert ran.names("upload") == {folder + "a", folder + "two words/ü 🐟"}
    failed = {
        line["path"]: line["problem"]["type"].rpartition(":")[2]
        for line in ran.changes
        if line["status"] == "failed"
    }
    assert failed == {
        "deep/b.PNG": "file-differs",
        "deep/er/c.jpeg": "file-differs",
        "missing.png": "file-missing",
        "../outside.png": "bad-name",
    }
    again = atoll("import", listing, target, "--root", photos, "--no-md5")
    assert again.names("upload") == {folder + "deep/er/c"}
    assert again.summary["unchanged"] == 2


def test_a_plain_list_of_keys_and_a_csv_with_a_heading_are_listings_too(broken, standin, photos, tmp_path):
    (tmp_path / "keys").write_text("a.png\ndeep/b.PNG\n")
    assert broken("import", tmp_path / "keys", standin.bucket, "--root", photos).summary["upload"] == 2
    heading = [
        ("Key", "VersionId", "IsLatest", "Size"),
        ("deep/er/c.jpeg", "1", "true", (photos / "deep/er/c.jpeg").stat().st_size),
        ("a.png", "0", "false", "1"),
    ]
    listing = inventory(tmp_path / "l.csv", heading)
    ran = broken("import", listing, standin.bucket, "--root", photos)
    assert ran.names("upload") == {"deep/er/c"}
    assert broken("import", listing, standin.bucket).code == 2  # where are the files?
    (tmp_path / "bad.csv").write_text('"their","a.png","many"\n')
    assert broken("import", tmp_path / "bad.csv", standin.bucket, "--root", photos).code == 4


def test_an_export_leaves_no_folder_and_tells_names_apart_on_every_disk(broken, standin, tmp_path):
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    names = [
        "Cat",
        "cat",
        "dog",
        "dog.png/inside",
        "linked/x",
        "é",
        "k" * 253,
        "manifest.jsonl",
        ".atoll-export/y",
    ]
    for name in names:
        (top / "one.png").write_bytes(picture())
        assert broken("upload", top / "one.png", "--public-id", name, "--again").code == 0
    home = tmp_path / "home"
    home.mkdir()
    (home / "linked").symlink_to(outside)
    (home / "dog.png").symlink_to(outside / "dog.png")
    ran = broken("export", standin.bucket, home)
    assert ran.code == 1
    assert [line["public_id"] for line in ran.changes if line["status"] == "failed"] == ["linked/x"]
    assert list(outside.iterdir()) == []
    lines = [json.loads(line) for line in (home / "manifest.jsonl").read_text().splitlines()]
    assert {line["public_id"] for line in lines} == set(names) - {"linked/x"}
    assert len({line["path"].casefold() for line in lines}) == len(lines)
    for line in lines:
        assert hashlib.sha256((home / line["path"]).read_bytes()).hexdigest() == line["sha256"]
    second = tmp_path / "second"
    (home / "linked").unlink()
    assert broken("export", standin.bucket, home).summary["download"] == 1
    assert broken("import", home / "manifest.jsonl", f"{standin.bucket}/z").code == 0
    assert broken("export", f"{standin.bucket}/z", second).code == 0
    assert digests(second) == digests(home)


def test_an_export_takes_no_wrong_byte_and_the_manifest_says_only_what_is_there(
    broken, standin, photos, tmp_path
):
    assert broken("sync", photos, standin.bucket).code == 0
    home = tmp_path / "home"
    for node in standin.nodes_http:
        standin.down(node)
    assert broken("export", standin.bucket, home).code == 5
    assert (home / "manifest.jsonl").read_bytes() == b""
    assert digests(home) == {}


def test_ctrl_c_ends_a_sync_with_130_and_the_next_goes_on(broken, standin, described, photos):
    arrived, let_go = threading.Event(), threading.Event()

    async def hang(request, handler):
        arrived.set()
        await asyncio.to_thread(let_go.wait, DEADLINE)
        return await handler(request)

    standin.faults[NEAREST].append(hang)
    argv = [sys.executable, "-m", "atoll.cli", "sync", photos, standin.bucket, "--cluster", described]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert arrived.wait(DEADLINE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    let_go.set()
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"The same command goes on from here." in err
    assert broken("sync", photos, standin.bucket).code == 0
    assert len(standin.state.assets) == 4


def start(directory: Path, *arguments: object) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "atoll.cli", *map(str, arguments), "--json", "--cluster", str(directory)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def kill_after(process: subprocess.Popen[bytes], lines: int) -> int:
    """SIGKILL it once it has told of so many files; how many it told of in all."""
    assert process.stdout is not None
    told = 0
    for _ in process.stdout:
        told += 1
        if told == lines:
            process.send_signal(signal.SIGKILL)
    process.stdout.close()
    assert process.wait(DEADLINE) == -signal.SIGKILL
    return told


@pytest.mark.probe
def test_many_files_go_up_and_come_home_though_killed_in_the_middle(
    running_cluster, capsys, tmp_path, folder
):
    atoll, target = runner(running_cluster.directory, capsys), f"{running_cluster.bucket}/{folder}"
    # The smaller number is still far more than what is under way at once, before the kill and after it.
    top, home, count = tmp_path / "top", tmp_path / "home", much(600, 2000)
    for number in range(count):
        file = top / f"{number % 20}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(size=(8, 8)))
    with start(running_cluster.directory, "sync", top, target) as process:
        uploaded = kill_after(process, KILLED_AFTER)
    assert uploaded < count
    second = atoll("sync", top, target)
    assert second.code == 0, second.err
    # What was acknowledged is not uploaded again, but for what the catalog had not heard of at the kill.
    assert second.summary["upload"] + second.summary["replace"] <= count - uploaded + 64
    assert atoll("sync", top, target, "--delete").summary["unchanged"] == count
    with start(running_cluster.directory, "export", target, home) as process:
        kill_after(process, KILLED_AFTER)
    assert set(digests(home).items()) <= set(digests(top).items()), "a file is there whole or not at all"
    again = atoll("export", target, home)
    assert again.code == 0, again.err
    assert again.summary["unchanged"] >= KILLED_AFTER
    assert digests(home) == digests(top)


@pytest.mark.probe
def test_a_private_bucket_comes_home_too(running_cluster, capsys, photos, tmp_path, folder):
    atoll, bucket = runner(running_cluster.directory, capsys), folder.removesuffix("/")
    assert atoll("buckets", "--create", bucket, "--private").code == 0
    assert atoll("sync", photos, bucket).code == 0
    assert atoll("export", bucket, tmp_path / "home").summary["download"] == 4
    assert sorted(digests(tmp_path / "home").values()) == sorted(digests(photos).values())
    assert atoll("sync", tmp_path / "home", bucket, "--delete", "--dry-run").changes == []


@pytest.mark.probe
def test_a_bucket_that_strips_has_nothing_new_the_second_time(running_cluster, capsys, tmp_path, folder):
    atoll, bucket, top = runner(running_cluster.directory, capsys), folder.removesuffix("/"), tmp_path / "top"
    top.mkdir()
    exif = Image.Exif()
    exif[0x010E] = "52.5200N 13.4050E"
    for name in ("a", "b"):
        Image.open(io.BytesIO(picture(kind="JPEG"))).save(top / f"{name}.jpg", exif=exif)
    (top / "bare.jpg").write_bytes(picture(kind="JPEG"))
    assert atoll("bucket", "create", bucket, "--public", "--metadata", "strip").code == 0
    assert atoll("sync", top, bucket).summary["upload"] == 3
    again = atoll("sync", top, bucket, "--delete")
    assert (again.changes, again.summary["unchanged"]) == ([], 3)
    (top / "a.jpg").write_bytes(picture(kind="JPEG"))
    assert atoll("sync", top, bucket, "--delete").names("replace") == {"a"}
    home = tmp_path / "home"
    assert atoll("export", bucket, home).summary["download"] == 3
    assert all(b"13.4050E" not in file.read_bytes() for file in home.iterdir())
    assert digests(home)["bare.jpg"] == digests(top)["bare.jpg"]
    assert digests(home)["b.jpg"] != digests(top)["b.jpg"]
