"""What goes on beside the requests for derivatives on the disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from derivative_maker import keep_derivative
from hand_clock import HandClock
from prometheus_client import CollectorRegistry

from storage_node.derivative_store import BadDerivative, DerivativeKey, DerivativeStore
from storage_node.derivative_upkeep import DerivativeTroubles, DerivativeUpkeep
from storage_node.disk_probe import TrustedDisk

SHA, OWN_LAYER, FOREIGN_LAYER = "ab" * 32, "cd" * 32, "ef" * 32
KEY = DerivativeKey("pictures", SHA, "w_9.jpg")
DAY = 86_400


class Stage:
    """A store and its upkeep; `lacking` bytes are below the reserve, and `used` blobs have assets."""

    def __init__(self, root) -> None:
        self.clock, self.lacking, self.used = HandClock(), 0, {SHA, OWN_LAYER}
        self.store = DerivativeStore(root, 1 << 20)
        self.threads = ThreadPoolExecutor(1)
        self.upkeep = DerivativeUpkeep(
            self.store,
            lambda bucket, sha256: sha256 in self.used,
            lambda: self.lacking,
            TrustedDisk(),
            self.threads,
            self.clock.monotonic,
        )


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.threads.shutdown()
    made.store.close()


def test_what_was_asked_for_is_written_down(stage, tmp_path):
    keep_derivative(stage.store, KEY, b"the oldest")
    keep_derivative(stage.store, KEY._replace(name="w_10.jpg"), b"newer")
    stage.store.find(KEY)
    stage.upkeep.tend()
    stage.store.close()
    again = DerivativeStore(tmp_path, 1 << 20)
    again.give_way(1)
    assert again.find(KEY) is not None
    again.close()


def test_derivatives_give_way_by_what_lacks_to_the_reserve(stage):
    for number in range(5):
        keep_derivative(stage.store, KEY._replace(name=f"w_{number}.jpg"), b"rendered")
    stage.upkeep.tend()
    assert stage.store.usage().count == 5
    stage.lacking = 4097
    stage.upkeep.tend()
    assert stage.store.usage().count == 3


def test_what_shows_layers_that_no_asset_here_uses_goes_once_a_day(stage):
    stage.upkeep.tend()
    own, foreign = KEY, KEY._replace(name="l_logo/fl_layer_apply/w_9.jpg")
    keep_derivative(stage.store, own, b"with a layer of this set", layers=(OWN_LAYER,))
    keep_derivative(stage.store, foreign, b"with one of another", layers=(OWN_LAYER, FOREIGN_LAYER))
    stage.clock.advance(DAY - 1)
    stage.upkeep.tend()
    assert stage.store.find(foreign) is not None
    stage.clock.advance(1)
    stage.upkeep.tend()
    assert stage.store.find(foreign) is None
    assert stage.store.find(own) is not None
    keep_derivative(stage.store, foreign, b"with one of another", layers=(OWN_LAYER, FOREIGN_LAYER))
    stage.clock.advance(DAY - 1)
    stage.upkeep.tend()
    assert stage.store.find(foreign) is not None


def test_metrics_say_what_went_wrong(stage):
    registry = CollectorRegistry()
    DerivativeTroubles(stage.store, registry)
    kept = keep_derivative(stage.store, KEY, b"rendered")
    stage.store.path(KEY).unlink()
    with pytest.raises(BadDerivative):
        stage.store.read(kept)
    assert registry.get_sample_value("atoll_node_derivatives_rotten_total") == 1
    assert registry.get_sample_value("atoll_node_derivatives_unkept_total") == 0
