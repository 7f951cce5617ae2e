"""What an application asks on behalf of its visitors, synchronously: a part of `Client`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from atoll.client.browser_calls import BrowserCalls, History
from atoll.client.views import TicketView

T = TypeVar("T")


class _Runs(Protocol):
    """What it is mixed into."""

    @property
    def _browsers(self) -> BrowserCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncBrowserCalls:
    """Methods, arguments and errors are those of `BrowserCalls`."""

    def ticket(
        self: _Runs,
        bucket: str,
        *,
        public_id: str | None = None,
        files: int = 1,
        max_bytes: int | None = None,
        session: str | None = None,
        region: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> TicketView:
        """A ticket to hand on: whoever has its `upload_url` may upload, until it expires."""
        return self._run(
            self._browsers.ticket(
                bucket,
                public_id=public_id,
                files=files,
                max_bytes=max_bytes,
                session=session,
                region=region,
                more=more,
            )
        )

    def history(
        self: _Runs,
        *,
        session: str | None = None,
        upload_key: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> History:
        """What this client's key, or one session of its application, uploaded and had made lately."""
        return self._run(
            self._browsers.history(session=session, upload_key=upload_key, limit=limit, cursor=cursor)
        )
