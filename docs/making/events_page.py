"""docs/reference/events.md: what travels on NATS, from the wire types that seal and open it."""

from __future__ import annotations

from msgspec import Struct

from atoll import events, jobs
from atoll.heartbeat import Heartbeat
from atoll.streams import ACK_WAIT_SECONDS, DUPLICATE_WINDOW_SECONDS, MAX_STREAM_BYTES
from making.markdown import about, code, page, table
from making.shapes import parts_of, shape, words

KINDS: tuple[type[Struct], ...] = (
    events.BlobStored,
    events.BlobReplicated,
    events.BlobDeleted,
    events.AssetDeleted,
    events.JobMade,
    events.JobTask,
)
_STREAM = events.stream_of("<region>")
_PARKED = events.parked_subject("<region>", "<consumer>")
_HEARTBEATS = events.heartbeat_subject("<region>", "<node>")
_TASKS = jobs.stream_of("<region>")
_INTRO = f"""\
What the parts of a cluster tell each other on NATS, in JSON. Every message carries all its reader
needs, and is sealed: access to NATS alone forges nothing. Programs outside of the cluster have
[webhooks](../webhooks.md).

| header | is |
| --- | --- |
| `Nats-Msg-Id` | the event's `id`: a stream drops what comes twice within {DUPLICATE_WINDOW_SECONDS:,.0f} s |
| `{events.SCHEMA_HEADER}` | `{events.SCHEMA}`; another number is refused |
| `{events.SIGNATURE_HEADER}` | HMAC-SHA256 over subject and body, with a key made from the cluster secret |

An event has {events.MAX_EVENT_BYTES // 1024} KiB at most. A region's stream, `{_STREAM}`, keeps them
for `stream_max_age_hours` ([settings](settings.md)), the latest {MAX_STREAM_BYTES // 2**30} GiB of
them. Consumers are durable and acknowledge each message; what is not acknowledged within
{ACK_WAIT_SECONDS:.0f} s is given out again, so every event may be heard twice, and does no harm then.
What can never be processed is put on `{_PARKED}`. Which stream lies where, and what happens when it is
away: [NATS](../nats.md)."""
_OTHERS = f"""\
`{_HEARTBEATS}`: each second, kept nowhere, the `Heartbeat` below, with `{events.SIGNATURE_HEADER}`.

Tasks of jobs lie in `{_TASKS}`, on `atoll.<region>.work.<kind>.<set>.<job>`, sealed like events, with
{jobs.MAX_TASK_BYTES // 1024} KiB at most; who cancels a job says so on `{jobs.CANCEL_SUBJECT}`."""


def events_page() -> str:
    """The page."""
    of_all = KINDS[0].__mro__[1]  # what every event has
    return page(
        "# Events",
        _INTRO,
        "## Kinds",
        table(["subject", "body", "says"], map(_kind, KINDS)),
        *shape(of_all),
        *(part for cls in KINDS for part in shape(cls, without=of_all)),
        "## Beside events",
        _OTHERS,
        *shape(Heartbeat),
        "## Their parts",
        *(part for cls in parts_of([*KINDS, Heartbeat]) for part in shape(cls)),
        "## Words",
        "Times are Unix milliseconds, sizes bytes, places degrees. Texts that must fit a pattern:",
        table(["word", "pattern"], words()),
    )


def _kind(cls: type[Struct]) -> tuple[str, str, str]:
    kind = cls.__struct_config__.tag
    return code(f"atoll.<region>.{kind}.<set>"), code(cls.__name__), about(cls).partition("\n\n")[0]
