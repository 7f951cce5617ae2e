"""Every error of Atoll, as one tree; each leaf is one RFC 9457 problem type.

    AtollError
    ├── Rejected            the request is at fault (4xx): the same request will fail again
    │   ├── BadRequest      400  ├── BadName 400   ├── EmptyBody 400   ├── BodyMismatch 400
    │   ├── BadTransformation 400
    │   ├── Unauthorized    401  ├── TicketInvalid 401  ├── TicketExpired 401
    │   ├── Forbidden       403  ├── OutwardRefused 403
    │   ├── NotFound        404
    │   ├── BodyTimeout     408
    │   ├── Conflict        409  ├── TicketReplayed 409  ├── AlreadyExists 409
    │   ├── Gone            410  ├── NodeRemoved 410
    │   ├── PreconditionFailed 412
    │   ├── TooLarge        413  ├── TooManyFiles 413  ├── QuotaExceeded 413
    │   ├── TypeMismatch    415  ├── NotAnImage 415
    │   ├── RangeNotSatisfiable 416
    │   ├── WrongNode       421
    │   ├── Undecodable     422  ├── TooManyPixels 422  ├── Unrenderable 422
    │   │   └── Unstrippable 422
    │   ├── NotFetched      422
    │   └── TooManyRequests 429
    └── Failed              we are at fault (5xx): the same request may succeed later or elsewhere
        ├── UpstreamFailed  502  ├── OutwardFailed 502
        ├── Unavailable     503  ├── Overloaded 503
        └── NoSpace         507

The HTTP layer turns any of them into a problem document; the client turns a problem document back into
the same class. Facts (limits, what we got) are keyword arguments and become members of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

_TYPE_PREFIX = "urn:atoll:problem:"


class AtollError(Exception):
    """Base of all: a sentence for people (`detail`) and facts for programs.

    `retry_safe` says whether sending the same request again may help and can do no harm.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"
    retry_safe: ClassVar[bool] = False

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, object] = facts

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 members of this error; facts are extension members."""
        return {
            "type": _TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.facts,
        }


class Rejected(AtollError):
    """The request is at fault."""

    status = 400
    slug = "rejected"
    title = "The request cannot be accepted"


class BadRequest(Rejected):
    slug = "bad-request"
    title = "The request is malformed"


class BadName(Rejected):
    slug = "bad-name"
    title = "A name is outside its grammar"


class BadTransformation(Rejected):
    slug = "bad-transformation"
    title = "The transformation cannot be understood"


class EmptyBody(Rejected):
    slug = "empty-body"
    title = "The body is empty"


class BodyMismatch(Rejected):
    slug = "body-mismatch"
    title = "The body is not what its headers said"


class Unauthorized(Rejected):
    status = 401
    slug = "unauthorized"
    title = "Valid credentials are needed"


class TicketInvalid(Unauthorized):
    slug = "ticket-invalid"
    title = "The upload ticket is not valid"


class TicketExpired(Unauthorized):
    slug = "ticket-expired"
    title = "The upload ticket has expired"


class Forbidden(Rejected):
    status = 403
    slug = "forbidden"
    title = "These credentials do not allow this"


class OutwardRefused(Forbidden):
    """A URL from outside that we do not go to. Says nothing of what its name resolves to."""

    slug = "outward-refused"
    title = "This URL may not be reached from here"


class NotFound(Rejected):
    status = 404
    slug = "not-found"
    title = "There is no such thing"


class BodyTimeout(Rejected):
    status = 408
    slug = "body-timeout"
    title = "The body came too slowly"
    retry_safe = True


class Conflict(Rejected):
    status = 409
    slug = "conflict"
    title = "This contradicts what is already there"


class AlreadyExists(Conflict):
    slug = "already-exists"
    title = "There is an asset of this name already"


class TicketReplayed(Conflict):
    slug = "ticket-replayed"
    title = "The upload ticket was used for other bytes"


class Gone(Rejected):
    status = 410
    slug = "gone"
    title = "This is gone for good"


class NodeRemoved(Gone):
    slug = "node-removed"
    title = "This node was removed from the cluster"


class PreconditionFailed(Rejected):
    """If-Match named another version than this one."""

    status = 412
    slug = "precondition-failed"
    title = "The condition of the request does not hold"


class TooLarge(Rejected):
    status = 413
    slug = "too-large"
    title = "This is larger than allowed"


class TooManyFiles(TooLarge):
    slug = "too-many-files"
    title = "One request may not carry that many files"


class QuotaExceeded(TooLarge):
    """`limit`, `used` and `asked` are among the facts, and `of`: bytes or assets."""

    slug = "quota-exceeded"
    title = "The bucket's quota leaves no room for this"


class TypeMismatch(Rejected):
    status = 415
    slug = "type-mismatch"
    title = "The declared type is not the type of the bytes"


class NotAnImage(Rejected):
    status = 415
    slug = "not-an-image"
    title = "The bytes are not an image of a supported type"


class RangeNotSatisfiable(Rejected):
    status = 416
    slug = "range-not-satisfiable"
    title = "The range lies outside the image"


class WrongNode(Rejected):
    status = 421
    slug = "wrong-node"
    title = "The ticket is for another node"


class Undecodable(Rejected):
    status = 422
    slug = "undecodable"
    title = "The image cannot be decoded"


class TooManyPixels(Undecodable):
    slug = "too-many-pixels"
    title = "The image has more pixels or frames than allowed"


class Unrenderable(Undecodable):
    slug = "unrenderable"
    title = "This derivative of the image cannot be made"


class Unstrippable(Undecodable):
    slug = "unstrippable"
    title = "The metadata of this image cannot be taken out"


class NotFetched(Rejected):
    """Somebody else's server answered, but not with what was asked for."""

    status = 422
    slug = "not-fetched"
    title = "The other server does not give an image for this URL"


class TooManyRequests(Rejected):
    """`retry_after`, in seconds, is among the facts."""

    status = 429
    slug = "too-many-requests"
    title = "Too many of these requests are waiting already"
    retry_safe = True


class Failed(AtollError):
    """We are at fault; later or elsewhere the same request may succeed."""

    slug = "failed"
    title = "This could not be done now"
    retry_safe = True


class UpstreamFailed(Failed):
    status = 502
    slug = "upstream-failed"
    title = "No peer could give the bytes"


class OutwardFailed(Failed):
    """Somebody else's server; it may do better later."""

    status = 502
    slug = "outward-failed"
    title = "The other server could not be reached, or gave no usable answer"


class Unavailable(Failed):
    status = 503
    slug = "unavailable"
    title = "A part this needs is not available now"


class Overloaded(Failed):
    status = 503
    slug = "overloaded"
    title = "Too much is going on right now"


class NoSpace(Failed):
    status = 507
    slug = "no-space"
    title = "The node takes no new bytes: free space is below its reserve"


def _leaves(cls: type[AtollError]) -> list[type[AtollError]]:
    return [cls, *(leaf for sub in cls.__subclasses__() for leaf in _leaves(sub))]


def from_problem(document: Mapping[str, Any], status: int) -> AtollError:
    """The error a problem document stands for; an unknown type becomes the nearest base by status."""
    facts = {
        k: v
        for k, v in document.items()
        if k not in {"type", "title", "status", "detail"} and k.isidentifier()
    }
    detail = str(document.get("detail") or document.get("title") or f"HTTP {status}")
    facts.pop("self", None)
    slug = str(document.get("type", "")).removeprefix(_TYPE_PREFIX)
    for cls in _leaves(AtollError):
        if cls.slug == slug:
            return cls(detail, **facts)
    return (Failed if status >= 500 else Rejected)(detail, **(facts | {"http_status": status}))
