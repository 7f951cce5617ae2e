"""The client's and the command's pure parts: references, files found, problems read, figures, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from atoll.cli.exit_codes import Exit, WrongUsage, code_of, code_of_many
from atoll.cli.output import printable, size
from atoll.cli.upload_screen import Lines, Tally
from atoll.client.connection import problem_error
from atoll.client.reference import parse_reference
from atoll.client.settings import ClientSettings
from atoll.client.source import content_type_of
from atoll.client.tree import find_files
from atoll.errors import (
    AtollError,
    BadName,
    BodyTimeout,
    NoSpace,
    NotAnImage,
    NotFound,
    Overloaded,
    Unavailable,
    UpstreamFailed,
)
from atoll.ids import named_asset_id, new_id
from atoll.settings import SettingsError, load

SHA = "ab" * 32


def test_a_reference_is_an_id_a_name_or_a_handle():
    asset_id = new_id()
    assert parse_reference(asset_id).item() == {"asset_id": asset_id}
    assert parse_reference("photos/a/b").item() == {"bucket": "photos", "public_id": "a/b"}
    assert parse_reference("a/b", "photos") == parse_reference("photos/a/b")
    handle = {"bucket": "photos", "handle": f"s1/{SHA}.jpg"}
    assert parse_reference(f"photos/s1/{SHA}.jpg").item() == handle
    assert parse_reference(f"/photos/s1/{SHA}.jpg").item() == handle
    assert parse_reference(f"http://node:1/photos/s1/{SHA}.jpg?exp=1&sig=2").item() == handle


@pytest.mark.parametrize(
    "text", ["", "x", "a/b", "photos/", "photos/../x", "photos//x", "PHOTOS/x", "\x00" * 26]
)
def test_what_means_no_image_is_refused(text):
    with pytest.raises(BadName):
        parse_reference(text)


def test_an_assets_id_follows_from_its_name_and_not_from_its_bytes():
    assert parse_reference("photos/a").asset() == named_asset_id("photos", "a")
    generated = new_id()
    assert parse_reference(f"photos/{generated}").asset() == generated
    with pytest.raises(BadName):
        parse_reference(f"photos/s1/{SHA}.jpg").asset()


def test_files_are_found_once_in_order_and_named_below_the_prefix(tmp_path):
    for name in ("b/z.jpg", "b/a.b.PNG", "a.webp", ".hidden.jpg", "b/.git/x.jpg", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_files([tmp_path, tmp_path / "b", tmp_path / "notes.md"], "in/")
    assert [(str(file.path.relative_to(tmp_path)), file.public_id) for file in found] == [
        ("a.webp", "in/a"),
        ("b/a.b.PNG", "in/b/a.b"),
        ("b/z.jpg", "in/b/z"),
        ("notes.md", "in/notes.md"),
    ]
    assert [file.public_id for file in find_files([tmp_path])] == [None] * 3
    (tmp_path / "a.jpg").touch()
    (tmp_path / "q%.jpg").touch()
    errors = [file.error.slug for file in find_files([tmp_path], "") if file.error]
    assert errors == ["conflict", "bad-name"]


def test_the_content_type_is_that_of_a_known_extension_only():
    assert content_type_of("x.JPG") == "image/jpeg"
    assert content_type_of("x.heif") == "image/heic"
    assert content_type_of("x.html") == content_type_of(None) == "application/octet-stream"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UpstreamFailed),
        (404, NotFound),
        (408, BodyTimeout),
        (429, Overloaded),
        (502, UpstreamFailed),
        (503, Unavailable),
        (504, Unavailable),
        (507, NoSpace),
        (500, AtollError),
        (418, AtollError),
    ],
)
def test_an_answer_that_is_no_problem_document_is_understood_by_its_status(status, kind):
    for body in (b"<html>Bad Gateway</html>", b"", b"[]", b'{"type":"about:blank","title":"x"}', b"\xff"):
        assert isinstance(problem_error(body, status), kind)


def test_a_problem_document_of_ours_wins_over_its_status():
    error = problem_error(b'{"type":"urn:atoll:problem:not-an-image","detail":"d","found":"pdf"}', 503)
    assert isinstance(error, NotAnImage)
    assert error.facts == {"found": "pdf"}


def test_exit_codes_follow_from_errors():
    assert code_of(SettingsError(["x"])) == code_of(WrongUsage("x")) == Exit.USAGE
    assert code_of(NotFound("x")) == Exit.NOT_FOUND
    assert code_of(NotAnImage("x")) == Exit.REFUSED
    assert code_of(Unavailable("x")) == code_of(AtollError("a bug")) == Exit.UNAVAILABLE


def test_many_items_give_1_unless_they_all_ended_alike():
    assert code_of_many([]) == code_of_many([None, None]) == Exit.OK
    assert code_of_many([None, NotFound("x")]) == Exit.SOME_FAILED
    assert code_of_many([NotFound("x"), NotAnImage("x")]) == Exit.SOME_FAILED
    assert code_of_many([NotFound("x"), NotFound("y")]) == Exit.NOT_FOUND


def test_nothing_printed_can_steer_a_terminal():
    assert printable("\x1b]0;x\x07 é\u202e\udcff\n") == "\\x1b]0;x\\x07 é\\u202e\\udcff\\n"


def test_sizes_are_for_people():
    assert [size(n) for n in (None, 0, 1023, 1536, 5 * 2**30, 3000 * 2**40)] == [
        "?",
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 GiB",
        "3000.0 TiB",
    ]


def test_a_retried_file_counts_once(capsys):
    now = [0.0]
    with Lines(300, 2, clock=lambda: now[0]) as screen:
        tally = Tally(screen)
        tally.sent(Path("a"), 100)
        tally.sent(Path("a"), 0)
        tally.sent(Path("a"), 50)
        tally.sent(Path("b"), 200)
        assert capsys.readouterr().err == ""  # not before a second has gone by
        now[0] = 1.5
        tally.sent(Path("a"), 100)
        tally.finished(Path("a"))
    assert capsys.readouterr().err.splitlines() == [
        "0/2 files, 300 B of 300 B, 200 B/s",
        "1/2 files, 300 B of 300 B, 200 B/s",
    ]


def test_settings_refuse_an_address_with_a_password():
    assert load(ClientSettings, None, {"ATOLL_URL": "https://a, http://b:8400"}).url == (
        "https://a",
        "http://b:8400",
    )
    for url in ("https://user:secret@a", "a", "https://a?x=1", "file:///etc"):
        with pytest.raises(SettingsError):
            load(ClientSettings, None, {"ATOLL_URL": url})


def test_half_a_position_is_a_mistake_and_not_ignored():
    with pytest.raises(SettingsError, match="lat and lon"):
        load(ClientSettings, None, {"ATOLL_LAT": "50.11"})
    assert load(ClientSettings, None, {"ATOLL_LAT": "50.11", "ATOLL_LON": "8.68"}).lon == 8.68


def test_the_client_needs_nothing_of_the_server_extra():
    code = """
import sys
import atoll
assert not any(name.startswith("aiohttp") for name in sys.modules), "import atoll is not cheap"
atoll.Client, atoll.AsyncClient
import atoll.cli.command, atoll.cli.upload, atoll.cli.status
heavy = {"nats", "motor", "pymongo", "redis", "PIL", "uvloop", "aiofiles", "prometheus_client", "maxminddb"}
loaded = heavy & {name.partition(".")[0] for name in sys.modules}
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
