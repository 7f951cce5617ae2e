"""Derivatives for tests: files as a renderer leaves them, put into a store."""

from __future__ import annotations

from storage_node.derivative_store import Derivative, DerivativeKey, DerivativeStore
from storage_node.render_protocol import Rendered


def rendered(size: int, seconds: float = 0.1) -> Rendered:
    """What a worker says of a file of `size` bytes."""
    return Rendered("jpg", size, 30, 20, 1, False, seconds, seconds, 1)


def keep_derivative(
    store: DerivativeStore,
    key: DerivativeKey,
    body: bytes,
    seconds: float = 0.1,
    layers: tuple[str, ...] = (),
    seen_drops: int | None = None,
    own_layers: tuple[str, ...] = (),
) -> Derivative:
    """Rendered and handed to the store, which may have kept it or not."""
    staged = store.stage()
    staged.parent.mkdir(exist_ok=True)
    staged.write_bytes(body)
    seen = store.drops if seen_drops is None else seen_drops
    derivative, data = store.keep(key, staged, rendered(len(body), seconds), layers, seen, own_layers)
    assert data == body
    assert not staged.exists()
    return derivative
