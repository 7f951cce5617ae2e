"""What the catalog raises. The HTTP layer turns it into a problem document."""

from __future__ import annotations

from atoll.errors import Unavailable


class CatalogUnavailable(Unavailable):
    """MongoDB cannot be asked now: resolve by handle, or ask again."""

    slug = "catalog-unavailable"
    title = "The catalog is not available now"
