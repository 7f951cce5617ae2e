"""`keys` and `upload_keys` of the synchronous client: the same calls, waited for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from atoll.client.keys import AuditPage, KeyCalls, KeyView, MadeKey, MadeSigningKey, SigningKeyView
from atoll.client.loop_thread import LoopThread
from atoll.client.upload_key_calls import MadeUploadKey, UploadKeyCalls, UploadKeyView


class SyncKeys:
    """See `KeyCalls`."""

    def __init__(self, thread: LoopThread, calls: KeyCalls) -> None:
        self._thread, self._calls = thread, calls

    def all(self) -> tuple[KeyView, ...]:
        """Every API key, revoked ones too."""
        return self._thread.run(self._calls.all())

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        buckets: Iterable[str] = (),
        prefixes: Iterable[str] = (),
        expires_in: int | None = None,
    ) -> MadeKey:
        """A new API key; `expires_in` in seconds."""
        work = self._calls.create(name, scopes, buckets=buckets, prefixes=prefixes, expires_in=expires_in)
        return self._thread.run(work)

    def rotate(self, name: str, *, overlap: int = 86400) -> MadeKey:
        """A new secret; the present one is good for `overlap` seconds more."""
        return self._thread.run(self._calls.rotate(name, overlap=overlap))

    def change(self, name: str, changes: Mapping[str, object]) -> MadeKey:
        """Other scopes, buckets, prefixes or expires_in."""
        return self._thread.run(self._calls.change(name, changes))

    def revoke(self, name: str) -> KeyView:
        """Refused everywhere from now on, for good."""
        return self._thread.run(self._calls.revoke(name))

    def signing(self) -> tuple[SigningKeyView, ...]:
        """Every signing key, the cluster's own first."""
        return self._thread.run(self._calls.signing())

    def create_signing(self, name: str | None = None) -> MadeSigningKey:
        """A new signing key."""
        return self._thread.run(self._calls.create_signing(name))

    def change_signing(self, name: str, state: str) -> SigningKeyView:
        """`retired` or `revoked`."""
        return self._thread.run(self._calls.change_signing(name, state))

    def audit(self, limit: int = 100, cursor: str | None = None) -> AuditPage:
        """What administrators did, the newest first."""
        return self._thread.run(self._calls.audit(limit, cursor))


class SyncUploadKeys:
    """See `UploadKeyCalls`."""

    def __init__(self, thread: LoopThread, calls: UploadKeyCalls) -> None:
        self._thread, self._calls = thread, calls

    def all(self) -> tuple[UploadKeyView, ...]:
        """Every upload key, revoked ones too."""
        return self._thread.run(self._calls.all())

    def create(
        self,
        name: str,
        buckets: Iterable[str],
        *,
        prefixes: Iterable[str] = (),
        max_bytes: int | None = None,
        max_files: int = 1,
        max_seconds: int = 3600,
        expires_in: int | None = None,
    ) -> MadeUploadKey:
        """A new upload key; `max_seconds` and `expires_in` in seconds."""
        work = self._calls.create(
            name,
            buckets,
            prefixes=prefixes,
            max_bytes=max_bytes,
            max_files=max_files,
            max_seconds=max_seconds,
            expires_in=expires_in,
        )
        return self._thread.run(work)

    def revoke(self, name: str) -> UploadKeyView:
        """Nothing that it signed opens anything any more, for good."""
        return self._thread.run(self._calls.revoke(name))
