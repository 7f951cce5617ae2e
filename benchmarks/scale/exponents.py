"""What was measured at every size as a result: series, and a mark for each that must not grow. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.result import Mark, Result, Series
from benchmarks.scale.growth import Growth

# Of cost = a * size^b. A logarithm has about 0.1 over three decades; half of a square root is 0.25.
MOST_EXPONENT = 0.2


def result_of(title: str, found: Sequence[Growth], notes: Sequence[str] = ()) -> Result:
    """As the page shows it. `notes`: of what it was measured on."""
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
    return Result(title, series, marks, (_NOTE, *notes), growths=tuple(found))


_NOTE = (
    "CPU time for one operation, of this process with all its threads and of the engine it asks; what else"
    " the machine does is in no figure. The exponent b of cost = a × size^b is fitted to all rounds: 0 is"
    " flat, 1 linear, a logarithm about 0.1 over these sizes."
)
