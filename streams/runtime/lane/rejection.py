"""Outputs for `.rejected` topics: a record as it came, with headers for the reason, source and time of the rejection.

The headers never quote the record.
"""

import hashlib
from datetime import datetime

from schemas.compressed_batches import FIRST_PART_BYTES, UnreadableBatch
from schemas.errors import Invalid
from schemas.rejection import (
    REFUSED_EXERCISE,
    REFUSED_LENGTH,
    REJECTED_AT,
    REJECTED_BY,
    REJECTED_DUE,
    REJECTED_ERROR,
    REJECTED_EXERCISE,
    REJECTED_FIELD,
    REJECTED_FROM,
    REJECTED_KEPT,
    REJECTED_KEY_LENGTH,
    REJECTED_KEY_SHA256,
    REJECTED_LENGTH,
    REJECTED_OFFSET,
    REJECTED_PARTITION,
    REJECTED_REASON,
    REJECTED_SHA256,
    first_field_of,
    length_of,
    length_text,
    reason_of,
)
from schemas.trace_context import TRACEPARENT
from streams.runtime.agent import Headers, Origin, Output, PutAside, Record, Timer, micros
from streams.runtime.lane.poison_errors import PoisonRecord
from streams.runtime.lane.transaction import MAX_REQUEST_BYTES

REJECTED_SUFFIX = ".rejected"
#: Most bytes of a batch with one record beside key, value and headers; most bytes of a header beside name and value.
_FRAME_BYTES = 128
_HEADER_FRAME_BYTES = 10


def rejected(record: Record, invalid: Invalid, *, by: str, now: datetime) -> Output:
    """Return the record as an output for the `.rejected` topic of its topic, with the same partition and key.

    The record is kept whole if the topic takes it. Otherwise the first 64 KiB of its value are kept, with the headers
    `rejected-length` (bytes), `rejected-sha256` (hexadecimal, of the whole value) and `rejected-kept` (bytes). A key
    beyond 64 KiB is cut too, with `rejected-key-length` and `rejected-key-sha256`. For a batch that could not be
    unpacked, the value is the first part of the batch, and the three headers describe the batch. A record that a door
    wrote as a first part has `rejected-length` and `rejected-kept` too; one that came as an exercise has
    `rejected-exercise`.
    """
    error = invalid.error if isinstance(invalid, PoisonRecord) else type(invalid).__name__
    why: Headers = (
        (REJECTED_REASON, reason_of(invalid).encode()),
        (REJECTED_FIELD, first_field_of(invalid).encode()),
        (REJECTED_ERROR, error.encode()),
        (REJECTED_BY, by.encode()),
        (REJECTED_FROM, record.topic.encode()),
        (REJECTED_PARTITION, b"%d" % record.partition),
        (REJECTED_OFFSET, b"%d" % record.offset),
        (REJECTED_AT, now.isoformat().encode()),
    )
    # No text of another header is kept: a header of a record that could not be read might hold personal data.
    context = Origin.of(record).traceparent
    trace: Headers = () if context is None else ((TRACEPARENT, context),)
    at_a_door = _exercise_at_a_door(record) + _cut_at_a_door(record)
    key, value, headers = _fitting(record.key, record.value, why + at_a_door + trace)
    return Output(record.topic + REJECTED_SUFFIX, record.partition, key, value, headers)


def _fitting(key: bytes | None, value: bytes | None, headers: Headers) -> tuple[bytes | None, bytes | None, Headers]:
    """Return key, value and headers as a `.rejected` topic takes them: whole if they fit, else cut, with a digest."""
    if isinstance(value, UnreadableBatch):
        headers = _uncut(headers) + _cut(value, value.length, value.sha256)
        value = bytes(value)
    elif _size(key, value, headers) > MAX_REQUEST_BYTES:
        if value is not None and len(value) > FIRST_PART_BYTES:
            kept = value[:FIRST_PART_BYTES]
            headers = _uncut(headers) + _cut(kept, len(value), hashlib.sha256(value).hexdigest())
            value = kept
        if key is not None and len(key) > FIRST_PART_BYTES:
            headers += (
                (REJECTED_KEY_LENGTH, b"%d" % len(key)),
                (REJECTED_KEY_SHA256, hashlib.sha256(key).hexdigest().encode()),
            )
            key = key[:FIRST_PART_BYTES]
    return key, value, headers


def entry_rejected(
    work: PutAside, timer: Timer | None, *, changelog: str, partition: int, by: str, now: datetime
) -> Output:
    """Return a timer, effect or entry that was put aside, as an output for the changelog's `.rejected` topic.

    The key is the entry's key, or the timer's name; the value is the entry's. Such work has no offset, so
    `rejected-offset` holds the time, in microseconds since 1970 (UTC).
    """
    what = "timer" if work.timer is not None else "effect" if work.effect is not None else "entry"
    headers: Headers = (
        (REJECTED_REASON, f"{what}: ended the turn that it was in, also alone ({work.error})".encode()),
        (REJECTED_FIELD, what.encode()),
        (REJECTED_ERROR, work.error.encode()),
        (REJECTED_BY, by.encode()),
        (REJECTED_FROM, changelog.encode()),
        (REJECTED_PARTITION, b"%d" % partition),
        (REJECTED_OFFSET, b"%d" % micros(now)),
        (REJECTED_AT, now.isoformat().encode()),
        *(() if timer is None else ((REJECTED_DUE, timer.at.isoformat().encode()),)),
    )
    return Output(changelog + REJECTED_SUFFIX, partition, *_fitting(work.entry or work.timer, work.value, headers))


def _cut_at_a_door(record: Record) -> Headers:
    lengths = [text for name, text in record.headers if name == REFUSED_LENGTH]
    if not lengths or record.value is None:
        return ()
    return (REJECTED_LENGTH, length_text(length_of(lengths[0] or b""))), (REJECTED_KEPT, b"%d" % len(record.value))


def _exercise_at_a_door(record: Record) -> Headers:
    """Keep a door's mark of an exercise: what is sent again without it would reach a live agency."""
    is_exercise = any(name == REFUSED_EXERCISE for name, _ in record.headers)
    return ((REJECTED_EXERCISE, b"true"),) if is_exercise else ()


def _uncut(headers: Headers) -> Headers:
    return tuple(each for each in headers if each[0] not in (REJECTED_LENGTH, REJECTED_KEPT))


def _cut(kept: bytes, length: int, sha256: str) -> Headers:
    return (
        (REJECTED_LENGTH, b"%d" % length),
        (REJECTED_SHA256, sha256.encode()),
        (REJECTED_KEPT, b"%d" % len(kept)),
    )


def _size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Return the most bytes that a batch of this one record can take."""
    of_headers = sum(len(name) + len(text) + _HEADER_FRAME_BYTES for name, text in headers)
    return _FRAME_BYTES + len(key or b"") + len(value or b"") + of_headers
