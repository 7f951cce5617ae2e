"""`make bench-scale`: every operation at every size, the exponents, a mark for each that must not grow."""

from __future__ import annotations

from benchmarks.context import Context
from benchmarks.result import Result
from benchmarks.scale import catalog_growth, cluster_growth, node_growth, repair_growth
from benchmarks.scale.catalog_server import said
from benchmarks.scale.exponents import result_of
from benchmarks.scale.growth import Growth


async def run(ctx: Context) -> Result:
    """One part after the other."""
    found: list[Growth] = []
    for part in (cluster_growth, node_growth, repair_growth, catalog_growth):
        found += await part.run(ctx)
    return result_of("Cost of one operation as everything grows", found, (_NOTE, said(None)))


_NOTE = (
    "Nodes: sets of three in three of 30 regions. Blobs: the node's own index and journal, rows without"
    " files. What was measured of assets added to them; their sizes count that."
)
