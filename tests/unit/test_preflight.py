"""`atoll preflight`: what it makes of what it sees, and each "not well" says what to do."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from atoll.cli.__main__ import main
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.preflight_disk import file_system, inodes, look_at_directory, space
from atoll.cli.preflight_engines import rights_in, skew
from atoll.cli.preflight_finding import Look, bad, in_order, verdict, well
from atoll.cli.preflight_host import clock, descriptors, kernel, memory, mount_of, python
from atoll.cli.preflight_settings import certificate, daemon_of, settings_files
from atoll.cli.preflight_sync import Timings, judge, probe

GIB = 2**30
MOUNTS = (
    "/dev/root / ext4 rw 0 0\n/dev/sdb /var/lib/atoll xfs rw,noatime 0 0\nnas:/x /mnt/a\\040b nfs4 rw 0 0\n"
)


@pytest.mark.parametrize(
    ("look", "level"),
    [
        (python((3, 10)), "failed"),
        (python((3, 12)), "ok"),
        (kernel("Linux", "4.15.0-1"), "failed"),
        (kernel("Linux", "6.1.0-13-amd64"), "ok"),
        (kernel("Darwin", "23.1"), "warning"),
        (clock(5), "warning"),
        (clock(None), "warning"),
        (clock(0), "ok"),
        (descriptors(512, 512), "failed"),
        (descriptors(1024, 524_288), "warning"),
        (descriptors(65_536, 65_536), "ok"),
        (descriptors(-1, -1), "ok"),
        (memory(GIB // 2), "failed"),
        (memory(3 * GIB // 2), "warning"),
        (memory(8 * GIB), "ok"),
        (space(GIB), "failed"),
        (space(10 * GIB), "warning"),
        (space(500 * GIB), "ok"),
        (inodes(5_000, 1_000_000), "failed"),
        (inodes(0, 0), "ok"),
        (file_system("d", "ext4", "rw,nobarrier"), "failed"),
        (file_system("d", "xfs", "ro"), "failed"),
        (file_system("d", "nfs4", "rw"), "failed"),
        (file_system("d", "overlay", "rw"), "warning"),
        (file_system("d", "xfs", "rw,noatime"), "ok"),
        (skew("Redis", 100.0, 103.0), "failed"),
        (skew("Redis", 100.0, 100.2), "ok"),
    ],
)
def test_each_finding_has_its_level_and_what_is_not_well_says_what_to_do(look, level):
    assert look.level == level
    assert bool(look.todo) == (level != "ok")
    assert look.found


@pytest.mark.parametrize(
    ("timings", "level", "said"),
    [
        (Timings(5e-6, 1e-5, None, 1e-5), "failed", "power cut"),
        (Timings(2e-4, 1e-3, 5e-3, 1e-4), "warning", "past the cache"),
        (Timings(9e-2, 3e-1, 9e-2, 1e-2), "warning", "SSD"),
        (Timings(8e-4, 4e-3, 9e-4, 1e-3), "ok", ""),
        (Timings(8e-4, 4e-3, None, 1e-3), "ok", ""),
    ],
)
def test_a_disk_that_answers_too_fast_to_be_true_is_told(timings, level, said):
    look = judge("disk sync", timings)
    assert look.level == level
    assert said in look.todo


def test_a_real_disk_is_tried_and_nothing_stays_behind(tmp_path):
    timings = probe(tmp_path)
    assert 0 < timings.sync <= timings.worst
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_looked_at_where_it_would_be(tmp_path):
    looks = list(look_at_directory(tmp_path / "a" / "b", holds_data=True))
    assert looks[0].level == "ok"
    assert "will be made in" in looks[0].found
    assert {"free space", "inodes", "disk sync"} <= {look.check for look in looks}


def test_the_mount_of_a_path_is_the_deepest_one():
    assert mount_of(Path("/var/lib/atoll/data"), MOUNTS) == ("/dev/sdb", "xfs", "rw,noatime")
    assert mount_of(Path("/var/lib"), MOUNTS)[1] == "ext4"
    assert mount_of(Path("/mnt/a b/c"), MOUNTS)[1] == "nfs4"
    assert mount_of(Path("/var/lib/atoll2"), MOUNTS)[1] == "ext4"


def test_the_worst_comes_first_and_decides():
    looks = [well("a", "x"), bad("b", "x", "do", fails=False), bad("c", "x", "do")]
    assert [look.check for look in in_order(looks)] == ["c", "b", "a"]
    assert (verdict(looks), verdict(looks[:2]), verdict([])) == ("failed", "warning", "ok")
    assert Look("a", "ok", "x") == looks[0]


def test_rights_are_those_on_the_whole_database():
    told = [
        {"resource": {"db": "atoll", "collection": ""}, "actions": ["find", "insert"]},
        {"resource": {"db": "atoll", "collection": "assets"}, "actions": ["remove"]},
        {"resource": {"db": "other", "collection": ""}, "actions": ["dropDatabase"]},
        {"resource": {"cluster": True}, "actions": ["shutdown"]},
    ]
    assert rights_in(told, "atoll") == {"find", "insert"}
    assert rights_in([], "atoll") is None


def test_a_certificate_that_ended_or_soon_ends_is_told(tmp_path):
    from nats_regions import write_certificates

    ca = Path(write_certificates(tmp_path)["TLS_CA"])
    now = datetime.now(UTC)
    assert certificate("ca", ca, now).level == "warning"
    assert certificate("ca", ca, now + timedelta(days=9)).level == "failed"
    assert certificate("ca", ca, now - timedelta(days=90)).level == "ok"
    (tmp_path / "none.pem").write_text("no certificate")
    assert certificate("ca", tmp_path / "none.pem", now).level == "failed"


def test_a_settings_file_is_known_by_its_name():
    assert daemon_of(Path("/etc/atoll/monitor.toml")) == "monitor"
    assert daemon_of(Path("eu-1.storage_node.toml")) == "storage_node"


def test_a_machine_that_was_just_written_is_looked_at_as_a_whole(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [
            "--region=eu",
            "--lat=1",
            "--lon=2",
            "--public-url=http://n.test",
            f"--to={tmp_path / 'etc'}",
        ]
        assert main(["init", "machine", *words, f"--data={tmp_path / 'data'}"]) == 0
        file = tmp_path / "etc" / "replicator.toml"
        text = file.read_text().replace("8430", str(taken.getsockname()[1]))
        file.write_text(text)
        (tmp_path / "etc" / "nats.password").chmod(0o644)
        capsys.readouterr()
        assert main(["preflight", str(file), "--no-engines", "--json"]) == 1
    told = {look["check"]: look for look in json.loads(capsys.readouterr().out)["looks"]}
    assert told["settings replicator.toml"]["level"] == "ok"
    assert told["nats_password_file"]["level"] == "failed"
    assert "another program" in next(
        look["found"] for check, look in told.items() if check.startswith("port")
    )


def test_a_machine_that_lacks_what_others_have_is_told_so(tmp_path, capsys):
    assert main(["init", "query", "--region=eu-central", f"--to={tmp_path}", f"--data={tmp_path}"]) == 0
    capsys.readouterr()
    assert main(["preflight", str(tmp_path / "query_service.toml"), "--json"]) == 1
    told = {look["check"]: look for look in json.loads(capsys.readouterr().out)["looks"]}
    assert {told[name]["level"] for name in ("cluster_secret_file", "nats_password_file", "NATS")} == {
        "failed"
    }
    assert "nats.password" in told["NATS"]["found"]


def test_of_a_directory_the_files_of_daemons_are_looked_at(tmp_path):
    for name in ("monitor.toml", "a.storage_node.toml", "api_keys.toml", "monitor.toml.old"):
        (tmp_path / name).touch()
    found = [path.name for path in settings_files([tmp_path, tmp_path / "x.toml"])]
    assert found == ["a.storage_node.toml", "monitor.toml", "x.toml"]
    (tmp_path / "none").mkdir()
    with pytest.raises(WrongUsage, match="no settings"):
        list(settings_files([tmp_path / "none"]))


def test_settings_that_the_daemon_refuses_are_told_in_its_words(tmp_path, capsys):
    (tmp_path / "monitor.toml").write_text("nonsense = 1\n")
    assert main(["preflight", str(tmp_path / "monitor.toml"), "--no-engines", "--json"]) == 1
    assert "nonsense" in capsys.readouterr().out
