"""The `atoll` command's verbs: what they print, what they do, and their exit codes."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from client_clusters import ClusterUnderTest, describe, picture
from PIL import Image
from standin_cluster import StandinCluster, answering, carry_out_and_hang_up, flip_a_byte

from atoll.cli.__main__ import main
from atoll.cli.command import USER_VERBS

NEAREST = "eu-central-1"
DEADLINE = 30.0
ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """A command's end. `lines` are standard output's, parsed when --json was given."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


Atoll = Callable[..., Ran]


@pytest.fixture
def atoll(cluster: ClusterUnderTest, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Atoll:
    """Runs `atoll VERB …` on the cluster."""

    def run(verb: str, *arguments: object) -> Ran:
        capsys.readouterr()
        journal = (
            ["--resume", str(tmp_path / "journal")]
            if verb == "upload" and "--resume" not in arguments
            else []
        )
        code = main([verb, *map(str, arguments), *journal, "--cluster", str(cluster.directory)])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def described(standin: StandinCluster, tmp_path: Path) -> Path:
    """The stand-in's directory."""
    return describe(standin, tmp_path).directory


@pytest.fixture
def broken(described: Path, capsys: pytest.CaptureFixture[str]) -> Atoll:
    """Runs `atoll VERB …` on the stand-in, which the test breaks."""

    def run(verb: str, *arguments: object) -> Ran:
        capsys.readouterr()
        code = main([verb, *map(str, arguments), "--cluster", str(described)])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three pictures, one of them deeper down."""
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "b.png", "deep/c.png"):
        (folder / name).write_bytes(picture())
    return folder


def test_a_picture_goes_up_and_comes_back(atoll, cluster, folder, images, tmp_path):
    name = f"{cluster.bucket}/{folder}one"
    up = atoll(
        "upload", images / "a.png", "--public-id", folder + "one", "--bucket", cluster.bucket, "--wait", "all"
    )
    assert up.code == 0, up.err
    asset_id, url, regions, path = up.out.strip().split("\t")
    assert (regions, path) == ("ap-southeast,eu-central,us-east", str(images / "a.png"))
    assert url.startswith("http://127.0.0.1:")
    assert atoll("get", asset_id, "-o", tmp_path / "copy.png").code == 0
    assert (tmp_path / "copy.png").read_bytes() == (images / "a.png").read_bytes()
    assert (
        atoll("url", name, "--region", "us-east").out.strip()
        == atoll("url", asset_id, "--lat", 40, "--lon", -75).out.strip()
    )
    assert len(atoll("url", asset_id, "--all").out.splitlines()) == 3
    assert asset_id in atoll("ls", "--bucket", cluster.bucket, "--prefix", folder).out
    assert atoll("locations", name).out.count("held") == 3
    assert atoll("rm", name).code == 0
    deadline = time.monotonic() + DEADLINE
    while atoll("url", asset_id).code != 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_verb_answers_in_json(atoll, cluster, folder, images, tmp_path):
    up = atoll(
        "upload", images, "--prefix", folder, "--bucket", cluster.bucket, "--wait", "regions:3", "--json"
    )
    assert up.code == 0, up.err
    assert {line["status"] for line in up.lines} == {"uploaded"}
    assert {line["asset"]["public_id"] for line in up.lines} == {
        folder + name for name in ("a", "b", "deep/c")
    }
    assert all(len(line["regions"]) == 3 for line in up.lines)
    asset_id = up.lines[0]["asset_id"]
    assert atoll("url", asset_id, "--json").json["sha256"] == up.lines[0]["asset"]["sha256"]
    got = atoll("get", asset_id, "-o", tmp_path / "x", "--json").json
    assert got["sha256"] == hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest()
    listed = atoll("ls", "--bucket", cluster.bucket, "--prefix", folder, "--json").lines
    assert [line["public_id"] for line in listed] == [folder + name for name in ("a", "b", "deep/c")]
    assert len(atoll("ls", "--bucket", cluster.bucket, "--prefix", folder, "--limit", 2, "--json").lines) == 2
    assert len(atoll("locations", asset_id, "--json").json["locations"]) == 3
    assert cluster.bucket in {bucket["name"] for bucket in atoll("buckets", "--json").json["buckets"]}
    status = atoll("status", "--json")
    assert len(status.json["nodes"]) == 3
    assert len(status.json["query_services"]) == 2
    assert (status.code == 0) == status.json["healthy"], status.json["problems"]
    gone = atoll("rm", asset_id, "0" * 26, "--json")
    assert [line["status"] for line in gone.lines] == ["deleted", "failed"]
    assert gone.lines[1]["problem"]["status"] == 404
    assert gone.code == 1


def test_the_same_upload_again_skips_what_is_there(atoll, cluster, folder, images):
    command = ("upload", images, "--prefix", folder, "--bucket", cluster.bucket, "--json")
    first, second = atoll(*command), atoll(*command)
    assert (first.code, second.code) == (0, 0)
    assert {line["status"] for line in second.lines} == {"skipped"}
    assert {line["asset_id"] for line in first.lines} == {line["asset_id"] for line in second.lines}
    (images / "a.png").write_bytes(picture())
    third = atoll(*command)
    assert sorted(line["status"] for line in third.lines) == ["skipped", "skipped", "uploaded"]


def test_a_bucket_is_made(atoll, folder):
    name = "c-" + folder.strip("/")
    assert atoll("buckets", "--create", name, "--private").out.split() == [name, "private"]
    assert name in atoll("buckets").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("url", "0" * 26), 3),
        (("get", "photos/no/such/name", "-o", "x.png"), 3),
        (("ls", "--bucket", "no-such-bucket"), 3),
        (("locations", "0" * 26), 3),
        (("rm", "0" * 26), 3),
        (("url", "not an image"), 4),
        (("ls", "--bucket", "UPPER"), 4),
        (("url",), 2),
        (("url", "0" * 26, "--lat", "1"), 2),
        (("upload", "x.png", "--wait", "soon"), 2),
        (("upload", "missing.png"), 2),
        (("get", "0" * 26, "--json"), 2),
        (("buckets", "--private"), 2),
        (("frobnicate",), 2),
        (("ls", "--limit", "0"), 2),
        (("upload", "x.png", "--parallel", "65"), 2),
        (("upload", "x.png", "--wait", "all", "--wait-seconds", "nan"), 2),
        (("upload", ""), 2),
        (("sync", "", "photos", "--delete"), 2),
        (("export", "photos", ""), 2),
        (("import", "", "photos"), 2),
        (("import", "no-such-folder", "photos"), 2),
        (("get", "0" * 26, "-o", ""), 2),
        ((), 2),
        (("--help",), 0),
        (("upload", "--help"), 0),
        (("--version",), 0),
    ],
)
def test_exit_codes(described, capsys, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    options = ["--cluster", str(described)] if arguments and arguments[0] in USER_VERBS else []
    assert main([*arguments, *options]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_is_code_5(standin, broken, monkeypatch, images):
    monkeypatch.setenv("ATOLL_PATIENCE_SECONDS", "0.1")
    for name in ("query-1", "query-2"):
        standin.down(name)
    for verb in (("ls", "--bucket", "photos"), ("status",), ("url", "0" * 26), ("rm", "0" * 26)):
        ran = broken(*verb)
        assert ran.code == 5
        assert "status" in ran.err
    failed = broken("upload", images, "--bucket", "photos", "--json")
    assert failed.code == 5
    assert [line["problem"]["status"] for line in failed.lines] == [503] * 3
    for name in ("query-1", "query-2"):
        standin.up(name)
    assert {line["status"] for line in broken("upload", images, "--json").lines} == {"uploaded"}


def test_status_says_what_is_not_healthy_with_code_1(standin, broken):
    assert broken("status").code == 0
    standin.down("query-2")
    ran = broken("status", "--json")
    assert ran.code == 1
    assert standin.url("query-2") in ran.json["problems"][0]
    assert "eu-central-1" in broken("status").out
    standin.up("query-2")


def test_an_error_names_title_detail_facts_and_what_to_do(standin, broken):
    standin.faults["query-1"].append(
        answering(
            403,
            json.dumps(
                {
                    "type": "urn:atoll:problem:forbidden",
                    "title": "No",
                    "detail": "It lacks the scope.\x1b[2J",
                    "scope": "admin",
                }
            ).encode(),
        )
    )
    ran = broken("ls", "--bucket", "photos", "--json")
    assert ran.code == 4
    assert "These credentials do not allow this" in ran.err
    assert "It lacks the scope." in ran.err
    assert "scope: admin" in ran.err
    assert "→" in ran.err
    assert "\x1b" not in ran.err
    assert ran.json["problem"]["status"] == 403


def test_what_failed_is_tried_again_and_nothing_else(standin, broken, images):
    standin.faults[NEAREST].append(answering(422, b'{"type":"urn:atoll:problem:undecodable","detail":"bad"}'))
    first = broken("upload", images, "--parallel", 1, "--json")
    assert first.code == 1
    assert sorted(line["status"] for line in first.lines) == ["failed", "uploaded", "uploaded"]
    before = standin.state.tickets_issued
    second = broken("upload", images, "--json")
    assert second.code == 0
    assert sorted(line["status"] for line in second.lines) == ["skipped", "skipped", "uploaded"]
    assert len(standin.state.assets) == 3
    # the ticket that the first run left behind is used again
    assert standin.state.tickets_issued == before


def test_a_run_killed_before_it_noted_the_upload_makes_no_second_asset(standin, broken, described, images):
    path = images / "a.png"
    assert broken("upload", path).code == 0
    journal = described / "uploads.journal"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    ticket, done = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(ticket + done[: len(done) // 2])  # killed while it wrote
    assert broken("upload", path).code == 0
    assert len(standin.state.assets) == 1
    assert [line["status"] for line in broken("upload", path, "--json").lines] == ["skipped"]


def test_a_left_behind_ticket_that_has_expired_is_asked_about_first(standin, broken, described, images):
    standin.state.ticket_ms = 10_000
    path = images / "a.png"
    assert broken("upload", path).code == 0
    journal = described / "uploads.journal"
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    standin.faults[NEAREST].append(
        answering(401, b'{"type":"urn:atoll:problem:ticket-expired","detail":"late"}')
    )
    assert broken("upload", path).code == 0
    assert len(standin.state.assets) == 1


def test_what_was_deleted_since_is_uploaded_again(standin, broken, described, images):
    path = images / "a.png"
    (first,) = broken("upload", path, "--json").lines
    standin.state.assets.clear()
    journal = described / "uploads.journal"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    for entry in entries:
        entry["at_ms"] -= 3_600_000  # long enough ago that the catalog must know it
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (second,) = broken("upload", path, "--json").lines
    assert second["status"] == "uploaded"
    assert second["asset_id"] != first["asset_id"]


def test_what_was_deleted_with_the_same_command_a_moment_ago_is_uploaded_again(standin, broken, images):
    path = images / "a.png"
    (first,) = broken("upload", path, "--json").lines
    assert broken("rm", first["asset_id"], "0" * 26).code == 1
    (second,) = broken("upload", path, "--json").lines
    assert (second["status"], len(standin.state.assets)) == ("uploaded", 1)
    assert [line["status"] for line in broken("upload", path, "--json").lines] == ["skipped"]


def test_people_are_told_to_repeat_what_may_pass_only(standin, broken, images):
    again = "Run the same command again"
    standin.faults[NEAREST].append(answering(422, b'{"type":"urn:atoll:problem:undecodable","detail":"bad"}'))
    assert again not in broken("upload", images / "a.png").err
    assert again not in broken("upload", images / "there-is-none.png").err
    standin.state.replicates = False
    late = broken("upload", images / "b.png", "--wait", "regions:2", "--wait-seconds", 0.1)
    assert again in late.err


def test_a_touched_file_with_the_same_bytes_is_skipped(standin, broken, images):
    path = images / "a.png"
    assert broken("upload", path).code == 0
    os.utime(path, (1, 1))
    assert [line["status"] for line in broken("upload", path, "--json").lines] == ["skipped"]


def test_a_file_that_shrinks_while_it_is_sent_is_a_local_file_and_may_be_tried_again(
    standin, broken, tmp_path
):
    path = tmp_path / "written to.png"
    whole = picture(size=(800, 800))
    path.write_bytes(whole)

    async def shrink(request, handler):
        path.write_bytes(whole[:1000])
        return await handler(request)

    standin.faults[NEAREST].append(shrink)
    ran = broken("upload", path)
    assert (ran.code, "changed while it was read" in ran.err) == (2, True)
    assert "Run the same command again" in ran.err
    path.write_bytes(whole)
    assert broken("upload", path).code == 0


def test_again_uploads_what_the_journal_says_is_there(standin, broken, images):
    path = images / "a.png"
    assert broken("upload", path).code == 0
    assert [line["status"] for line in broken("upload", path, "--again", "--json").lines] == ["uploaded"]
    assert len(standin.state.assets) == 2


def test_not_enough_regions_in_time_is_code_5_and_the_upload_stays(standin, broken, images):
    standin.state.replicates = False
    ran = broken("upload", images / "a.png", "--wait", "regions:2", "--wait-seconds", 0.1, "--json")
    assert ran.code == 5
    (line,) = ran.lines
    assert (line["status"], line["regions"]) == ("uploaded", ["eu-central"])
    assert line["problem"]["type"].endswith("not-replicated-yet")
    standin.state.replicate()
    ran = broken("upload", images / "a.png", "--wait", "regions:3", "--json")
    assert (ran.code, ran.lines[0]["status"], len(ran.lines[0]["regions"])) == (0, "skipped", 3)


def test_a_file_name_that_is_no_text_does_no_harm(standin, broken, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.png"))
    path.write_bytes(picture())
    ran = broken("upload", path, "--json")
    assert ran.code == 0
    assert ran.lines[0]["asset"]["filename"] is None
    assert "\x1b" not in broken("upload", path).out


def test_wrong_bytes_are_neither_written_nor_piped(standin, broken, images, tmp_path):
    (line,) = broken("upload", images / "a.png", "--json").lines
    for node in standin.state.nodes:
        standin.faults[node].extend([flip_a_byte] * 20)
    assert broken("get", line["asset_id"], "-o", tmp_path / "x.png").code == 5
    assert not (tmp_path / "x.png").exists()
    ran = broken("get", line["asset_id"])
    assert (ran.code, ran.out) == (5, "")


def test_a_buckets_policy_is_changed_in_parts(standin, broken):
    made = broken("bucket", "set", "shop", "--transformation", "thumb=c_fill,w_20")
    assert (made.code, "--public or --private" in made.err) == (2, True)
    made = broken("bucket", "set", "shop", "--public", "--transformation", "thumb=c_fill,w_20,h_20")
    assert (made.code, "transformation thumb" in made.out) == (0, True)
    more = [
        "--unsigned",
        "--eager",
        "t_thumb",
        "--rendering",
        "max_side=900",
        "--transformation",
        "big=w_800",
    ]
    changed = broken("bucket", "set", "shop", *more)
    assert changed.out.splitlines() == [
        "transformation big\t- -> w_800",
        "eager\tnone -> t_thumb",
        "unsigned_transformations\tno -> yes",
        "rendering max_side\tdefault -> 900",
    ]
    fewer = broken(
        "bucket", "set", "shop", "--no-transformation", "big", "--signed", "--private", "--json"
    ).json
    assert (fewer["transformations"], fewer["visibility"]) == ({"thumb": "c_fill,w_20,h_20"}, "private")
    assert (fewer["eager"], fewer["unsigned_transformations"]) == (["t_thumb"], False)
    assert broken("buckets", "--create", "shop").code == 0
    shown = broken("bucket", "show", "shop", "--json").json
    assert {name: shown[name] for name in fewer} == fewer | {"visibility": "public"}
    ruled = broken(
        "bucket", "set", "shop", "--quota-bytes", "2G", "--expire", "30,prefix=tmp/", "--json"
    ).json
    assert ruled["quota"] == {"bytes": 2 * 2**30, "assets": None}
    assert ruled["lifecycle"] == [{"expire_days": 30, "prefix": "tmp/", "tag": None}]
    unruled = broken(
        "bucket", "set", "shop", "--quota-bytes", "default", "--no-expire", "30,prefix=tmp/", "--json"
    )
    assert (unruled.json["quota"]["bytes"], unruled.json["lifecycle"]) == (None, [])
    assert "no such" in broken("bucket", "set", "shop", "--no-expire", "9").err
    assert "t_thumb" in broken("bucket", "show", "shop").out
    again = broken("bucket", "set", "shop", "--public")
    assert (again.code, again.out, "nothing to change" in again.err) == (0, "", True)
    assert broken("bucket", "show", "nobody").code == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("--transformation", "thumb"),
        ("--no-transformation", "thumb"),
        ("--no-eager", "w_1"),
        ("--rendering", "max_sides=1"),
        ("--rendering", "max_side=big"),
        ("--max-bytes", "many"),
    ],
)
def test_a_wrong_change_of_a_bucket_says_how_it_is_written(standin, broken, arguments):
    ran = broken("bucket", "set", "photos", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.strip()


def test_a_url_and_a_file_of_what_a_transformation_makes(standin, broken, images, tmp_path):
    up = broken("upload", images / "a.png", "--public-id", "one", "--eager", "w_20", "--json").lines[0]
    url = broken("url", "photos/one", "-t", "w_020")
    assert "/photos/w_20/" in url.out
    got = broken("get", up["asset_id"], "-t", "w_20", "-o", tmp_path / "small.png", "--json").json
    assert got["transformation"] == "w_20"
    with Image.open(tmp_path / "small.png") as small:
        assert small.size == (20, 20)
    wrong = broken("url", "photos/one", "-t", "w_x")
    assert (wrong.code, "w_x" in wrong.err) == (4, True)


def test_which_bucket_must_be_said_when_there_are_several(standin, broken, images):
    assert broken("ls").code == 0
    assert broken("buckets", "--create", "second").code == 0
    ran = broken("ls")
    assert ran.code == 2
    assert "photos, second" in ran.err


def test_two_files_of_one_public_id_are_not_put_over_each_other(standin, broken, images):
    (images / "a.jpg").write_bytes(picture(kind="JPEG"))
    ran = broken("upload", images, "--prefix", "p/", "--json")
    assert ran.code == 1
    assert [line["problem"]["status"] for line in ran.lines if line["status"] == "failed"] == [409]


def test_a_lost_answer_is_repeated_without_anybody_noticing(standin, broken, images):
    standin.faults[NEAREST].append(carry_out_and_hang_up)
    assert broken("upload", images / "a.png").code == 0
    assert len(standin.state.assets) == 1


def test_settings_from_variables_find_the_cluster(standin, described, capsys, monkeypatch):
    monkeypatch.setenv("ATOLL_URL", ",".join(standin.query_urls))
    monkeypatch.setenv("ATOLL_API_KEY_FILE", str(described / "admin.key"))
    monkeypatch.setenv("ATOLL_STATE_DIR", str(described / "state"))
    assert main(["ls", "--bucket", "photos"]) == 0
    (described / "admin.key").chmod(0o644)
    assert main(["ls", "--bucket", "photos"]) == 2
    assert "chmod 600" in capsys.readouterr().err
    monkeypatch.setenv("ATOLL_URL", "ftp://nowhere")
    assert main(["ls", "--bucket", "photos"]) == 2


def test_no_cluster_at_all_says_how_to_get_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["ls"]) == 2
    assert "atoll up" in capsys.readouterr().err
    assert main(["ls", "--cluster", "nowhere"]) == 2


def test_without_the_local_extra_up_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    for name in [name for name in sys.modules if name.startswith(("atoll.local", "atoll.lifecycle"))]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["up"]) == 2
    assert "pip install 'atoll[local]'" in capsys.readouterr().err


def test_an_image_takes_the_place_of_no_folder_pipe_or_device(broken, images, tmp_path):
    (line,) = broken("upload", images / "a.png", "--json").lines
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "images"):
        ran = broken("get", line["asset_id"], "-o", tmp_path / name)
        assert (ran.code, "is no plain file" in ran.err) == (2, True), name
        assert broken("report", "--out", tmp_path / name).code == 2, name
        assert broken("ticket", "--save-nodes", tmp_path / name).code == 2, name
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "link.png").symlink_to("copy.png")
    assert broken("get", line["asset_id"], "-o", tmp_path / "link.png").code == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "copy.png").read_bytes() == (images / "a.png").read_bytes()


def test_a_pipe_among_the_files_of_a_folder_is_told_and_holds_up_nothing(broken, images):
    os.mkfifo(images / "pipe.png")
    ran = broken("upload", images)
    assert (ran.code, "pipe.png: is no plain file" in ran.err, len(ran.out.splitlines())) == (1, True, 3)


def test_another_image_through_the_same_pipe_is_another_upload(broken, images, tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for content in (picture(), picture()):
        writer = threading.Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        (line,) = broken("upload", pipe, "--json").lines
        writer.join(DEADLINE)
        assert line["status"] == "uploaded", line
        assert line["asset"]["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("named", [True, False], ids=["by name", "as standard input"])
def test_ctrl_c_ends_a_wait_for_what_comes_through_a_pipe(described, tmp_path, named):
    os.mkfifo(tmp_path / "pipe")
    writing = os.open(tmp_path / "pipe", os.O_RDWR)
    argument, stdin = (str(tmp_path / "pipe"), None) if named else ("-", writing)
    os.write(writing, b"the beginning")
    with _start(described, "upload", argument, "--bucket", "photos", stdin=stdin) as process:
        _until_read(writing)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    os.close(writing)
    assert process.returncode == 130
    assert err.endswith(b"Stopped.\n")


def _until_read(pipe: int) -> None:
    """Return once nothing is left in the pipe."""
    end = time.monotonic() + DEADLINE
    while any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))):
        assert time.monotonic() < end
        time.sleep(0.01)


def _start(
    described: Path, *arguments: str, stdin: int | None = None, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "atoll.cli", *arguments, "--cluster", str(described)]
    return subprocess.Popen(argv, cwd=ROOT, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)


def test_ctrl_c_ends_with_130_and_no_traceback_and_the_next_run_goes_on(standin, described, broken, images):
    arrived, let_go = threading.Event(), threading.Event()

    async def hang(request, handler):
        arrived.set()
        await asyncio.to_thread(let_go.wait, DEADLINE)
        return await handler(request)

    standin.faults[NEAREST].append(hang)
    with _start(described, "upload", str(images)) as process:
        assert arrived.wait(DEADLINE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    let_go.set()
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"Stopped." in err
    assert broken("upload", images).code == 0
    assert len(standin.state.assets) == 3


def test_a_reader_that_goes_away_is_no_error_message(standin, described, broken, images):
    assert broken("upload", images).code == 0
    with _start(described, "ls") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(DEADLINE) == 141
    assert err == b""


@pytest.mark.parametrize("arguments", [("ls",), ("ls", "--json"), ("get",)])
def test_a_standard_output_that_is_full_is_told_in_words(standin, described, broken, images, arguments):
    (line,) = broken("upload", images / "a.png", "--json").lines
    whole = (*arguments, line["asset_id"]) if arguments == ("get",) else arguments
    with open("/dev/full", "wb") as full, _start(described, *whole, stdout=full.fileno()) as process:
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert b"standard output: No space left on device" in err
    assert b"Traceback" not in err
    assert b"Exception" not in err


def test_closed_streams_and_a_terminal_of_few_letters_end_no_command(described, broken, images):
    path = images / "k\u00e4fer.png"
    path.write_bytes(picture())
    assert broken("upload", path, "--prefix", "").code == 0
    run = [sys.executable, "-m", "atoll.cli", "ls", "--cluster", str(described)]
    few = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(run, cwd=ROOT, env=few, capture_output=True, timeout=DEADLINE, check=False)
    assert (ran.returncode, b"k\\xe4fer" in ran.stdout) == (0, True), ran.stderr
    closed = shlex.join(run) + " <&- >&-"
    ran = subprocess.run(
        ["/bin/sh", "-c", closed], cwd=ROOT, capture_output=True, timeout=DEADLINE, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_ctrl_c_while_the_command_is_still_being_read_shows_no_traceback(described):
    slow = "import sys, signal; from atoll.cli import __main__ as m; " + (
        "sys.meta_path.insert(0, type('Stop', (), {'find_spec': staticmethod("
        "lambda name, *_: signal.raise_signal(signal.SIGINT) if name == 'aiohttp' else None)})); "
        "sys.exit(m.main(['ls']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", slow], cwd=ROOT, capture_output=True, timeout=DEADLINE, check=False
    )
    assert (ran.returncode, ran.stderr) == (130, b"Stopped.\n")


def test_bytes_go_to_a_pipe_as_they_are(standin, described, broken, images):
    (line,) = broken("upload", images / "a.png", "--json").lines
    with _start(described, "get", line["asset_id"]) as process:
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert out == (images / "a.png").read_bytes()
