"""The synchronous client has what the asynchronous one has, with the same arguments."""

from __future__ import annotations

import inspect

import pytest

from atoll import AsyncClient, Client

ASYNC_ONLY = {"upload_files"}  # its results come as they are ready: an async iterator
MEMBERS = ("jobs", "webhooks", "keys", "upload_keys", "operations")


def methods(kind: type) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(made) for name, made in found if not name.startswith("_")}


def arguments(signature: inspect.Signature) -> list[tuple[str, object, object]]:
    """Name, kind and default of each; of a default that is a function, only that it is one."""
    parameters = list(signature.parameters.values())[1:]
    return [
        (p.name, p.kind, "…" if callable(p.default) and p.default is not p.empty else p.default)
        for p in parameters
    ]


@pytest.fixture
def pair():
    clients = AsyncClient("http://127.0.0.1:1", "k"), Client("http://127.0.0.1:1", "k")
    yield clients
    clients[1].close()


def test_every_call_of_the_asynchronous_client_is_there_with_the_same_arguments(pair):
    ours, theirs = methods(Client), methods(AsyncClient)
    assert set(theirs) - ASYNC_ONLY <= set(ours)
    for name in set(theirs) - ASYNC_ONLY - {"close"}:
        assert arguments(ours[name]) == arguments(theirs[name]), name


@pytest.mark.parametrize("member", MEMBERS)
def test_so_is_every_call_of_its_members(pair, member):
    theirs, ours = (methods(type(getattr(client, member))) for client in pair)
    assert set(theirs) - set(ours) <= {"watch"}
    for name in ours:
        assert arguments(ours[name]) == arguments(theirs[name]), name
