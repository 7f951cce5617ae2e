"""What the catalog raises, and where the driver's errors become ours.

The HTTP layer turns it into a problem document; the indexer holds its batch and tries again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import ExecutionTimeout, PyMongoError

from atoll.errors import Unavailable


class CatalogUnavailable(Unavailable):
    """MongoDB cannot be asked now: resolve by handle, or ask again."""

    slug = "catalog-unavailable"
    title = "The catalog is not available now"


@contextmanager
def catalog_errors(doing: str) -> Iterator[None]:
    """The driver's errors become `CatalogUnavailable`. Their text stays in the cause: it names hosts."""
    try:
        yield
    except (PyMongoError, TimeoutError, OSError) as error:
        raise CatalogUnavailable(f"The catalog did not answer while {doing}.", retry_after=1) from error


def was_let_go(error: CatalogUnavailable) -> bool:
    """Whether MongoDB is there, and let go of a read because that took as long as it may (maxTimeMS)."""
    return isinstance(error.__cause__, ExecutionTimeout)


def was_late(error: CatalogUnavailable) -> bool:
    """Whether nothing was heard until our own deadline."""
    return isinstance(error.__cause__, TimeoutError)
