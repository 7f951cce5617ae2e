"""Which retry follows which failure of an upload. Pure.

What may happen to a try, and what follows:

    the answer is lost, 408, 502–504 the same ticket again: same ticket and bytes give the same asset
    the node cannot be reached (*),  another ticket, which may name another node
    has no space, is another one,
    or the ticket is expired
    anything else the node says      raised

(*) Without a public_id another ticket means another asset. So after a try that *may* have worked, the node is
given some seconds to come back, and before its ticket is given up the catalog is asked whether the asset is
there. An upload whose node died for longer, before its event went out, is not found so; that rare second
asset is the price of not losing the upload.
"""

from __future__ import annotations

from enum import Enum

from atoll.client.connection import BrokeOff, Unreachable
from atoll.errors import (
    AtollError,
    BodyTimeout,
    Conflict,
    Failed,
    NoSpace,
    TicketExpired,
    Unauthorized,
    UpstreamFailed,
    WrongNode,
)

TRIES_PER_TICKET = 3
TRIES_IN_DOUBT = 8  # about nine seconds: a node that is started again is back by then


class Next(Enum):
    """What to do after a failure."""

    SAME_TICKET = 1
    NEW_TICKET = 2
    GIVE_UP = 3


def next_step(error: AtollError, tries_with_ticket: int, *, in_doubt: bool, inherited: bool) -> Next:
    """After `error` on the `tries_with_ticket`-th try with this ticket.

    `in_doubt`: giving the ticket up may make a second asset. `inherited`: it is from an earlier process.
    """
    if in_doubt and isinstance(error, Unreachable) and tries_with_ticket < TRIES_IN_DOUBT:
        return Next.SAME_TICKET
    if isinstance(error, (Unreachable, NoSpace, WrongNode, TicketExpired)):
        return Next.NEW_TICKET
    if inherited and isinstance(error, (Unauthorized, Conflict)):
        return Next.NEW_TICKET  # what an earlier process did with it is not this upload's fault
    if isinstance(error, (Failed, BodyTimeout)):
        return Next.SAME_TICKET if tries_with_ticket < TRIES_PER_TICKET else Next.NEW_TICKET
    return Next.GIVE_UP


def may_have_worked(error: AtollError) -> bool:
    """A node that says no has stored nothing; one that says nothing, or a proxy before it, may have."""
    return isinstance(error, (BrokeOff, UpstreamFailed)) or error.facts.get("http_status") in {500, 504}
