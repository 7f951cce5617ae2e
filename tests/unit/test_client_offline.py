"""What a program signs by itself opens exactly what the cluster's own signatures open."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest

from atoll.access import SigningKey, UploadKey
from atoll.cli.__main__ import main
from atoll.client.offline import (
    KnownNode,
    choose_node,
    read_key,
    read_upload_key,
    sign_blob,
    sign_image,
    sign_upload,
)
from atoll.delivery_keys import delivery_key, ring_of
from atoll.errors import AtollError, BadName, BadRequest, BadTransformation, Unavailable
from atoll.ids import now_ms
from atoll.names import Handle
from atoll.signing import Keys
from atoll.transformation.signature import Claim, check_claim
from atoll.upload_keys import open_offline, upload_secret

KEYS = Keys(b"a secret of thirty-two bytes or more")
PARTNER = SigningKey("partner", "0" * 64)
KIOSK = UploadKey("kiosk", "1" * 64, ("photos",))
SIGNING = read_key(delivery_key(KEYS, PARTNER).written())
UPLOADING = read_upload_key(upload_secret(KEYS, KIOSK).written())
HANDLE = Handle("main", "a" * 64, "jpg")
NODES = [
    KnownNode(f"{r}-{n}", r, f"set-{n}", f"https://{r}-{n}.example") for r in ("eu", "us") for n in (1, 2, 3)
]


def opens(url: str, now_s: int, address: str = "203.0.113.9") -> bool:
    parts = urlsplit(url)
    claim = Claim.of(dict(parse_qsl(parts.query)))
    accepted = ring_of(KEYS, {"partner": PARTNER}).accepted
    try:
        check_claim(parts.path, claim, accepted, now_s, lambda: address)
    except AtollError:
        return False
    return True


@pytest.mark.parametrize("transformation", [None, "w_200", "h_20,w_10,c_fill", "t_thumb/f_webp"])
@pytest.mark.parametrize("net", [None, "203.0.113.7/24"])
def test_a_url_opens_until_it_expires_in_its_canonical_form(transformation, net):
    options = {"transformation": transformation, "net": net}
    for url in (
        sign_blob(SIGNING, "https://eu-1.example/", "secret", HANDLE, 1000, **options),
        sign_image(SIGNING, "https://api.example", "secret", "folder/ünïcode", 1000, **options),
    ):
        assert url.startswith(("https://eu-1.example/secret/", "https://api.example/i/secret/"))
        assert opens(url, 999)
        assert not opens(url, 1000)
        assert opens(url, 999, "198.51.100.1") == (net is None)


def test_what_cannot_be_asked_for_is_not_signed():
    with pytest.raises(BadTransformation):
        sign_blob(SIGNING, "https://eu-1.example", "secret", HANDLE, 1000, transformation="w_x")
    with pytest.raises(BadName):
        sign_image(SIGNING, "https://api.example", "secret", "../a", 1000)
    with pytest.raises(BadRequest):
        sign_blob(SIGNING, "https://eu-1.example", "secret", HANDLE, 1000, net="everywhere")


def test_a_ticket_names_a_node_and_opens_it():
    node = choose_node(NODES, "photos", "a/b", "us")
    assert node.region == "us"
    now = now_ms()
    upload = sign_upload(UPLOADING, node, "photos", now_ms=now, public_id="a/b", more={"max_bytes": 9})
    found = open_offline(upload.ticket, KEYS, {"kiosk": KIOSK}, now)
    assert (found.ticket.node, found.ticket.set, found.ticket.max_bytes) == (node.name, node.set, 9)
    assert upload.upload_url == f"{node.url}/v1/uploads?ticket={upload.ticket}"
    assert upload.ticket not in repr(upload)


def test_a_name_has_one_set_for_all_who_sign_and_others_are_spread():
    sets = {
        choose_node(nodes, "photos", "a/b", region).set
        for nodes in (NODES, NODES[::-1])
        for region in ("eu", None)
    }
    assert len(sets) == 1
    assert len({choose_node(NODES, "photos", f"a/{n}").set for n in range(60)}) == 3
    assert len({choose_node(NODES, "photos").set for _ in range(60)}) == 3
    with pytest.raises(Unavailable):
        choose_node([], "photos")


def test_signing_needs_nothing_of_the_server_and_opens_nothing():
    code = (
        "import sys, atoll.client.offline\n"
        "heavy = {'nats', 'motor', 'pymongo', 'redis', 'PIL', 'prometheus_client', 'uvloop', 'aiofiles'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def files(tmp_path):
    (tmp_path / "signing").write_text(SIGNING.written() + "\n")
    (tmp_path / "upload").write_text(UPLOADING.written() + "\n")
    nodes = '[{"name":"eu-1","region":"eu","set":"main","url":"https://eu-1.example"}]'
    (tmp_path / "nodes.json").write_text(nodes)
    return tmp_path


def test_the_command_signs_urls_with_no_cluster(files, capsys):
    base = ["url", "--offline", "--key-file", str(files / "signing")]
    node = [*base, "--base", "https://eu-1.example", "-t", "w_200", f"secret/{HANDLE}", "--expires", "10m"]
    assert main(node) == 0
    url = capsys.readouterr().out.strip()
    assert opens(url, now_ms() // 1000)
    assert not opens(url, now_ms() // 1000 + 601)
    assert main([*base, "--base", "https://api.example", "secret/a", "--net", "203.0.113.0/24"]) == 0
    assert "&net=203.0.113.0/24&" in capsys.readouterr().out
    for wrong in (
        [*base, "secret/a"],
        [*base, "--base", "x", "secret/a"],
        [*base[:2], "--base", "https://a", "b/a"],
    ):
        assert main(wrong) != 0
    assert main([*base[:3], str(files / "upload"), "--base", "https://api.example", "secret/a"]) != 0


def test_a_key_is_read_from_the_line_that_showed_it_and_from_nothing_that_is_unclear():
    for sep in ("\t", "  "):
        assert read_key(f"partner{sep}{SIGNING.written()}\n") == SIGNING
        assert read_upload_key(f"kiosk{sep}{UPLOADING.written()}\n") == UPLOADING
    for read, text in ((read_key, SIGNING.written()), (read_upload_key, UPLOADING.written())):
        for unclear in ("", "\n", f"{text}\n{text}", f"a b {text}", "a\tb"):
            with pytest.raises(ValueError, match="key is"):
                read(unclear)


def test_the_command_signs_tickets_with_no_cluster(files, capsys):
    args = ["ticket", "--offline", "--nodes", str(files / "nodes.json"), "--bucket", "photos", "--key-file"]
    assert main([*args, str(files / "upload"), "--session", "s1", "--public-id", "a/b"]) == 0
    token = capsys.readouterr().out.strip().partition("ticket=")[2]
    found = open_offline(token, KEYS, {"kiosk": KIOSK}, now_ms())
    assert (found.ticket.session, found.ticket.public_id) == ("s1", "a/b")
    for wrong in ([*args, str(files / "signing")], [*args, str(files / "none")], ["ticket", "--offline"]):
        assert main(wrong) != 0
