"""A file sealed with a passphrase: what a backup is written as. Pure but for its random salt and nonce.

    "ATOLLSF1"  8 bytes    what this is
    n, r, p     1, 1, 1    scrypt's cost: N = 2^n, r, p (RFC 7914)
    salt        16 bytes
    nonce       12 bytes
    ciphertext             AES-256-GCM (NIST SP 800-38D) over the body, all before it authenticated too

A wrong passphrase and a damaged file look the same on purpose: GCM tells only that the tag is wrong.
Bodies are small (megabytes) and are held in memory.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from atoll.errors import BadRequest

MAGIC = b"ATOLLSF1"
MIN_PASSPHRASE = 12  # characters
MAX_BODY = 256 * 2**20
_COST = (17, 8, 1)  # 128 MiB and some 0.3 s: what OWASP's password storage sheet asks of scrypt
_COST_LIMIT = (20, 16, 4)  # a hostile file may not ask for more
_SALT, _NONCE = 16, 12
_HEAD = len(MAGIC) + 3 + _SALT + _NONCE


class NotSealed(BadRequest):
    """It is no such file, or the passphrase is wrong, or it is damaged."""

    slug = "not-sealed"
    title = "The file cannot be opened"


def seal_file(body: bytes, passphrase: str) -> bytes:
    """`body` as a sealed file. `BadRequest` for a passphrase that is too short."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise BadRequest(f"A passphrase has at least {MIN_PASSPHRASE} characters.", limit=MIN_PASSPHRASE)
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    head = MAGIC + bytes(_COST) + salt + nonce
    return head + AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, body, head)


def open_file(sealed: bytes, passphrase: str) -> bytes:
    """The body of a sealed file, or `NotSealed`."""
    if not sealed.startswith(MAGIC) or len(sealed) <= _HEAD:
        raise NotSealed("This is no backup of Atoll.")
    if len(sealed) > MAX_BODY:
        raise NotSealed("This is larger than any backup.", limit=MAX_BODY, got=len(sealed))
    head = sealed[:_HEAD]
    cost = tuple(head[len(MAGIC) : len(MAGIC) + 3])
    if any(not 1 <= asked <= limit for asked, limit in zip(cost, _COST_LIMIT, strict=True)):
        raise NotSealed("This backup asks for more work than any of ours.", got=list(cost))
    salt, nonce = head[-_SALT - _NONCE : -_NONCE], head[-_NONCE:]
    try:
        return AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, sealed[_HEAD:], head)
    except InvalidTag as error:
        raise NotSealed("The passphrase is wrong, or the file is damaged.") from error


def _key(passphrase: str, salt: bytes, cost: tuple[int, ...]) -> bytes:
    n, r, p = cost
    return Scrypt(salt=salt, length=32, n=2**n, r=r, p=p).derive(passphrase.encode())
