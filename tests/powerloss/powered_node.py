"""A real storage node whose data directory lies on the disk that loses power; and what a test asks of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from lossy_disk import LossyDisk
from node_fixture import Answer, NodeProcess, until

from atoll.ids import now_ms
from atoll.model import AssetRecord
from atoll.node_api import AssetState
from atoll.signing import internal_token

_LAX = str(Path(__file__).with_name("lax_node.py"))


class Unanswered(Exception):
    """The node went away before it answered: what it was asked for may have happened or not."""


@dataclass
class PoweredNode(NodeProcess):
    """`disk`: where its data lies; everything else it needs lies beside, safe. `forgets`: see lax_node.py."""

    disk: LossyDisk = field(kw_only=True)
    forgets: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forgets:
            self.program = (_LAX, self.forgets)
        self.settings = {**self.settings, "data_dir": str(self.data)}

    @property
    def data(self) -> Path:
        return self.disk.mount / "data"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start_or_die(self) -> bool:
        """Start it; False when the power went before it served."""
        self.launch()
        return self.wait_until_up()

    def wait_until_up(self) -> bool:
        """Return when it serves (True) or was killed (False)."""
        return bool(
            until(lambda: (not self.is_up and "dead") or self._answers(), lambda: self.log[-4000:]) is True
        )

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/health").status == 200
        return False

    def lose_power(self, chance: int = 0) -> str:
        """Cut now, unless an armed cut has come; the disk is mounted again. When it came."""
        when = self.disk.cut(self.pid, chance)
        self.wait()
        self.disk.mount_again()
        return when


def asked(node: NodeProcess, method: str, path: str, order: msgspec.Struct | None = None) -> Answer:
    """One internal request; `Unanswered` when the node dies over it."""
    body = b"" if order is None else msgspec.json.encode(order)
    token = internal_token("test", node.name, method, path, node.keys, now_ms(), body)
    headers = {"Authorization": f"Atoll {token}", "Content-Type": "application/json"}
    with unanswered():
        return node.request(method, path, body or None, headers)


@contextlib.contextmanager
def unanswered() -> Any:
    """What a connection says when the other end is killed."""
    try:
        yield
    except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
        raise Unanswered from error


def state_of(node: NodeProcess, asset_id: str) -> AssetState:
    """All the node knows of an asset."""
    answer = asked(node, "GET", f"/internal/v1/assets/{asset_id}")
    assert answer.status == 200, answer
    return msgspec.convert(answer.json, AssetState)


def bytes_of(node: NodeProcess, record: AssetRecord) -> bytes | None:
    """The node's own copy of a record's bytes, as it gives it to peers; None when it has none."""
    blob = record.blob
    answer = asked(node, "GET", f"/internal/v1/blobs/{blob.bucket}/{blob.sha256}.{blob.ext}")
    if answer.status == 404:
        return None
    assert answer.status == 200, answer
    return bytes(answer.json)


def share_secret(node: NodeProcess, other: NodeProcess) -> None:
    """Make `other` one of `node`'s cluster; before it starts."""
    (other.directory / "cluster-secret").write_text((node.directory / "cluster-secret").read_text())
    other.keys = node.keys


def own_files(node: PoweredNode, folder: str) -> dict[str, Path]:
    """The files below a folder of the data directory, by name."""
    return {name: Path(where) / name for where, _, names in os.walk(node.data / folder) for name in names}
