"""The published corpus (tests/corpus) before the node's own workers, all of it, at the node's default limits.

Every file always runs: about 600 in half a minute, of the seed that docs/hostile-input.md is about.
HOSTILE_SEED=n turns other bits.
"""

from __future__ import annotations

import os
import sys

import pytest
from corpus.judge import bench
from corpus.registry import SEED, all_specimens
from corpus.samples import sample
from corpus.specimen import ACCEPTED, Specimen

from atoll.errors import Undecodable
from storage_node.inspection import InspectionLimits
from storage_node.sniff import sniff

CEILING = 300 << 20  # resident bytes of a worker
LARGEST_CEILING = 900 << 20  # of one that has a picture of 50 megapixels
REFUSING_CEILING = 200 << 20  # of one that refuses what it is given
OUR_FAULT = {"decoder_crashed", "inspection_timeout", "render_timeout", "out_of_memory"}
SPECIMENS = all_specimens(int(os.environ.get("HOSTILE_SEED", SEED)))


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("corpus") / "bench") as running:
        yield running


def ceiling(specimen: Specimen, verdict: str) -> int:
    if verdict != ACCEPTED:
        return REFUSING_CEILING
    return LARGEST_CEILING if "49-megapixels" in specimen.name else CEILING


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.name)
def test_a_hostile_file_gets_its_answer_and_harms_nobody(judges, specimen):
    workers = [*judges.inspector.pool.worker_pids(), *judges.renderer.pool.worker_pids()]
    found = judges.judged(specimen.name, specimen.make())
    assert found.verdict in specimen.expected, found
    assert not OUR_FAULT & {found.reason, *(reason for reason, _ in found.rendered)}, found
    if sys.platform == "linux":
        most = ceiling(specimen, found.verdict)
        assert max(cost.peak_bytes for cost in found.costs) < most, found
    assert judges.left_over() == []
    assert [*judges.inspector.pool.worker_pids(), *judges.renderer.pool.worker_pids()] == workers


def test_after_all_of_them_the_next_picture_is_served(judges):
    found = judges.judged("good.jpg", sample("baseline.jpg"))
    assert found.verdict == ACCEPTED
    assert [reason for reason, _ in found.rendered] == [ACCEPTED] * 3


@pytest.mark.parametrize(
    ("name", "limits", "fact"),
    [
        ("progressive.jpg", InspectionLimits(max_scans=2), {"max_scans": 2}),
        ("moving.gif", InspectionLimits(max_parts=3), {"max_parts": 3}),
    ],
)
def test_a_refusal_for_too_many_parts_names_the_limit(judges, tmp_path, name, limits, fact):
    path = tmp_path / name
    path.write_bytes(sample(name))
    kind = sniff(path.read_bytes()[:64])
    judges.inspector.begin(path, kind).result()
    with pytest.raises(Undecodable) as refused:
        judges.inspector.begin(path, kind, limits).result()
    assert refused.value.facts == {"reason": "too_many_parts", **fact}
