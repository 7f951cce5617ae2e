"""Which join token of each node counts, and who has used it: the key-value bucket `ATOLL_JOIN`. I/O.

One sealed document for each node that was ever invited. A new token takes the place of the one before, which
is worthless from then on. Using one is a compare-and-set: of two machines with the same token one joins; that
one may ask again, if its answer was lost on the way. `BusUnavailable` without NATS.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec
import nats.js.errors
from msgspec import Struct
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.errors import Conflict
from atoll.ids import new_id
from atoll.join_tokens import MAX_TOKEN_SECONDS, JoinClaims, make_token
from atoll.signing import Keys, seal, seal_matches

BUCKET = "ATOLL_JOIN"
ANSWER_SECONDS = 2.0


class Invitation(Struct, frozen=True):
    """The token that counts for a node; `used_by` is the installation that joined with it."""

    token: str
    used_by: str = ""


class _Sealed(Struct, frozen=True):
    seal: str
    body: msgspec.Raw


class _Found(NamedTuple):
    invitation: Invitation | None
    revision: int | None


class JoinBook:
    """Invites and admits."""

    def __init__(self, bus: Bus, keys: Keys, *, domain: str | None, replicas: int) -> None:
        self._bus, self._keys, self._domain, self._replicas = bus, keys, domain, replicas

    async def invite(self, node: str, region: str, set_name: str, expires_at: int) -> str:
        """A new token for this node (expiry in Unix ms); every earlier one is worthless."""
        claims = JoinClaims(new_id(), node, region, set_name, expires_at)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                bucket = await self._bucket()
                await bucket.put(node, self._sealed(node, Invitation(claims.id)))
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the invitation cannot be kept: {error!r}", retry_after=1) from error
        return make_token(claims, self._keys)

    async def admit(self, claims: JoinClaims, installation: str) -> None:
        """Use the token up for this installation; `Conflict` when another used it, or it was replaced."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._admit(claims, installation)
        except nats.js.errors.KeyWrongLastSequenceError as error:
            raise Conflict("Another machine is joining with this token just now.") from error
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"invitations cannot be read: {error!r}", retry_after=1) from error

    async def _admit(self, claims: JoinClaims, installation: str) -> None:
        bucket = await self._bucket()
        found = await self._found(bucket, claims.node)
        if found.invitation is None or found.invitation.token != claims.id:
            raise Conflict("A newer token was made for this node; this one counts no more.", node=claims.node)
        if found.invitation.used_by == installation:
            return
        if found.invitation.used_by:
            raise Conflict("This token has been used: it lets in one machine.", node=claims.node)
        used = self._sealed(claims.node, Invitation(claims.id, installation))
        assert found.revision is not None
        await bucket.update(claims.node, used, found.revision)

    async def _found(self, bucket: KeyValue, node: str) -> _Found:
        try:
            entry = await bucket.get(node)
            sealed = msgspec.json.decode(entry.value or b"", type=_Sealed)
        except (nats.js.errors.KeyNotFoundError, nats.js.errors.KeyDeletedError, msgspec.MsgspecError):
            return _Found(None, None)
        if not seal_matches(self._keys.join, f"invitation.{node}", bytes(sealed.body), sealed.seal):
            return _Found(None, entry.revision)
        return _Found(msgspec.json.decode(sealed.body, type=Invitation), entry.revision)

    def _sealed(self, node: str, invitation: Invitation) -> bytes:
        body = msgspec.json.encode(invitation)
        return msgspec.json.encode(
            _Sealed(seal(self._keys.join, f"invitation.{node}", body), msgspec.Raw(body))
        )

    async def _bucket(self) -> KeyValue:
        js = self._bus.jetstream(self._domain)
        try:
            return await js.key_value(BUCKET)
        except nats.js.errors.BucketNotFoundError:
            config = KeyValueConfig(
                bucket=BUCKET,
                history=1,
                storage=StorageType.FILE,
                replicas=self._replicas,
                ttl=2 * MAX_TOKEN_SECONDS,
            )
            return await js.create_key_value(config)
