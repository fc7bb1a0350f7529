"""Notices records that an open transaction hides for long: a partition's last stable offset stays behind its end.

A read_committed reader gets nothing from the first open transaction on, until its writer ends it or the broker aborts
it. So an emergency may wait behind the transaction of a stranger, and no reader sees that it is there.

A turn of a lane is one transaction, of some milliseconds. That of a lane whose process was killed lasts for as long as
the broker keeps it open (`DEAD_WRITER_SECONDS`); it is no reason for an alarm. No lane's turn hides the records of a
topic that is written from outside, so there a shorter time counts.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from streams.runtime.clock import steady_seconds

#: How long the last stable offset may stay behind before it is reported (seconds). Longer than the broker keeps the
#: transaction of a dead lane open: 6 s, then at most a second until it looks.
DEAD_WRITER_SECONDS = 8.0
#: The same for a topic that is written from outside.
OUTSIDE_SECONDS = 3.0
#: Without a fetch response for this long (seconds) the time counts anew: the broker was away, or was not asked.
_SILENT_SECONDS = 2.0
#: Period at which it is reported again while it lasts, and period of a look (seconds).
REPORT_AGAIN_SECONDS = 60.0
_LOOK_SECONDS = 0.5

#: A topic and one of its partitions.
Source = tuple[str, int]

_log = structlog.get_logger("confide.runtime")


@dataclass(frozen=True, slots=True)
class RecordsHidden:
    """An open transaction hides the records of a partition; reported every minute for as long as it does."""

    topic: str
    partition: int
    #: How long the last stable offset has not moved.
    seconds: float


@dataclass(frozen=True, slots=True)
class RecordsShown:
    """The last stable offset of a partition has moved, or another process reads the partition."""

    topic: str
    partition: int


HiddenEvent = RecordsHidden | RecordsShown


class _Behind(NamedTuple):
    """A last stable offset that is behind the end of the log: since when, and when a response last said so."""

    stable: int
    since: float
    seen_at: float


class _Reported(NamedTuple):
    stable: int
    at: float


class HiddenRecords:
    """The partitions of one consumer whose last stable offset is behind. `note` and `forget` are for any thread.

    `outside`: topics that are written from outside. `steady` returns seconds since any fixed moment.
    """

    def __init__(self, outside: Collection[str] = (), steady: Callable[[], float] = steady_seconds) -> None:
        self._outside = frozenset(outside)
        self._steady = steady
        self._lock = threading.Lock()
        #: The time stamp of the last response of each partition.
        self._responses: dict[Source, int] = {}
        self._behind: dict[Source, _Behind] = {}
        self._reported: dict[Source, _Reported] = {}

    def note(self, source: Source, response: int | None, stable: int | None, end: int | None) -> None:
        """Note the last stable offset and the end (high watermark) of a fetch response, whose time is `response`."""
        if response is None or stable is None or stable < 0 or end is None or self._responses.get(source) == response:
            return
        now = self._steady()
        with self._lock:
            self._responses[source] = response
            before = self._behind.get(source)
            if stable >= end:
                self._behind.pop(source, None)
            elif before is None or before.stable != stable or now > before.seen_at + _SILENT_SECONDS:
                self._behind[source] = _Behind(stable, now, now)
            else:
                self._behind[source] = before._replace(seen_at=now)

    def partitions_of(self, topic: str) -> list[int]:
        """Return the partitions of a topic that are known here."""
        with self._lock:
            return [partition for each, partition in self._responses if each == topic]

    def forget(self, source: Source) -> None:
        """Forget a partition: another process reads it now, and reports anew what it sees."""
        with self._lock:
            self._responses.pop(source, None)
            self._behind.pop(source, None)

    def look(self) -> list[HiddenEvent]:
        """Return the events to report since the last call."""
        with self._lock:
            behind = dict(self._behind)
        return [*self._shown(behind), *self._hidden(behind)]

    async def watch(self, report: Callable[[HiddenEvent], None]) -> None:
        """Look again and again until cancelled, and report each event."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for event in self.look():
                report(event)

    def _shown(self, behind: dict[Source, _Behind]) -> Iterator[HiddenEvent]:
        for source, reported in list(self._reported.items()):
            if source not in behind or behind[source].stable != reported.stable:
                del self._reported[source]
                _log.warning("records are hidden no more", topic=source[0], partition=source[1])
                yield RecordsShown(*source)

    def _hidden(self, behind: dict[Source, _Behind]) -> Iterator[HiddenEvent]:
        now = self._steady()
        for source, found in behind.items():
            topic, partition = source
            seconds = found.seen_at - found.since
            reported = self._reported.get(source)
            if now > found.seen_at + _SILENT_SECONDS:
                # Not known any more; without new reports the alarm ends by itself.
                continue
            if seconds < (OUTSIDE_SECONDS if topic in self._outside else DEAD_WRITER_SECONDS):
                continue
            if reported is None:
                _log.critical(
                    "an open transaction hides records", topic=topic, partition=partition, offset=found.stable
                )
            elif now - reported.at < REPORT_AGAIN_SECONDS:
                continue
            self._reported[source] = _Reported(found.stable, now)
            yield RecordsHidden(topic, partition, round(seconds, 3))
