"""`make bench-scale`: every operation at every size, the exponents, a mark for each that must not grow."""

from __future__ import annotations

from benchmarks.context import Context
from benchmarks.result import Mark, Result, Series
from benchmarks.scale import catalog_growth, catalog_server, cluster_growth, node_growth, repair_growth
from benchmarks.scale.growth import Growth

# Of cost = a * size^b. A logarithm has about 0.1 over three decades; half of a square root is 0.25.
MOST_EXPONENT = 0.2


async def run(ctx: Context) -> Result:
    """One part after the other."""
    found: list[Growth] = []
    for part in (cluster_growth, node_growth, repair_growth, catalog_growth):
        found += await part.run(ctx)
    return result_of(found, catalog_server.said(ctx.mongodb))


def result_of(found: list[Growth], catalog: str = "") -> Result:
    """What was measured, as the page shows it. `catalog`: where the assets were."""
    series = tuple(
        Series(f"{each.name}: {size:,} {each.of}", "µs", costs)
        for each in found
        for size, costs in zip(each.sizes, each.costs, strict=True)
    )
    marks = tuple(
        Mark(f"exponent of {each.name}", round(each.line.exponent, 3), MOST_EXPONENT, at_most=True)
        for each in found
        if each.flat
    )
    return Result(
        "Cost of one operation as everything grows", series, marks, (*_NOTES, catalog), growths=tuple(found)
    )


_NOTES = (
    "CPU time for one operation, of this process with all its threads and of the engine it asks; what else"
    " the machine does is in no figure. The exponent b of cost = a × size^b is fitted to all rounds: 0 is"
    " flat, 1 linear, a logarithm about 0.1 over these sizes.",
    "Nodes: sets of three in three of 30 regions. Blobs: the node's own index and journal, rows without"
    " files.",
)
