"""Many kept connections to one node, so that some of them lead to each of its processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psutil
from node_fixture import BUCKET, DEADLINE, SET, Answer, NodeProcess, answer_of

from atoll.ids import now_ms
from atoll.node_api import DeleteOrder
from atoll.signing import internal_token

CROWD = 16  # all of them at one of two processes: once in 32,768 runs


class Crowd:
    """`ask` goes over each connection in turn; answers come in the order of the connections."""

    def __init__(self, node: NodeProcess) -> None:
        self._connections = [
            http.client.HTTPConnection("127.0.0.1", node.port, timeout=DEADLINE) for _ in range(CROWD)
        ]
        for connection in self._connections:
            connection.connect()

    def ask(self, method: str, target: str, body: Any = None, headers: Any = None) -> list[Answer]:
        return [self.one(n, method, target, body, headers) for n in range(CROWD)]

    def one(self, number: int, method: str, target: str, body: Any = None, headers: Any = None) -> Answer:
        connection = self._connections[number]
        connection.request(method, target, body, headers or {})
        return answer_of(connection.getresponse())

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@contextlib.contextmanager
def crowd_of(node: NodeProcess) -> Iterator[Crowd]:
    crowd = Crowd(node)
    try:
        yield crowd
    finally:
        crowd.close()


def address(asset: dict[str, Any]) -> str:
    """Where an uploaded picture is read."""
    return f"/{BUCKET}/{SET}/{asset['sha256']}.jpg"


def by_process(node: NodeProcess, sample: str) -> dict[str, float]:
    """A figure of /metrics by the process it is of: "home", "1", … ; `sample` with its other labels."""
    text = node.request("GET", "/metrics").json.decode()
    name, _, labels = sample.partition("{")
    wanted, found = set(filter(None, labels.strip("}").split(","))), dict[str, float]()
    for said, value in re.findall(rf"^{name}(?:{{([^}}]*)}})? (\S+)$", text, re.MULTILINE):
        given = set(filter(None, said.split(",")))
        worker = next((label for label in given if label.startswith("worker=")), None)
        if given - {worker} == wanted:
            found["home" if worker is None else worker[8:-1]] = float(value)
    return found


def workers_of(node: NodeProcess) -> list[psutil.Process]:
    """The worker processes that live."""
    assert node.process is not None
    children = psutil.Process(node.process.pid).children()
    return [child for child in children if "storage_node.workers" in " ".join(child.cmdline())]


def delete(node: NodeProcess, asset: dict[str, Any], ask: Callable[..., Answer] | None = None) -> None:
    """As a query service orders it, by `ask`; returns once the node confirms."""
    path = "/internal/v1/deletes"
    order = msgspec.json.encode(DeleteOrder(asset["asset_id"], BUCKET, asset["public_id"], SET))
    token = internal_token("test", node.name, "POST", path, node.keys, now_ms(), order)
    credentials = {"Authorization": f"Atoll {token}"}
    answer = (ask or node.request)("POST", path, order, credentials)
    assert answer.status == 200, answer


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)


def as_json(answer: Answer) -> Any:
    return answer.json if not isinstance(answer.json, bytes) else json.loads(answer.json)
