"""What stands beside a rejected record: why, whence, when and by whom, and never its content."""

from datetime import datetime

from schemas.errors import Invalid
from schemas.telemetry import TRACEPARENT
from streams.runtime.agent import Cause, Headers, Output, PutAside, Record, Timer, micros
from streams.runtime.isolation import EndsTurns

REJECTED_SUFFIX = ".rejected"
#: Headers are for reading; a record with a hundred faults need not name them all there.
_MAX_REASON = 1_000


def rejected(record: Record, invalid: Invalid, *, by: str, now: datetime) -> Output:
    """Return the record whole, addressed to the `.rejected` topic of its own, same partition and key."""
    first = invalid.problems[0] if invalid.problems else None
    error = invalid.error if isinstance(invalid, EndsTurns) else type(invalid).__name__
    why: Headers = (
        ("rejected-reason", str(invalid)[:_MAX_REASON].encode()),
        ("rejected-field", (first.field if first else "").encode()),
        ("rejected-error", error.encode()),
        ("rejected-by", by.encode()),
        ("rejected-from", record.topic.encode()),
        ("rejected-partition", b"%d" % record.partition),
        ("rejected-offset", b"%d" % record.offset),
        ("rejected-at", now.isoformat().encode()),
    )
    # Only the trace goes along: another header of a record that could not be read might hold anything.
    context = Cause.of(record).traceparent
    trace: Headers = () if context is None else ((TRACEPARENT, context),)
    return Output(record.topic + REJECTED_SUFFIX, record.partition, record.key, record.value, why + trace)


def entry_rejected(
    work: PutAside, timer: Timer | None, *, changelog: str, partition: int, by: str, now: datetime
) -> Output:
    """Return a timer, effect or entry that was put aside, addressed to the `.rejected` topic of the lane's changelog.

    Its key is the entry's, or the timer's name, its value the entry's. It has no offset of its own: `rejected-offset`
    is the time, in microseconds since 1970 (UTC).
    """
    what = "timer" if work.timer is not None else "effect" if work.effect is not None else "entry"
    headers: Headers = (
        ("rejected-reason", f"{what}: ended the turn that it was in, also alone ({work.error})".encode()),
        ("rejected-field", what.encode()),
        ("rejected-error", work.error.encode()),
        ("rejected-by", by.encode()),
        ("rejected-from", changelog.encode()),
        ("rejected-partition", b"%d" % partition),
        ("rejected-offset", b"%d" % micros(now)),
        ("rejected-at", now.isoformat().encode()),
        *(() if timer is None else (("rejected-due", timer.at.isoformat().encode()),)),
    )
    return Output(changelog + REJECTED_SUFFIX, partition, work.entry or work.timer, work.value, headers)
