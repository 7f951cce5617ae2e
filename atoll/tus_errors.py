"""The errors that resumable uploads add to those of errors.py, with the statuses of tus 1.0.0. Pure.

Here and not with the node that raises them, because the query service publishes what nodes answer.
"""

from __future__ import annotations

from atoll.errors import Conflict, Rejected


class TusVersion(Rejected):
    """The request is not of the version that is spoken here."""

    status = 412
    slug = "tus-version"
    title = "Another version of the tus protocol is spoken here"


class OffsetMismatch(Conflict):
    """`offset`, among the facts, is where to go on."""

    slug = "offset-mismatch"
    title = "The upload goes on at another offset"


class UploadLocked(Rejected):
    """Bytes of this upload are arriving by another request."""

    status = 423
    slug = "upload-locked"
    title = "The upload is being written to by another request"
    retry_safe = True


class ChecksumMismatch(Rejected):
    """None of the request's bytes were kept."""

    status = 460
    slug = "checksum-mismatch"
    title = "The bytes do not have the checksum that was sent"
