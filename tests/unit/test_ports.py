"""How a local cluster chooses its ports."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from atoll.local import port_claims
from atoll.local.engine_errors import EngineError
from atoll.local.port_claims import PortClaims
from atoll.local.ports import any_free_port, choose_ports, free_ports, port_is_free


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "ports.json"


def choose(file, wanted, *, seed=1, occupied=()):
    rng = random.Random(seed)
    with PortClaims() as claims:
        return choose_ports(file, wanted, claims, rng=rng, is_free=lambda port: port not in occupied)


def test_a_wanted_port_is_taken_when_it_is_free(file):
    assert choose(file, {"nats": 4222, "valkey": 6379}) == {"nats": 4222, "valkey": 6379}


def test_an_occupied_port_is_replaced_by_one_outside_the_kernels_own_range(file):
    port = choose(file, {"nats": 4222}, occupied={4222})["nats"]
    assert 20_000 <= port < 32_768


def test_the_next_start_gets_the_same_ports_whatever_it_wants(file):
    first = choose(file, {"nats": None, "valkey": None}, seed=1)
    assert choose(file, {"nats": 4222, "valkey": None}, seed=2) == first


def test_a_remembered_port_that_is_occupied_now_is_replaced_and_the_new_one_remembered(file):
    old = choose(file, {"nats": None})["nats"]
    new = choose(file, {"nats": None}, seed=2, occupied={old})["nats"]
    assert new != old
    assert choose(file, {"nats": None}, seed=3)["nats"] == new


def test_two_that_want_the_same_port_get_different_ones(file):
    ports = choose(file, {"a": 4222, "b": 4222})
    assert 4222 in ports.values()
    assert len(set(ports.values())) == 2


def test_a_port_remembered_for_another_name_is_left_to_it(file):
    choose(file, {"nats": 4222})
    assert choose(file, {"valkey": 4222})["valkey"] != 4222
    assert choose(file, {"nats": None})["nats"] == 4222


@pytest.mark.parametrize(
    "damage", ["", "[]", "{", '{"nats": "x"}', '{"nats": 70000}', '{"nats": true}', "\x00"]
)
def test_a_damaged_file_is_as_good_as_none(file, damage):
    file.parent.mkdir()
    file.write_text(damage)
    assert choose(file, {"nats": 4222}) == {"nats": 4222}
    assert json.loads(file.read_text()) == {"nats": 4222}


def test_a_machine_without_a_free_port_is_told_so(file):
    with pytest.raises(EngineError, match="no free port"), PortClaims() as claims:
        choose_ports(file, {"nats": None}, claims, rng=random.Random(1), is_free=lambda _: False)


def test_a_port_with_a_listener_is_not_free_and_is_free_again_afterwards():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


def test_clusters_that_start_at_once_and_want_the_same_port_get_different_ones(tmp_path):
    with PortClaims() as one, PortClaims() as other:
        first = choose_ports(tmp_path / "a.json", {"nats": 4222}, one, rng=random.Random(1))
        second = choose_ports(tmp_path / "b.json", {"nats": 4222}, other, rng=random.Random(1))
        assert first != second
        assert choose_ports(tmp_path / "a.json", {"nats": None}, one, rng=random.Random(2)) == first


def test_a_claim_ends_with_its_owner():
    port = any_free_port() + 40_000  # nobody's
    with PortClaims() as one, PortClaims() as other:
        assert one.claim(port)
        assert one.claim(port)
        assert not other.claim(port)
    with PortClaims() as later:
        assert later.claim(port)


def test_a_port_claimed_in_another_process_is_not_chosen_and_can_be_had_when_that_is_killed():
    program = (
        "import sys\n"
        "from atoll.local.ports import any_free_port\n"
        "print(any_free_port(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", program]
    with (
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        PortClaims() as claims,
    ):
        port = int(process.stdout.readline())
        assert not claims.claim(port)
        process.kill()
        process.wait()
        assert claims.claim(port)


def test_ports_chosen_one_by_one_are_all_different():
    ports = [any_free_port() for _ in range(300)] + free_ports(300)
    assert len(set(ports)) == len(ports)


def test_claims_hold_within_the_process_when_their_file_is_somebody_elses(tmp_path, monkeypatch):
    (tmp_path / f"atoll-ports-{os.getuid()}.lock").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(port_claims, "_file", port_claims._file.__wrapped__)
    with PortClaims() as one, PortClaims() as other:
        assert one.claim(70)
        assert not other.claim(70)
