"""The content and order of a call of the receiver, and when a call that it does not take is given up.

| due | position in a call |
|---|---|
| a cause that the receiver does not know | before the others, by kind, then by how long it is due |
| a higher step of a cause that it knows | by how long it is due |
| an all-clear | by how long it is due |
| a cause of a call that was given up | in separate calls, which get smaller until the receiver takes them |

Each of the first three has `SHARE` positions in a call, so many alarms of one sort do not delay the others. A call is
given up at once if the receiver refuses it for good, and after `ATTEMPTS` in any case. Otherwise all alarms would wait
behind a body that the receiver never takes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from heapq import nsmallest
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.fields import Time
from schemas.vocabulary import AlarmKind
from streams.domain.alarms import CauseStatus

#: The most alarms and all-clears in one call. The others follow in the next calls.
MAX_LISTED = 100
#: The positions in a call that are kept for first alarms, for higher steps and for all-clears each, if so many are due.
SHARE = 10
#: The interval between a call that was delivered or given up and the next call.
BETWEEN_CALLS = timedelta(seconds=5)
#: Attempts at one call, about half a minute, before it is given up.
ATTEMPTS = 5
_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(minutes=1)
#: The responses of 4xx by which a receiver asks for the same call again (RFC 9110, 8470 and 6585).
_ASKS_AGAIN = frozenset({"status_408", "status_425", "status_429"})

#: The most urgent first. A lane that refuses work, an agency that takes no report or a failing lane causes many late
#: reviews, and each of these kinds has few causes.
_ORDER: Mapping[AlarmKind, int] = {
    kind: rank
    for rank, kind in enumerate(
        (
            AlarmKind.LANE,
            AlarmKind.BREAKER,
            AlarmKind.HIDDEN,
            AlarmKind.FAILING,
            AlarmKind.CLOCK,
            AlarmKind.UNDELIVERED,
            AlarmKind.REVIEW,
        )
    )
}
_MICROSECOND = timedelta(microseconds=1)


class News(IntEnum):
    """What a call has to report about a cause."""

    FIRST = 0
    HIGHER_STEP = 1
    ALL_CLEAR = 2
    #: It was in a call that was given up.
    AGAIN = 3


class Call(BaseModel):
    """A call of the receiver, kept until it is delivered or given up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: JSON.
    body: str
    #: Idempotency key: the SHA-256 of the body.
    key: str
    #: It lists at least one alarm, not only all-clears.
    has_alarms: bool
    #: The causes that it lists, as they were when it was composed.
    listed: tuple[CauseStatus, ...] = ()
    #: Attempts that failed.
    failures: int = 0
    #: When the next attempt is due; None while one is under way.
    retry_at: Time | None = None

    @property
    def is_again(self) -> bool:
        """Whether it lists causes of a call that was given up."""
        return any(status.given_up for status in self.listed)

    def failed(self, now: datetime) -> "Call":
        """Return the call after a failed attempt; the wait doubles from 1 s to 60 s."""
        return self.model_copy(update={"failures": self.failures + 1, "retry_at": now + _wait(self.failures)})

    def is_given_up(self, result: str) -> bool:
        """Return whether this attempt was the last; `failures` already counts it, and `result` is its code."""
        if not self.listed:
            return False  # A call kept by the first version has no causes to list in another call.
        return is_refusal(result) or self.failures >= ATTEMPTS or self.is_again

    @property
    def backoff(self) -> timedelta:
        """How long its causes wait after it was given up, and those of other given-up calls after it was delivered."""
        return max(2 * BETWEEN_CALLS, _wait(max((status.given_up for status in self.listed), default=0)))


@dataclass(frozen=True, slots=True, order=True)
class CallPosition:
    """The position of a cause among those that are due: the smallest comes first."""

    news: News
    given_up: int
    rank: int
    due_since: int
    kind: AlarmKind

    @classmethod
    def of(cls, status: CauseStatus) -> "CallPosition":
        """Return the position of a cause that is due."""
        since = status.due_since or status.since
        at = (since - datetime.fromtimestamp(0, since.tzinfo)) // _MICROSECOND
        news = _news(status)
        return cls(news, status.given_up, _ORDER[status.kind] if news is News.FIRST else 0, at, status.kind)

    def to_bytes(self) -> bytes:
        """Return the position as an entry of the lane's state."""
        return f"{self.news:d} {self.given_up} {self.rank} {self.due_since} {self.kind}".encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> "CallPosition":
        """Return the position of an entry's value; an entry of the first version has four fields, all others five."""
        *numbers, kind = value.decode().split(" ")
        if len(numbers) == 3:
            # Its first field was 4 for a cleared cause, and the rank of the kind below that.
            order, _, since = map(int, numbers)
            return cls(News.FIRST if order < 4 else News.ALL_CLEAR, 0, order, since, AlarmKind(kind))
        news, given_up, rank, since = map(int, numbers)
        return cls(News(news), given_up, rank, since, AlarmKind(kind))


Waiting = tuple[CallPosition, bytes]


def choose(waiting: Sequence[Waiting], width: int | None) -> list[Waiting]:
    """Return the causes that the next call lists, in its order; empty if none may be listed now.

    `width`: how many causes of given-up calls the call may list; None: none of them at present.
    """
    by_news: dict[News, list[Waiting]] = {news: [] for news in News}
    for position, key in waiting:
        by_news[position.news].append((position, key))
    if width is not None and (again := by_news[News.AGAIN]):
        return nsmallest(width, again)
    shared = [nsmallest(MAX_LISTED, by_news[news]) for news in (News.FIRST, News.HIGHER_STEP, News.ALL_CLEAR)]
    listed = [each for queue in shared for each in queue[:SHARE]]
    rest = [each for queue in shared for each in queue[SHARE:]]
    return sorted([*listed, *rest[: MAX_LISTED - len(listed)]])


def narrower(call: Call) -> int:
    """Return how many causes of given-up calls the next call may list: half of this call's."""
    return max(1, len(call.listed) // 2)


def is_refusal(result: str) -> bool:
    """Return whether the receiver refuses this call for good: by any 4xx that does not ask for it again."""
    return result.startswith("status_4") and result not in _ASKS_AGAIN


def compose(listed: Sequence[CauseStatus], more: Mapping[AlarmKind, int], now: datetime) -> Call:
    """Return the call that lists these causes in this order; `more` counts the causes that wait for the next calls."""
    alarms = [_alarm(status) for status in listed if status.is_raised]
    cleared = [_named(status) for status in listed if not status.is_raised]
    fields = {
        "at": now.isoformat(),
        "alarms": alarms,
        "cleared": cleared,
        "more": {kind.value: more[kind] for kind in _ORDER if more.get(kind)},
    }
    body = json.dumps(fields, separators=(",", ":"))
    key = hashlib.sha256(body.encode()).hexdigest()
    return Call(body=body, key=key, has_alarms=bool(alarms), listed=tuple(listed))


def _wait(failures: int) -> timedelta:
    return min(_LONGEST_RETRY, _FIRST_RETRY * (1 << min(failures, 10)))


def _news(status: CauseStatus) -> News:
    if status.given_up:
        return News.AGAIN
    if not status.is_raised:
        return News.ALL_CLEAR
    return News.FIRST if status.known_step is None else News.HIGHER_STEP


def _alarm(status: CauseStatus) -> dict[str, Any]:
    return {**_named(status), "step": status.step, "facts": status.call_facts}


def _named(status: CauseStatus) -> dict[str, Any]:
    return {"cause": status.cause, "kind": status.kind.value, "since": status.since.isoformat()}
