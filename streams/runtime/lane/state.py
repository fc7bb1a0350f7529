"""A lane's state in memory, and the form of each of its records in the changelog.

| first byte of the key | rest of the key | value | header `until` |
|---|---|---|---|
| `s` | an entry's key | the entry | when it ends, microseconds since 1970 (UTC); without the header, never |
| `t` | a timer's name | `at|wait|traceparent`: when it is due and its whole wait, microseconds; none: empty | |
| `o` | a topic | the lane's next offset in it | |
| `k` | a topic | `begin|end|error`: the offsets of a turn that raised, and the error's class | |
| `r` | | `at|error`: when the lane last ended its process, microseconds, and the error's class | |
| `p` | | when records, timers, effects and entries were put aside, microseconds, separated by commas | |
| `n` | a topic | how often the lane opened since its next offset in the topic last moved | |
| `y` | a topic | `offset|tries`: the record on trial, and how many processes began it | |
| `x` | | `tries|name|name…`: how many processes began the items on trial, and their names, hexadecimal | |
| `c` | a topic | where its log ended when it was first seen to end before the lane's next offset | |

A record without a value is a tombstone: the entry, timer or note is gone. Records of the last seven kinds are *notes*
of the lane about its own work.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from streams.runtime.agent import Headers, Origin, Timer, Turn, at_micros, micros
from streams.runtime.lane.times import Times

N = TypeVar("N")

_ENTRY, _TIMER, _NEXT_OFFSET, _SUSPECT = b"s", b"t", b"o", b"k"
_LAST_ERROR, _PUT_ASIDE, _OPENINGS, _RECORD_TRIAL, _CUT, _ITEM_TRIAL = b"r", b"p", b"n", b"y", b"c", b"x"
_UNTIL = "until"


class ChangelogRecord(NamedTuple):
    """One record of the changelog, without its topic."""

    key: bytes
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class SuspectRange:
    """Offsets `begin` to `end` (exclusive) of a topic in which a turn raised an error of class `error`."""

    begin: int
    end: int
    error: str


@dataclass(frozen=True, slots=True)
class LastError:
    """A lane ended its process at `at` (microseconds since 1970, UTC) with an error of class `error`."""

    at: int
    error: str


@dataclass(frozen=True, slots=True)
class RecordTrial:
    """The record at `offset` is handled alone; `tries` processes began to do so."""

    offset: int
    tries: int


@dataclass(frozen=True, slots=True)
class ItemTrial:
    """Items of these names are handled together; `tries` processes began to do so."""

    tries: int
    names: tuple[bytes, ...]


class LaneState:
    """Committed entries, timers, next offsets and notes of one lane."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.expiries: dict[bytes, int] = {}
        self.timers: dict[bytes, Timer] = {}
        #: By topic; while a lane is open, of every source.
        self.next_offsets: dict[str, int] = {}
        self.suspects: dict[str, SuspectRange] = {}
        self.last_error: LastError | None = None
        #: When work was put aside, microseconds since 1970 (UTC), oldest first.
        self.put_aside: list[int] = []
        #: The newest broker's stamp of a record read here, microseconds since 1970 (UTC); 0 if no record had one.
        self.stamp = 0
        #: By topic: openings since the next offset moved; the record on trial.
        self.openings: dict[str, int] = {}
        self.record_trials: dict[str, RecordTrial] = {}
        self.item_trial: ItemTrial | None = None
        #: By topic: where a log that lost its tail ended, until an operator accepts the loss.
        self.cut: dict[str, int] = {}
        # Two heaps, so that no timer waits behind entries that have ended.
        self._due = Times(lambda name: micros(timer.at) if (timer := self.timers.get(name)) else None)
        self._ends = Times(self.expiries.get)

    def turn(self, now: datetime) -> Turn:
        """Return an empty turn over this state."""
        return Turn(self.entries, now, self.expiries, self.stamp)

    def note_stamp(self, milliseconds: int) -> None:
        """Note a broker's stamp, in milliseconds since 1970 (UTC)."""
        self.stamp = max(self.stamp, milliseconds * 1_000)

    def limit_waits(self, turn: Turn) -> int:
        """Shorten each wait that is longer than its timer was set for; return how many there were.

        Call this when the lane opens. Such a wait shows that the clock is behind the one by which the timer was set.
        """
        for name, timer in self.timers.items():
            if timer.at > (latest := turn.now + timer.wait):
                turn.timers[name] = replace(timer, at=latest)
        return len(turn.timers)

    def next_due(self) -> datetime | None:
        """Return when the next timer is due, None if there is no timer."""
        return self._due.next()

    def next_end(self) -> datetime | None:
        """Return when the next entry ends; None if no entry has an end, or the broker's stamps have not passed it."""
        at = self._ends.next()
        return None if at is None or micros(at) > self.stamp else at

    def take_due(self, now: datetime, limit: int) -> list[tuple[bytes, Timer]]:
        """Return up to `limit` timers that are due, earliest first; they stay until a turn removes them."""
        return [(name, self.timers[name]) for name in self._due.passed(micros(now), limit)]

    def take_ended(self, now: datetime, limit: int) -> list[bytes]:
        """Return the keys of up to `limit` entries that have ended, earliest first; they stay until dropped."""
        return self._ends.passed(min(micros(now), self.stamp), limit)

    def commit(self, turn: Turn) -> None:
        """Apply the changes of a turn."""
        for key, value in turn.changes.items():
            if value is None:
                self.entries.pop(key, None)
                self.expiries.pop(key, None)
                continue
            self.entries[key] = value
            if (until := turn.expiries.get(key)) is not None:
                self._end(key, micros(until))
            elif self.expiries:
                self.expiries.pop(key, None)
        for name, timer in turn.timers.items():
            if timer is None:
                self.timers.pop(name, None)
            else:
                self._time(name, timer)

    def apply(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> None:
        """Apply one record of the changelog. Call this in the order of the changelog."""
        kind, rest = key[:1], key[1:]
        if kind == _ENTRY:
            if value is None:
                self.entries.pop(rest, None)
                self.expiries.pop(rest, None)
            else:
                self.entries[rest] = value
                if headers and headers[0][0] == _UNTIL:
                    self._end(rest, int(headers[0][1]))
                elif self.expiries:
                    self.expiries.pop(rest, None)
        elif kind == _NEXT_OFFSET:
            self.next_offsets[rest.decode()] = int(value or b"0")
        elif kind == _TIMER:
            if value is None:
                self.timers.pop(rest, None)
            else:
                at, wait, trace = value.split(b"|", 2)
                self._time(rest, Timer(at_micros(int(at)), Origin(trace or None), timedelta(microseconds=int(wait))))
        else:
            self._apply_note(kind, rest.decode(), value)

    def _apply_note(self, kind: bytes, topic: str, value: bytes | None) -> None:
        parts = [] if value is None else value.decode().split("|", 2)
        if kind == _SUSPECT:
            _set(self.suspects, topic, SuspectRange(int(parts[0]), int(parts[1]), parts[2]) if parts else None)
        elif kind == _LAST_ERROR:
            self.last_error = LastError(int(parts[0]), parts[1]) if parts else None
        elif kind == _PUT_ASIDE:
            self.put_aside = [int(at) for at in parts[0].split(",") if at] if parts else []
        elif kind == _OPENINGS:
            _set(self.openings, topic, int(parts[0]) if parts else None)
        elif kind == _RECORD_TRIAL:
            _set(self.record_trials, topic, RecordTrial(int(parts[0]), int(parts[1])) if parts else None)
        elif kind == _ITEM_TRIAL:
            self.item_trial = _item_trial_of(value)
        elif kind == _CUT:
            _set(self.cut, topic, int(parts[0]) if parts else None)
        else:
            raise ValueError("a changelog record of no known kind")

    def _end(self, key: bytes, until: int) -> None:
        self.expiries[key] = until
        self._ends.add(until, key)

    def _time(self, name: bytes, timer: Timer) -> None:
        self.timers[name] = timer
        self._due.add(micros(timer.at), name)


def turn_records(turn: Turn) -> Iterator[ChangelogRecord]:
    """Yield the changelog records of a turn's changes."""
    expiries = turn.expiries
    for key, value in turn.changes.items():
        until = expiries.get(key) if expiries else None
        yield ChangelogRecord(_ENTRY + key, value, () if until is None else ((_UNTIL, b"%d" % micros(until)),))
    for name, timer in turn.timers.items():
        yield ChangelogRecord(_TIMER + name, None if timer is None else _timer(timer))


def _timer(timer: Timer) -> bytes:
    wait = timer.wait // timedelta(microseconds=1)
    return b"%d|%d|%b" % (micros(timer.at), wait, timer.origin.traceparent or b"")


def offset_records(offsets: Mapping[str, int]) -> Iterator[ChangelogRecord]:
    """Yield the changelog records of a lane's next offsets, by topic."""
    for topic, offset in offsets.items():
        yield ChangelogRecord(_NEXT_OFFSET + topic.encode(), b"%d" % offset)


def suspect_note(topic: str, suspect: SuspectRange | None) -> ChangelogRecord:
    """Return the note of the offsets that the lane must isolate in a topic; None ends the note."""
    value = None if suspect is None else f"{suspect.begin}|{suspect.end}|{suspect.error}".encode()
    return ChangelogRecord(_SUSPECT + topic.encode(), value)


def last_error_note(last: LastError) -> ChangelogRecord:
    """Return the note of the error with which the lane ends its process."""
    return ChangelogRecord(_LAST_ERROR, f"{last.at}|{last.error}".encode())


def put_aside_note(times: Sequence[int]) -> ChangelogRecord:
    """Return the note of the times at which work was put aside."""
    return ChangelogRecord(_PUT_ASIDE, ",".join(str(at) for at in times).encode())


def openings_note(topic: str, count: int) -> ChangelogRecord:
    """Return the note of how often the lane opened since its next offset in `topic` moved; 0 ends the note."""
    return ChangelogRecord(_OPENINGS + topic.encode(), b"%d" % count if count else None)


def record_trial_note(topic: str, trial: RecordTrial | None) -> ChangelogRecord:
    """Return the note of the record on trial; None ends the note."""
    value = None if trial is None else b"%d|%d" % (trial.offset, trial.tries)
    return ChangelogRecord(_RECORD_TRIAL + topic.encode(), value)


def item_trial_note(trial: ItemTrial | None) -> ChangelogRecord:
    """Return the note of the items on trial; None ends the note."""
    if trial is None:
        return ChangelogRecord(_ITEM_TRIAL, None)
    return ChangelogRecord(
        _ITEM_TRIAL, b"|".join((b"%d" % trial.tries, *(name.hex().encode() for name in trial.names)))
    )


def _item_trial_of(value: bytes | None) -> ItemTrial | None:
    if value is None:
        return None
    tries, *names = value.decode().split("|")
    return ItemTrial(int(tries), tuple(bytes.fromhex(name) for name in names))


def log_cut_note(topic: str, end: int | None) -> ChangelogRecord:
    """Return the note of where a log that lost its tail ended; None ends the note, once the loss is accepted."""
    return ChangelogRecord(_CUT + topic.encode(), None if end is None else b"%d" % end)


def _set(notes: dict[str, N], topic: str, note: N | None) -> None:
    if note is None:
        notes.pop(topic, None)
    else:
        notes[topic] = note
