"""`jobs` and `webhooks` of the synchronous client: the same calls, waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from atoll.client.job_calls import JobCalls
from atoll.client.job_views import Delivery, DeliveryPage, Job, JobPage, MadeWebhook, Webhook
from atoll.client.loop_thread import LoopThread
from atoll.client.webhook_calls import WebhookCalls


class SyncJobs:
    """See `JobCalls`."""

    def __init__(self, thread: LoopThread, calls: JobCalls) -> None:
        self._thread, self._calls = thread, calls

    def transform(
        self,
        bucket: str,
        transformations: Iterable[str],
        *,
        prefix: str | None = None,
        asset_ids: Iterable[str] | None = None,
        regions: Iterable[str] = (),
    ) -> Job:
        """Have transformations of existing images made."""
        work = self._calls.transform(
            bucket, transformations, prefix=prefix, asset_ids=asset_ids, regions=regions
        )
        return self._thread.run(work)

    def apply(
        self,
        bucket: str,
        transformation: str,
        *,
        prefix: str | None = None,
        asset_ids: Iterable[str] | None = None,
    ) -> Job:
        """Have a new version made of each image: what `transformation` makes of the current one."""
        return self._thread.run(self._calls.apply(bucket, transformation, prefix=prefix, asset_ids=asset_ids))

    def look(self, bucket: str, *, prefix: str | None = None, asset_ids: Iterable[str] | None = None) -> Job:
        """Have images looked at again."""
        return self._thread.run(self._calls.look(bucket, prefix=prefix, asset_ids=asset_ids))

    def export(
        self,
        bucket: str,
        *,
        prefix: str | None = None,
        asset_ids: Iterable[str] | None = None,
        keep_seconds: int = 86_400,
    ) -> Job:
        """Have images put into ZIP files."""
        work = self._calls.export(bucket, prefix=prefix, asset_ids=asset_ids, keep_seconds=keep_seconds)
        return self._thread.run(work)

    def get(self, job: str) -> Job:
        """How far it is."""
        return self._thread.run(self._calls.get(job))

    def page(self, *, bucket: str | None = None, limit: int = 20, cursor: str | None = None) -> JobPage:
        """Jobs, the newest first."""
        return self._thread.run(self._calls.page(bucket=bucket, limit=limit, cursor=cursor))

    def cancel(self, job: str) -> Job:
        """Let go of it."""
        return self._thread.run(self._calls.cancel(job))

    def wait(
        self, job: str, *, seconds: float = 3600.0, progress: Callable[[Job], None] | None = None
    ) -> Job:
        """The job when it has ended."""
        return self._thread.run(self._calls.wait(job, seconds=seconds, progress=progress))


class SyncWebhooks:
    """See `WebhookCalls`."""

    def __init__(self, thread: LoopThread, calls: WebhookCalls) -> None:
        self._thread, self._calls = thread, calls

    def create(self, url: str, *, events: Iterable[str] = (), buckets: Iterable[str] = ()) -> MadeWebhook:
        """Have events sent to `url`."""
        return self._thread.run(self._calls.create(url, events=events, buckets=buckets))

    def all(self) -> tuple[Webhook, ...]:
        """Every endpoint."""
        return self._thread.run(self._calls.all())

    def remove(self, webhook: str) -> Webhook:
        """Send nothing more to it."""
        return self._thread.run(self._calls.remove(webhook))

    def deliveries(self, webhook: str, *, limit: int = 20, cursor: str | None = None) -> DeliveryPage:
        """What was sent and what waits."""
        return self._thread.run(self._calls.deliveries(webhook, limit=limit, cursor=cursor))

    def redeliver(self, webhook: str, delivery: str) -> Delivery:
        """Send it once more."""
        return self._thread.run(self._calls.redeliver(webhook, delivery))
