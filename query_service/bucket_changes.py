"""Which changes of a bucket's policy are refused, and why. Asks the nodes only where the rule needs it.

Home regions may always be widened. Narrowed they may be while the bucket is empty: images lie in sets, and
a set's nodes hold what they hold; moving them is a copy into another bucket, and the caller's to make.
"""

from __future__ import annotations

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.errors import BadRequest, Conflict, Unavailable
from query_service.bucket_usage import UsageAsker


async def check_change(cluster: ClusterMap, before: Bucket | None, after: Bucket, asker: UsageAsker) -> None:
    """`BadRequest` for regions that are unknown, `Conflict` for what cannot be, `Unavailable`."""
    if before is not None and before.ending is not None:
        raise Conflict("This bucket is being deleted.", bucket=before.name)
    unknown = [region for region in after.home_regions if region not in cluster.regions]
    if unknown:
        known = ", ".join(sorted(cluster.regions))
        raise BadRequest(
            f"home_regions has what is no region; the regions are {known}.",
            parameter="home_regions",
            unknown=unknown,
        )
    if before is not None and narrows(before, after):
        await _check_empty(before, asker)


def narrows(before: Bucket, after: Bucket) -> bool:
    """Whether there may be images that lie where the new policy wants none."""
    if not after.home_regions:
        return False
    return not before.home_regions or not set(before.home_regions) <= set(after.home_regions)


async def _check_empty(bucket: Bucket, asker: UsageAsker) -> None:
    told = await asker.ask(bucket.name)
    if any(not usage.is_nothing for usage in told.said.values()):
        raise Conflict(
            "Home regions cannot be narrowed while the bucket has images: they would stay where they are."
            " Make a bucket with the home regions you want, and copy them there.",
            bucket=bucket.name,
            home_regions=list(bucket.home_regions),
            assets=told.total.assets,
        )
    if told.unasked:
        raise Unavailable(
            "Home regions are narrowed only when every node says that it has nothing of the bucket.",
            unasked=dict(told.unasked),
            retry_after=2,
        )
