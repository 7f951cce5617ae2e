"""Which blobs left since a rendering began."""

from __future__ import annotations

from storage_node.derivative_drops import DropLog

SOURCE, LAYER, OTHER = ("pics", "a" * 64), ("pics", "b" * 64), ("pics", "c" * 64)
MADE_OF = frozenset({SOURCE, LAYER})


def test_a_drop_before_the_rendering_began_does_not_matter():
    log = DropLog()
    log.note(*SOURCE)
    assert not log.any_since(log.count, MADE_OF)


def test_a_drop_of_source_or_layer_since_then_does():
    for blob in MADE_OF:
        log = DropLog()
        seen = log.count
        log.note(*blob)
        assert log.any_since(seen, MADE_OF)


def test_a_drop_of_another_blob_or_of_the_same_bytes_in_another_bucket_does_not_matter():
    log = DropLog()
    seen = log.count
    log.note(*OTHER)
    log.note("others", SOURCE[1])
    assert not log.any_since(seen, MADE_OF)


def test_the_last_of_several_drops_of_a_blob_counts():
    log = DropLog()
    log.note(*SOURCE)
    seen = log.count
    log.note(*SOURCE)
    assert log.any_since(seen, MADE_OF)
    assert not log.any_since(log.count, MADE_OF)


def test_who_began_before_the_log_s_memory_is_refused():
    log = DropLog(remembered=2)
    seen = log.count
    for number in range(3):
        log.note("pics", f"{number:064x}")
    assert log.any_since(seen, MADE_OF)
    assert not log.any_since(seen + 1, MADE_OF)
    assert not log.any_since(log.count, MADE_OF)


def test_the_log_does_not_grow_for_ever():
    log = DropLog(remembered=5)
    for number in range(100):
        log.note("pics", f"{number:064x}")
    assert len(log._last) == 5
