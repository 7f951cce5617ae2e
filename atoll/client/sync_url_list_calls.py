"""What a program asks about many images that the cluster fetches, synchronously; see `url_list_calls`."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, Protocol, TypeVar, Unpack

from atoll.client.url_calls import FETCH_SECONDS, Words
from atoll.client.url_list_calls import FetchOrder, UrlListCalls, UrlOutcome

T = TypeVar("T")


class _Running(Protocol):
    @property
    def _urls(self) -> UrlListCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncUrlListCalls:
    """The part of `Client` for that."""

    def fetch_urls(self: _Running, urls: Iterable[str], *, bucket: str, **words: Unpack[Words]) -> FetchOrder:
        """Order that the cluster fetch all of `urls`; returns once that is queued."""
        return self._run(self._urls.fetch_urls(urls, bucket=bucket, **words))

    def upload_urls(
        self: _Running,
        urls: Iterable[str],
        *,
        bucket: str,
        timeout: float = FETCH_SECONDS,
        **words: Unpack[Words],
    ) -> tuple[UrlOutcome, ...]:
        """The assets that the cluster made of `urls`: an outcome each, in order."""
        return self._run(self._urls.upload_urls(urls, bucket=bucket, timeout=timeout, **words))
