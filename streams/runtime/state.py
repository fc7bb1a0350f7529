"""A lane's state in memory, and each of its records as the changelog holds them.

| first byte of the key | rest of the key | value | header `until` |
|---|---|---|---|
| `s` | an entry's key | the entry | when it ends, microseconds since 1970 (UTC), none: never |
| `t` | a timer's name | when it is due, microseconds, then `|` and its W3C `traceparent` or nothing | |
| `o` | a topic | the lane's next offset in it | |
| `k` | a topic | `begin|end|error`: the offsets of a turn that raised, and the error's class | |

No value is a tombstone: dropped, ended, done with.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from streams.runtime.agent import Cause, Headers, Timer, Turn, at_micros, micros

_ENTRY, _TIMER, _NEXT_OFFSET, _SUSPECT = b"s", b"t", b"o", b"k"
_UNTIL = "until"
#: More dead times than this in the queue of what is due, and more than live ones: it is made anew.
_DEAD_TIMES = 10_000


class Entry(NamedTuple):
    """One record of the changelog, without its topic."""

    key: bytes
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """Offsets `begin` to `end`, exclusive, of a topic: a turn over them raised an error of that class."""

    begin: int
    end: int
    error: str


class LaneState:
    """Entries, timers and next offsets of one lane, as they are committed."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.untils: dict[bytes, int] = {}
        self.timers: dict[bytes, Timer] = {}
        #: By topic; while a lane is open, of every source.
        self.next_offsets: dict[str, int] = {}
        self.suspects: dict[str, Suspect] = {}
        #: (when, first byte of the record's key, rest of the key), earliest first; those that changed since stay in it.
        self._due: list[tuple[int, bytes, bytes]] = []

    def turn(self, now: datetime) -> Turn:
        """Return an empty turn over this state."""
        return Turn(self.entries, now, self.untils)

    def next_due(self) -> datetime | None:
        """Return when the next timer is due or the next entry ends, None where nothing is to come."""
        self._forget_dead()
        return at_micros(self._due[0][0]) if self._due else None

    def is_next_a_timer(self) -> bool:
        """Return whether what comes next is a timer and not the end of an entry."""
        return bool(self._due) and self._due[0][1] == _TIMER

    def take_due(self, now: datetime, limit: int) -> tuple[list[tuple[bytes, Timer]], list[bytes]]:
        """Return up to `limit` timers that are due and keys of entries that have ended; they stay until committed."""
        timers, ended = [], []
        # A time that was set twice has two equal places, and is one.
        kept: dict[tuple[int, bytes, bytes], None] = {}
        until = micros(now)
        while len(kept) < limit and self._due and self._due[0][0] <= until:
            due = heapq.heappop(self._due)
            if due in kept or self._is_dead(due):
                continue
            kept[due] = None
            if due[1] == _TIMER:
                timers.append((due[2], self.timers[due[2]]))
            else:
                ended.append(due[2])
        for due in kept:
            heapq.heappush(self._due, due)
        return timers, ended

    def commit(self, turn: Turn) -> None:
        """Take over what a turn changed."""
        for key, value in turn.changes.items():
            if value is None:
                self.entries.pop(key, None)
                self.untils.pop(key, None)
                continue
            self.entries[key] = value
            if (until := turn.untils.get(key)) is not None:
                self._ends(key, micros(until))
            elif self.untils:
                self.untils.pop(key, None)
        for name, timer in turn.timers.items():
            if timer is None:
                self.timers.pop(name, None)
            else:
                self._times(name, timer)

    def apply(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> None:
        """Take over one record of the changelog, in its order."""
        kind, rest = key[:1], key[1:]
        if kind == _ENTRY:
            if value is None:
                self.entries.pop(rest, None)
                self.untils.pop(rest, None)
            else:
                self.entries[rest] = value
                if headers and headers[0][0] == _UNTIL:
                    self._ends(rest, int(headers[0][1]))
                elif self.untils:
                    self.untils.pop(rest, None)
        elif kind == _NEXT_OFFSET:
            self.next_offsets[rest.decode()] = int(value or b"0")
        elif kind == _TIMER:
            if value is None:
                self.timers.pop(rest, None)
            else:
                at, _, trace = value.partition(b"|")
                self._times(rest, Timer(at_micros(int(at)), Cause(trace or None)))
        elif kind == _SUSPECT:
            if value is None:
                self.suspects.pop(rest.decode(), None)
            else:
                begin, end, error = value.decode().split("|", 2)
                self.suspects[rest.decode()] = Suspect(int(begin), int(end), error)

    def _ends(self, key: bytes, until: int) -> None:
        self.untils[key] = until
        heapq.heappush(self._due, (until, _ENTRY, key))

    def _times(self, name: bytes, timer: Timer) -> None:
        self.timers[name] = timer
        heapq.heappush(self._due, (micros(timer.at), _TIMER, name))

    def _is_dead(self, due: tuple[int, bytes, bytes]) -> bool:
        when, kind, key = due
        if kind == _TIMER:
            timer = self.timers.get(key)
            return timer is None or micros(timer.at) != when
        return self.untils.get(key) != when

    def _forget_dead(self) -> None:
        while self._due and self._is_dead(self._due[0]):
            heapq.heappop(self._due)
        alive = len(self.timers) + len(self.untils)
        if len(self._due) > _DEAD_TIMES + 2 * alive:
            self._due = list({due for due in self._due if not self._is_dead(due)})
            heapq.heapify(self._due)


def changed(turn: Turn) -> Iterator[Entry]:
    """Yield the changelog records of what a turn changed."""
    untils = turn.untils
    for key, value in turn.changes.items():
        until = untils.get(key) if untils else None
        yield Entry(_ENTRY + key, value, () if until is None else ((_UNTIL, b"%d" % micros(until)),))
    for name, timer in turn.timers.items():
        at = None if timer is None else b"%d|%b" % (micros(timer.at), timer.cause.traceparent or b"")
        yield Entry(_TIMER + name, at)


def moved(offsets: Mapping[str, int]) -> Iterator[Entry]:
    """Yield the changelog records of a lane's next offsets, by topic."""
    for topic, offset in offsets.items():
        yield Entry(_NEXT_OFFSET + topic.encode(), b"%d" % offset)


def suspected(topic: str, suspect: Suspect | None) -> Entry:
    """Return the changelog record of what a topic's lane is to isolate, None for nothing any more."""
    value = None if suspect is None else f"{suspect.begin}|{suspect.end}|{suspect.error}".encode()
    return Entry(_SUSPECT + topic.encode(), value)
