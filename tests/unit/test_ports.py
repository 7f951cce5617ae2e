"""How a local cluster chooses its ports."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from pathlib import Path

import pytest

from atoll.local.engine_errors import EngineError
from atoll.local.ports import choose_ports, choosing_alone, port_is_free


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "ports.json"


def choose(file, wanted, *, seed=1, occupied=()):
    return choose_ports(file, wanted, rng=random.Random(seed), is_free=lambda port: port not in occupied)


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
    with pytest.raises(EngineError, match="no free port"):
        choose_ports(file, {"nats": None}, rng=random.Random(1), is_free=lambda _: False)


def test_a_port_with_a_listener_is_not_free_and_is_free_again_afterwards():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


async def test_clusters_that_start_at_once_choose_one_after_the_other_and_no_one_waits_for_ever():
    steps = []

    async def start(name):
        async with choosing_alone():
            steps.append(name)
            await asyncio.sleep(0)
            steps.append(name)

    await asyncio.gather(*map(start, "abc"))
    assert steps[::2] == steps[1::2]
    async with choosing_alone(), choosing_alone(wait_seconds=0.1):
        steps.append("while another hangs")
    assert steps[-1] == "while another hangs"
