"""From an order to a job and its tasks: which images, in which portions, done where. Reads the catalog.

Refuses what would be too much for one job (413) and ids that are not there (404), before anything is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from atoll.api_keys import ApiKey
from atoll.errors import BadRequest, Conflict, NotFound, TooLarge
from atoll.ids import new_id
from atoll.jobs import JobFacts, Task, Work
from atoll.model import AssetRecord
from query_service.bucket_orders import check_settled
from query_service.catalog import MAX_PAGE, Catalog
from query_service.cluster_view import Views
from query_service.job_dispatch import JobDispatch
from query_service.job_portions import ExportFiles, items_of, portions
from query_service.job_wire import ApplyOrder, JobOrder, TransformOrder
from query_service.key_reach import check_layers
from query_service.version_home import home_of
from query_service.wishes import Wish, Wishes


class Plan(NamedTuple):
    """What `JobDispatch.start` takes."""

    facts: JobFacts
    tasks: list[Task]


@dataclass(frozen=True)
class JobRules:
    """What one job may be at most. `export_bytes` of images in one ZIP file."""

    assets: int
    transformations: int
    export_bytes: int


class JobPlanner:
    """`now_ms`: Unix milliseconds."""

    def __init__(
        self,
        catalog: Catalog,
        views: Views,
        wishes: Wishes,
        dispatch: JobDispatch,
        rules: JobRules,
        now_ms: Callable[[], int],
    ) -> None:
        self._catalog, self._views, self._wishes = catalog, views, wishes
        self._dispatch, self._rules, self._now_ms = dispatch, rules, now_ms

    async def plan(self, order: JobOrder, by: str, limited: ApiKey | None) -> Plan:
        """The job that does what `order` says, for the key `by`; `limited`: that key if it is limited."""
        texts = self._texts(order, limited)
        records = await self._chosen(order, limited)
        job, now = new_id(self._now_ms()), self._now_ms()
        work = list(self._work(order, texts, records, job, by))
        tasks = self._dispatch.tasks(job, work)
        kind = order.__struct_config__.tag
        facts = JobFacts(
            job,
            kind,  # type: ignore[arg-type]  # the tags of orders are kinds of jobs
            order.bucket,
            order.prefix or "",
            by,
            now,
            len(tasks),
            sum(items_of(task.work) for task in tasks),
        )
        return Plan(facts, tasks)

    def _texts(self, order: JobOrder, limited: ApiKey | None) -> tuple[str, ...]:
        """The transformations in canonical form, each once."""
        match order:
            case TransformOrder():
                self._check_number(order)
                return self._canonical(order.bucket, order.transformations, limited)
            case ApplyOrder():
                self._check_takes(order.bucket)
                return self._canonical(order.bucket, (order.transformation,), limited, _check_settled)
        return ()

    def _check_takes(self, name: str) -> None:
        if self._views.current().cluster.bucket(name).ending is not None:
            raise Conflict(f"The bucket {name!r} is being deleted; it takes nothing.", bucket=name)

    def _check_number(self, order: TransformOrder) -> None:
        limit = self._rules.transformations
        if len(order.transformations) > limit:
            raise TooLarge(
                f"One job makes at most {limit} transformations of each image.",
                parameter="transformations",
                limit=limit,
                got=len(order.transformations),
            )

    def _canonical(
        self,
        name: str,
        texts: Iterable[str],
        limited: ApiKey | None,
        check: Callable[[Wish], None] = lambda _: None,
    ) -> tuple[str, ...]:
        bucket = self._views.current().cluster.bucket(name)
        wishes = [self._wishes.wish(bucket, text) for text in texts]
        for wish in wishes:
            check_layers(limited, bucket.name, wish.transformation)
            check(wish)
        return tuple(dict.fromkeys(wish.text for wish in wishes))

    async def _chosen(self, order: JobOrder, limited: ApiKey | None) -> list[AssetRecord]:
        self._views.current().cluster.bucket(order.bucket)
        if order.asset_ids is not None:
            if order.prefix is not None:
                raise BadRequest("Say prefix or asset_ids, not both.", parameter="asset_ids")
            return await self._by_id(order.bucket, order.asset_ids, limited)
        return await self._by_prefix(order.bucket, order.prefix or "")

    async def _by_id(self, bucket: str, ids: Sequence[str], limited: ApiKey | None) -> list[AssetRecord]:
        if len(ids) > self._rules.assets:
            raise self._too_many(len(ids))
        found = await self._catalog.assets(dict.fromkeys(ids))
        records = []
        for asset_id in dict.fromkeys(ids):
            asset = found.get(asset_id)
            record = asset.record if asset is not None and asset.record.bucket == bucket else None
            # One wording for both: a name's id can be worked out, and whether it exists is not for this key.
            if record is None or (limited and not limited.reaches(bucket, record.public_id)):
                raise NotFound("There is no such asset in this bucket.", asset_id=asset_id)
            records.append(record)
        return records

    async def _by_prefix(self, bucket: str, prefix: str) -> list[AssetRecord]:
        records: list[AssetRecord] = []
        after: str | None = None
        while True:
            page = await self._catalog.page(bucket, prefix, after, MAX_PAGE)
            records += [asset.record for asset in page.assets]
            if len(records) > self._rules.assets:
                raise self._too_many(len(records))
            if page.next_after is None:
                return records
            after = page.next_after

    def _too_many(self, got: int) -> TooLarge:
        limit = self._rules.assets
        return TooLarge(
            f"One job concerns at most {limit} images; say a longer prefix.", limit=limit, got=got
        )

    def _work(
        self, order: JobOrder, texts: tuple[str, ...], records: Iterable[AssetRecord], job: str, by: str
    ) -> Iterable[tuple[str, str, Work]]:
        """(region, set, work) of each task: images of one set lie on the same nodes."""
        by_set: dict[str, list[AssetRecord]] = {}
        for record in records:
            by_set.setdefault(self._home(order, record.set), []).append(record)
        files = ExportFiles((f"{job}-{number}.zip" for number in count(1)), self._rules.export_bytes)
        for set_name, some in sorted(by_set.items()):
            regions = self._regions(order, set_name)
            for work in portions(order, some, texts, by, files):
                for region in regions:
                    yield region, set_name, work

    def _home(self, order: JobOrder, set_name: str) -> str:
        """The set that does it: of what is stored one that takes uploads, the asset's own before others."""
        if not isinstance(order, ApplyOrder):
            return set_name
        view = self._views.current()
        return home_of(view, view.cluster.bucket(order.bucket), set_name)

    def _regions(self, order: JobOrder, set_name: str) -> Sequence[str]:
        if isinstance(order, TransformOrder) and order.regions:
            members = {node.region for node in self._views.current().cluster.members(set_name)}
            if beyond := [region for region in order.regions if region not in members]:
                raise BadRequest(
                    f"No node of the set {set_name} stands in {beyond[0]}.",
                    parameter="regions",
                    got=beyond[0],
                )
            return tuple(dict.fromkeys(order.regions))
        return (self._dispatch.region_for(set_name),)


def _check_settled(wish: Wish) -> None:
    check_settled(wish.meant, "what is stored cannot depend on who asks")
