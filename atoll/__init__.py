"""Atoll: a self-hosted mini-CDN for images.

What all daemons must agree on lives here (words, wire types, signatures, placement), beside the client
and the ``atoll`` command. Pure modules do no I/O: tests/unit/test_import_floors.py names them.
``atoll.Client`` and ``atoll.AsyncClient`` are imported when first named, so that importing any module of
the package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atoll.version import __version__

if TYPE_CHECKING:
    from atoll.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in {"AsyncClient", "Client"}:
        raise AttributeError(f"module 'atoll' has no attribute {name!r}")
    from atoll import client

    return getattr(client, name)
