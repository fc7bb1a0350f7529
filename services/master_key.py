"""Checks at the start of a process that its master key is the one that wraps the keys on the topic."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from kafka import TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from pydantic import ValidationError

from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.records import KeyRecord
from schemas.topics import TopicName
from services.committed_reader import committed_reader
from services.settings import SettingsError
from streams.domain.sealing import master_check

#: Number of offsets at the end of each partition that are searched for a check value.
_TAIL = 1_000
#: Time limit of one answer of Kafka (seconds).
_SECONDS = 10.0
#: How long Kafka is asked again, and the wait before each repetition (seconds). If many processes start at once on a
#: small machine, an answer may take longer than its limit.
PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS = 0.5

_log = structlog.get_logger("confide.keys")


def _log_disagreement(partitions: Sequence[int]) -> None:
    _log.error(
        "the newest keys of some partitions are wrapped with another master key",
        topic=str(TopicName.KEYS),
        partitions=partitions,
    )


def check_master_key(
    bootstrap: str,
    master: bytes,
    disagree: Callable[[Sequence[int]], None] = _log_disagreement,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Compare `master` with the check values on the keys topic; raise `SettingsError` if all are of another key.

    Reads the newest committed check value of each partition. If some are of this key and some of another, `disagree` is
    called with the partitions of the latter (by default it logs an error) and the process may start: a report whose key
    does not unwrap is handed over to a human. If no check value is found (no keys yet, or only those of older writers)
    the process may start. A slow or starting Kafka is asked again for `patience` seconds, then `SettingsError` is
    raised. Records that cannot be read are skipped.
    """
    found = _newest_checks_with_retries(bootstrap, patience)
    ours = master_check(master)
    others = [partition for partition, check in sorted(found.items()) if check != ours]
    if not others:
        return
    if len(others) == len(found):
        raise SettingsError(
            f"the master key in CONFIDE_KEYS is not the one that the keys on {TopicName.KEYS} are wrapped with"
        )
    disagree(others)


def _newest_checks_with_retries(bootstrap: str, patience: float) -> dict[int, bytes]:
    until = time.monotonic() + patience
    while True:
        try:
            return _newest_checks(bootstrap)
        except KafkaError as error:
            if time.monotonic() > until:
                raise SettingsError(f"Kafka at {bootstrap} does not answer ({type(error).__name__})") from error
            _log.warning("Kafka is slow to answer, it is asked again", error=type(error).__name__)
            time.sleep(_AGAIN_SECONDS)


def _newest_checks(bootstrap: str) -> dict[int, bytes]:
    """Return the newest committed check value of each partition that has one."""
    consumer = committed_reader(
        bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        allow_auto_create_topics=False,
        bootstrap_timeout_ms=int(_SECONDS * 1_000),
    )
    try:
        partitions = consumer.partitions_for_topic(str(TopicName.KEYS)) or ()
        sources = [TopicPartition(str(TopicName.KEYS), partition) for partition in partitions]
        return {
            record.partition: check
            for record in _tails(consumer, sources)
            if (check := _check_of(record.value)) is not None
        }
    finally:
        consumer.close()


def _tails(consumer: Any, sources: list[TopicPartition]) -> Iterator[Any]:
    """Yield the last committed records of each partition, in order within a partition."""
    if not sources:
        return
    consumer.assign(sources)
    starts, ends = consumer.beginning_offsets(sources), consumer.end_offsets(sources)
    for source in sources:
        consumer.seek(source, max(starts[source], ends[source] - _TAIL))
    until = time.monotonic() + _SECONDS
    while any(consumer.position(source) < ends[source] for source in sources):
        if time.monotonic() > until:
            raise KafkaTimeoutError("the keys on the topic were not read in time")
        for records in consumer.poll(timeout_ms=100, max_records=1_000).values():
            yield from records


def _check_of(value: bytes | None) -> bytes | None:
    """Return the check value of a key record; None for a tombstone, a record without one or an unreadable record."""
    if value is None:
        return None
    try:
        return KeyRecord.model_validate(decode(value, "KeyRecord")[1]).master_check
    except (Unreadable, ValidationError):
        return None
