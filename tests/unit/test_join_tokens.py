"""Join tokens: who has one proves it without sending it, and only who has it can read the answer."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from atoll.cli.join_dry_run import would_join
from atoll.errors import Unauthorized
from atoll.ids import new_id, now_ms
from atoll.join_tokens import (
    JoinClaims,
    JoinGrant,
    claims_of,
    join_request,
    make_token,
    open_grant,
    read_request,
    seal_grant,
)
from atoll.signing import Keys

KEYS, OTHERS = Keys(b"k" * 32), Keys(b"o" * 32)
NOW = 1_800_000_000_000
CLAIMS = JoinClaims(new_id(), "eu-4", "eu", "s2", NOW + 60_000)
GRANT = JoinGrant("eu-4", "eu", "s2", 50.0, 8.0, "c2VjcmV0", "nats://n:4222", "atoll", "hidden")
MACHINE = new_id()


def test_a_token_is_proven_and_its_answer_opened():
    token = make_token(CLAIMS, KEYS)
    request = join_request(token, MACHINE)
    assert read_request(request, KEYS, NOW) == CLAIMS
    assert open_grant(seal_grant(GRANT, request, KEYS), token, MACHINE) == GRANT


def test_neither_the_token_nor_a_secret_travels():
    token = make_token(CLAIMS, KEYS)
    request = join_request(token, MACHINE)
    wire = msgspec.json.encode(request) + msgspec.json.encode(seal_grant(GRANT, request, KEYS))
    assert token.partition(".")[2].encode() not in wire
    assert b"hidden" not in wire
    assert GRANT.cluster_secret.encode() not in wire


def test_a_request_that_was_overheard_does_not_open_the_answer():
    token = make_token(CLAIMS, KEYS)
    request = join_request(token, MACHINE)
    answer = seal_grant(GRANT, request, KEYS)
    guessed = f"{request.claims}.{request.proof}"
    with pytest.raises(Unauthorized):
        open_grant(answer, guessed, MACHINE)
    with pytest.raises(Unauthorized):
        open_grant(answer, token, new_id())


@pytest.mark.parametrize("field", ["claims", "installation", "proof"])
def test_a_changed_request_is_refused(field):
    request = join_request(make_token(CLAIMS, KEYS), MACHINE)
    said = getattr(request, field)
    changed = msgspec.structs.replace(request, **{field: said[:-1] + ("y" if said[-1] == "z" else "z")})
    with pytest.raises(Unauthorized):
        read_request(changed, KEYS, NOW)


def test_another_clusters_token_is_refused():
    with pytest.raises(Unauthorized):
        read_request(join_request(make_token(CLAIMS, OTHERS), MACHINE), KEYS, NOW)


def test_a_token_expires():
    request = join_request(make_token(CLAIMS, KEYS), MACHINE)
    assert read_request(request, KEYS, CLAIMS.expires_at - 1) == CLAIMS
    with pytest.raises(Unauthorized):
        read_request(request, KEYS, CLAIMS.expires_at)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "." + "x" * 43, "é." + "x" * 43, "a" * 1001 + "." + "x" * 43]
)
def test_what_is_no_token_is_said_so(text):
    with pytest.raises(Unauthorized):
        join_request(text, MACHINE)
    with pytest.raises(Unauthorized):
        claims_of(text)


@pytest.mark.parametrize("text", ["a" * 40, "e30"])  # no base64url of JSON; JSON without claims
def test_what_looks_like_a_token_and_says_nothing_is_none(text):
    with pytest.raises(Unauthorized):
        claims_of(f"{text}." + "x" * 43)


def test_a_dry_run_of_joining_says_what_would_be_written_and_writes_nothing(tmp_path, capsys):
    good = make_token(replace(CLAIMS, expires_at=now_ms() + 3_700_000), KEYS)
    assert would_join(good, tmp_path / "node", as_json=False) == 0
    said = capsys.readouterr()
    assert said.out == "would join\teu-4\tset s2, region eu\n"
    assert f"would write {tmp_path / 'node' / 'storage_node.toml'}" in said.err
    assert "good for 1h more" in said.err
    assert list(tmp_path.iterdir()) == []
    old = make_token(replace(CLAIMS, expires_at=1), KEYS)
    assert would_join(old, tmp_path / "node", as_json=True) == 1
