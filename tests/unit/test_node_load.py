"""How busy a node says it is."""

from __future__ import annotations

import pytest

from storage_node.node_load import SATURATED_SECONDS, NodeLoad


class Node:
    """A node whose processor time and uploads the test moves."""

    def __init__(self) -> None:
        self.used, self.full = 7.0, 0.0
        self.load = NodeLoad(lambda: self.full, lambda: self.used)


def test_an_idle_node_has_no_load():
    assert Node().load.measure(1.0) == 0


def test_the_share_of_a_core_counts_and_threads_beside_the_loop_do_not_count_above_it():
    node = Node()
    node.used += 0.4
    assert node.load.measure(1.0) == pytest.approx(0.4)
    node.used += 5.0
    assert node.load.measure(1.0) == 1.0
    assert node.load.measure(1.0) == 0


def test_full_places_for_uploads_are_a_load_whatever_the_processor_does():
    node = Node()
    node.full = 0.75
    assert node.load.measure(1.0) == 0.75


def test_a_loop_that_is_woken_late_is_busy_though_the_process_uses_little_itself():
    node = Node()
    node.used += 0.2
    for late in (0.0, SATURATED_SECONDS, SATURATED_SECONDS, -0.001):
        node.load.woken(late)
    assert node.load.measure(1.0) == pytest.approx(0.5)
    node.load.woken(9.0)
    assert node.load.measure(1.0) == 1.0
    assert node.load.measure(1.0) == 0


def test_how_late_is_too_late_is_the_operators_to_say():
    load = NodeLoad(lambda: 0.0, lambda: 0.0, saturated=1.0)
    load.woken(0.25)
    assert load.measure(1.0) == 0.25
