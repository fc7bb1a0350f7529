"""Holds the due timers of a lane back until the lane has caught up with the topics that they follow.

Some timers act because a record did not come, for example an acknowledgement. After an outage such a record may wait
unread at the broker, although it was written long before the timer's time. Without the gate the timer would act on its
absence: a report would be handed over although its agency has it. See decision 0028.

The consumer's thread calls `FetchCounts` and `TimerGate.note_fetch`; the lane calls the rest.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

#: Longest wait of due timers without progress, in seconds. Longer than the broker keeps a dead writer's transaction
#: open, which hides later records. Short, because a partition without a leader must not delay every limit of the lane.
_STALLED_SECONDS = 8.0
#: The same while no source of the lane is fetched: the process has just started, or the broker is away.
_UNFETCHED_SECONDS = 30.0
#: Fetch responses after which the end of a topic is known. The first may have come earlier and not be counted yet. The
#: second may have waited in the socket while the process was suspended. The third was requested after both.
_RESPONSES = 3
#: Silence, in seconds, after which the lane counts as not fetched.
_SILENT_SECONDS = 2.0

_log = structlog.get_logger("confide.runtime")


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a partition was fetched.

    `responses` counts fetch responses. `end` is the high watermark in the last one. `position` is the offset of the
    next fetch. `handed_on` is the offset after the last record that the lane was given, 0 before the first.
    """

    responses: int
    end: int
    position: int
    handed_on: int


class FetchCounts:
    """Counts the fetch responses and the records of each partition; used by the consumer's thread alone."""

    def __init__(self) -> None:
        self._responses: dict[Any, tuple[int | None, int]] = {}
        self._handed_on: dict[Any, int] = {}

    def hand_on(self, tp: Any, next_offset: int) -> None:
        """Note the offset after the last record of a batch that is passed to its lane."""
        self._handed_on[tp] = next_offset

    def progress(self, tp: Any, stamp: int | None, end: int | None, position: int) -> FetchProgress | None:
        """Return the progress of a partition, None before its first response; `stamp` is the last response's time."""
        before, count = self._responses.get(tp, (None, 0))
        if stamp is None or end is None:
            return None
        if stamp != before:
            count += 1
            self._responses[tp] = stamp, count
        return FetchProgress(count, end, position, self._handed_on.get(tp, 0))


class TimerGate:
    """Holds the due timers of one lane back until it has handled `topics` up to their ends at that time."""

    def __init__(
        self,
        lane: str,
        topics: Collection[str],
        wake: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lane = lane
        self._topics = topics
        self._wake = wake
        self._monotonic = monotonic
        self._fetched: dict[str, FetchProgress] = {}
        #: When a source of the lane last had a response, and since when responses have come without a silence.
        self._response_at = self._fetching_since = float("-inf")
        #: When the lane noticed the first timer that is due, by the lane's clock; None: no timer waits.
        self.due_at: datetime | None = None
        #: By topic: responses before `due_at`; the end to catch up with; the offset that the lane has to reach.
        self._responses_before: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._goals: dict[str, int] = {}
        #: Progress on each topic that the lane has not caught up with, and when it last changed.
        self._unread: dict[str, tuple[int, int, int]] = {}
        self._moved_at = 0.0
        self._has_warned = False

    def note_fetch(self, topic: str, progress: FetchProgress) -> None:
        """Note the progress of a source of the lane."""
        before = self._fetched.get(topic)
        if before is None or before.responses != progress.responses:
            now = self._monotonic()
            if now > self._response_at + _SILENT_SECONDS:
                self._fetching_since = now
            self._response_at = now
        self._fetched[topic] = progress
        if self.due_at is not None:
            # Counts of a partition that this process had before go on from there.
            self._responses_before.setdefault(topic, progress.responses - 1)
            self._wake()

    def waits_for(self, topic: str) -> bool:
        """Return whether due timers wait for this topic: then it comes before routine work."""
        return self.due_at is not None and topic in self._unread

    def seconds_to_wait(self, now: datetime, next_offsets: Mapping[str, int]) -> float:
        """Return how long due timers wait at most from now on, in seconds; 0.0 when they may run.

        Call it while a timer is due. The first call starts the wait, at `now` by the lane's clock; `reset` ends it.
        """
        if not self._topics:
            return 0.0
        if self.due_at is None:
            self._start(now)
        unread = {
            topic: self._progress(topic, next_offsets) for topic in self._topics if self._lags(topic, next_offsets)
        }
        if unread != self._unread:
            self._unread, self._moved_at = unread, self._monotonic()
        if not unread:
            return 0.0
        left = self._seconds_left()
        if left > 0.0:
            return left
        if not self._has_warned:
            self._has_warned = True
            _log.warning("timers run although their lane has not caught up", lane=self._lane, topics=sorted(unread))
        return 0.0

    def reset(self) -> None:
        """End the wait: the due timers ran, or none is due any more."""
        self.due_at = None

    def _start(self, now: datetime) -> None:
        self.due_at = now
        self._responses_before = {topic: progress.responses for topic, progress in dict(self._fetched).items()}
        self._ends, self._goals, self._unread, self._has_warned = {}, {}, {}, False
        self._moved_at = self._monotonic()

    def _lags(self, topic: str, next_offsets: Mapping[str, int]) -> bool:
        if topic not in self._goals:
            progress = self._fetched.get(topic)
            if progress is None or self._new_responses(topic) < _RESPONSES:
                return True
            # Later records move the end further; the timer does not wait for those.
            if progress.position < self._ends.setdefault(topic, progress.end):
                return True
            self._goals[topic] = progress.handed_on
        return next_offsets.get(topic, 0) < self._goals[topic]

    def _new_responses(self, topic: str) -> int:
        progress = self._fetched.get(topic)
        return 0 if progress is None else progress.responses - self._responses_before.get(topic, progress.responses)

    def _progress(self, topic: str, next_offsets: Mapping[str, int]) -> tuple[int, int, int]:
        """Return numbers that change while the lane catches up with the topic."""
        progress, done = self._fetched.get(topic), next_offsets.get(topic, 0)
        if topic in self._goals or progress is None:
            return _RESPONSES, 0, done
        return min(self._new_responses(topic), _RESPONSES), progress.position, done

    def _seconds_left(self) -> float:
        now = self._monotonic()
        if now <= self._response_at + _SILENT_SECONDS:
            return max(self._moved_at, self._fetching_since) + _STALLED_SECONDS - now
        return max(self._moved_at, self._response_at) + _UNFETCHED_SECONDS - now
