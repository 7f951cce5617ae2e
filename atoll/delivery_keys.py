"""The keys that sign delivery URLs: one follows from the cluster secret, the others are in the map. Pure.

Nothing secret lies in the map: an entry has a random salt, and the key is derived from it with the cluster's
secret. Who signs with the newest active key and honours all that are not revoked can bring a new key in, and
take an old one out, while URLs live:

    active     signs (the newest of them), and is honoured
    retired    signs no more, and is honoured until its URLs have expired
    revoked    closes its URLs at once

A new key signs only when it is some seconds old: until then a node may not have heard of it. The key that
follows from the secret is called "cluster"; an entry of that name retires or revokes it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from atoll.access import SigningKey
from atoll.signing import Keys, derived_key, seal

HEARD_MS = 10_000  # so long after it was made every daemon that reaches NATS has a key
CLUSTER = "cluster"
_KEY_ID_CHARS = 8
_SHOWN_WORDS = 2  # `create` shows a key's name before it
_UPLOAD_KEY = "up_"  # what is written of an upload key begins so (upload_keys.py): it signs no URLs


class DeliveryKey(NamedTuple):
    """What a URL's `key` names, and the secret behind it (32 bytes)."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"DeliveryKey({self.id!r}, …)"

    def written(self) -> str:
        """As it is given to a program that signs by itself; read by `read_key`."""
        return f"{self.id}.{base64.urlsafe_b64encode(self.secret).rstrip(b'=').decode()}"


def read_key(text: str) -> DeliveryKey:
    """The key in what `written` made, or in the line that showed it (`partner  partner.…`); ValueError."""
    name, dot, secret = last_word(text).partition(".")
    raw = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    if not name or not dot or len(raw) != 32 or name.startswith(_UPLOAD_KEY):
        raise ValueError("a signing key is an id, a dot and 43 characters of base64url")
    return DeliveryKey(name, raw)


def last_word(text: str) -> str:
    """What stands last in one line of text; "" for several lines, of which nobody knows which is meant."""
    lines = text.strip().splitlines()
    return lines[0].split()[-1] if len(lines) == 1 and len(lines[0].split()) <= _SHOWN_WORDS else ""


def key_id(keys: Keys) -> str:
    """A public name of the cluster's own delivery key, which tells nothing about it."""
    return seal(keys.delivery, "key id", b"")[:_KEY_ID_CHARS]


def cluster_key(keys: Keys) -> DeliveryKey:
    """The key that follows from the secret alone."""
    return DeliveryKey(key_id(keys), keys.delivery)


def delivery_key(keys: Keys, entry: SigningKey) -> DeliveryKey:
    """The key that an entry of the map stands for."""
    return DeliveryKey(entry.name, derived_key(keys.signing, entry.name, entry.salt))


@dataclass(frozen=True)
class DeliveryRing:
    """All keys at one time. `newest` signs; `accepted`: secrets by id; `old_form`: signatures without a key
    id are honoured; `until` (Unix ms): then another key is the newest.
    """

    newest: DeliveryKey
    accepted: Mapping[str, bytes]
    old_form: bool = True
    until: int | None = None


def ring_of(keys: Keys, entries: Mapping[str, SigningKey], now_ms: int = 0) -> DeliveryRing:
    """The ring that the map's entries make."""
    own, state = cluster_key(keys), entries[CLUSTER].state if CLUSTER in entries else "active"
    made = [entry for entry in entries.values() if entry.name != CLUSTER and entry.state != "revoked"]
    made.sort(key=lambda entry: (entry.created_at, entry.name))
    known = {entry.name: delivery_key(keys, entry) for entry in made}
    active = [entry for entry in made if entry.state == "active"]
    heard = [entry for entry in active if entry.created_at + HEARD_MS <= now_ms]
    waiting = active if not heard and state != "active" else heard  # rather too early than with a dead key
    accepted = {key.id: key.secret for key in known.values()}
    if state != "revoked":
        accepted[own.id] = own.secret
    unheard = [entry.created_at + HEARD_MS for entry in active if entry not in heard]
    newest = known[waiting[-1].name] if waiting else own
    return DeliveryRing(newest, accepted, state != "revoked", min(unheard, default=None))


Ring = Callable[[], DeliveryRing]


class LiveRing:
    """The ring now. `entries` gives the map's, another object whenever the map has changed."""

    def __init__(
        self, keys: Keys, entries: Callable[[], Mapping[str, SigningKey]], clock_ms: Callable[[], int]
    ) -> None:
        self._keys, self._entries, self._clock_ms = keys, entries, clock_ms
        self._of, self._ring = entries(), ring_of(keys, entries(), clock_ms())

    def __call__(self) -> DeliveryRing:
        """Cheap: asked for every signature."""
        entries, until = self._entries(), self._ring.until
        if entries is not self._of or (until is not None and self._clock_ms() >= until):
            self._of, self._ring = entries, ring_of(self._keys, entries, self._clock_ms())
        return self._ring
