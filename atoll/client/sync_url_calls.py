"""What a program asks about images that the cluster fetches itself, synchronously; see `url_calls`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar, Unpack

from atoll.client.url_calls import FETCH_SECONDS, FetchJob, UrlCalls, Words
from atoll.node_api import AssetView

T = TypeVar("T")


class _Running(Protocol):
    @property
    def _urls(self) -> UrlCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncUrlCalls:
    """The part of `Client` for that."""

    def fetch_url(
        self: _Running, url: str, *, bucket: str, public_id: str | None = None, **words: Unpack[Words]
    ) -> FetchJob:
        """Order that the cluster fetch `url`; returns once that is queued."""
        return self._run(self._urls.fetch_url(url, bucket=bucket, public_id=public_id, **words))

    def upload_url(
        self: _Running,
        url: str,
        *,
        bucket: str,
        public_id: str | None = None,
        timeout: float = FETCH_SECONDS,
        **words: Unpack[Words],
    ) -> AssetView:
        """The asset that the cluster made of `url`; waits at most `timeout` seconds."""
        return self._run(
            self._urls.upload_url(url, bucket=bucket, public_id=public_id, timeout=timeout, **words)
        )
