"""What a task has stored, as durable as its ticket asks, before the task may end."""

from __future__ import annotations

from atoll.errors import NodeRemoved, Unavailable
from atoll.model import AssetRecord
from atoll.signing import Ticket
from storage_node.upload_answer import Acknowledger, status_of


async def confirm(acknowledger: Acknowledger, record: AssetRecord, ticket: Ticket) -> None:
    """`Unavailable`: not yet; the task is to be tried again."""
    try:
        asset = await acknowledger.confirmed(record, ticket)
    except NodeRemoved as error:  # the next node of the set will do it
        raise Unavailable(error.detail) from error
    if status_of(asset) == 202:
        raise Unavailable(f"It is stored, but not yet as durable as asked: {ticket.durability}.")
