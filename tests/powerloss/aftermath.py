"""What must be true after every cut, whatever it interrupted."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deeds import Delete
from node_fixture import until
from powered_node import PoweredNode, bytes_of, own_files, state_of
from register import Register


class Lost(AssertionError):
    """Something acknowledged is not as it was acknowledged."""


class HalfWritten(AssertionError):
    """Something can be seen that was never whole."""


def check_disk(node: PoweredNode) -> None:
    """Before the node starts: right bytes under every hash, for whoever serves the files as they lie."""
    for folder in ("blobs", "trash"):
        for path in own_files(node, folder).values():
            _check_name(path)


def check_leftovers(node: PoweredNode) -> None:
    """After the start: nothing half-written is left, and nothing had to be quarantined."""
    for folder in ("incoming", "quarantine"):
        if left := own_files(node, folder):
            raise HalfWritten(f"{folder}/ holds {sorted(left)}")


def _check_name(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != path.stem:
        raise HalfWritten(f"{path} holds {path.stat().st_size} bytes that hash to {found}")


def check_acknowledged(node: PoweredNode, register: Register) -> None:
    """Every acknowledged asset reads back, every deleted one is gone, what is in doubt is whole or not."""
    for asset_id, body in register.certain():
        records = state_of(node, asset_id).records
        if not records:
            raise Lost(f"asset {asset_id} was acknowledged and has no record")
        if bytes_of(node, records[0]) != body:
            raise Lost(f"asset {asset_id} was acknowledged and its bytes are not there")
    for asset_id in register.deleted.keys() - register.doubts.keys():
        state = state_of(node, asset_id)
        if state.records or state.tombstone is None:
            raise Lost(f"asset {asset_id} was deleted and is back: {state}")
    for asset_id, deed in register.doubts.items():
        body = register.live[asset_id] if isinstance(deed, Delete) else deed.body
        for record in state_of(node, asset_id).records:
            if (found := bytes_of(node, record)) != body:
                held = "none" if found is None else f"{len(found)} others"
                raise HalfWritten(f"asset {asset_id} has a record, and of its bytes {held}: {deed}, {record}")


def check_files(node: PoweredNode, register: Register) -> None:
    """Without doubts left: exactly the blobs of living assets lie in blobs/."""
    wanted = {hashlib.sha256(body).hexdigest() for _, body in register.certain()}

    def found() -> set[str]:
        return {Path(name).stem for name in own_files(node, "blobs")}

    until(lambda: found() == wanted, lambda: f"missing: {wanted - found()}, left over: {found() - wanted}")
