"""What an agent is to the runtime: a batch of records in, outputs and state changes out, nothing of Kafka.

    class Count(Agent[str, None, None]):
        def decode(self, record): return record.value.decode()
        def handle(self, batch, turn):
            for record, word in batch:
                seen = int(turn.get(word.encode()) or b"0") + 1
                turn.put(word.encode(), b"%d" % seen)
                turn.send("counts", record.key, b"%d" % seen, cause=Cause.of(record))

The runtime makes one transaction of everything a turn collected, the offsets of its batch included. Work outside
(an agency's HTTP call) is an *effect*: started by a turn, performed after its commit, settled in a turn of its own.
What is to happen later is a *timer*: kept in the lane's state, so that it outlives the process, and due in a turn of
its own. An entry of the state may have an end (`until`), after which it is dropped: by this process's clock and by the
times that the broker stamped.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from schemas.errors import Invalid
from schemas.telemetry import TRACEPARENT

M = TypeVar("M")
E = TypeVar("E")
R = TypeVar("R")

Headers = tuple[tuple[str, bytes], ...]

#: W3C Trace Context, version 00. What is not of this form might be anything, a person's number too: it goes no further.
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def micros(at: datetime) -> int:
    """Return a time as microseconds since 1970, UTC."""
    return round(at.timestamp() * 1_000_000)


def at_micros(count: int) -> datetime:
    """Return the time that is that many microseconds after 1970, UTC."""
    return datetime.fromtimestamp(count // 1_000_000, UTC).replace(microsecond=count % 1_000_000)


class Record(NamedTuple):
    """One record as it was read; `timestamp` in milliseconds since 1970, UTC.

    `is_stamped`: the broker set `timestamp` when it appended the record (`LogAppendTime`); else its writer claims it.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    is_stamped: bool = False

    def arrived_at(self, now: datetime) -> datetime:
        """Return when the broker appended the record; `now` where it did not stamp it."""
        return at_micros(self.timestamp * 1_000) if self.is_stamped else now


@dataclass(frozen=True, slots=True)
class Cause:
    """What brought an output about, as far as a trace follows it: a W3C `traceparent`, or none."""

    traceparent: bytes | None = None

    @classmethod
    def of(cls, record: Record) -> "Cause":
        """Return the trace context that the record carries, none where what it carries is not one."""
        for name, value in record.headers:
            if name == TRACEPARENT:
                return cls(value if value and _TRACEPARENT.fullmatch(value) else None)
        return cls()


class Output(NamedTuple):
    """A record to write; `partition` None: by the key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Timer:
    """When something is due, what brought it about, and how long the wait was when it was set."""

    at: datetime
    cause: Cause = Cause()
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class PutAside:
    """A timer, an effect or a state entry on which the agent raised again when it ran alone.

    The runtime has written it to the changelog's `.rejected` topic, and removes the timer and the entry.
    """

    #: What it was: exactly one of the three is set, or `entry` beside the timer or effect that it belongs to.
    timer: bytes | None
    effect: Any | None
    entry: bytes | None
    #: The entry's value, None where there is no entry.
    value: bytes | None
    #: Class of the error.
    error: str


class Turn:
    """Collects what follows from a batch; nothing of it happens before all of it is committed together.

    `state` is what was committed before, `expiries` when entries of it end, and `stamp` the newest time that the broker
    stamped (microseconds since 1970, UTC; None: as late as `now`). An entry has ended once both `now` and `stamp` have
    passed its end: a clock that is ahead ends nothing too early.
    """

    def __init__(
        self,
        state: Mapping[bytes, bytes],
        now: datetime,
        expiries: Mapping[bytes, int] = MappingProxyType({}),
        stamp: int | None = None,
    ) -> None:
        self.now = now
        self.outputs: list[Output] = []
        self.changes: dict[bytes, bytes | None] = {}
        #: When the entries that this turn puts end, those that do.
        self.expiries: dict[bytes, datetime] = {}
        #: Timers set, None: taken back.
        self.timers: dict[bytes, Timer | None] = {}
        self.rejects: list[tuple[Record, Invalid]] = []
        self.effects: list[tuple[Any, Cause]] = []
        #: Set by the runtime for the record at work: the context its outputs carry instead of the record's own.
        self.contexts: dict[bytes, bytes] = {}
        self._state = state
        self._untils = expiries
        at = micros(now)
        stamp = at if stamp is None else stamp
        self._ended_by = min(at, stamp)
        #: How far this process's clock is behind the broker's stamps.
        self._behind = timedelta(microseconds=max(0, stamp - at))

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key` in the lane's state, this turn's changes included; None once it has ended."""
        if key in self.changes:
            return self.changes[key]
        value = self._state.get(key)
        if value is not None and key in self._untils and self._untils[key] <= self._ended_by:
            return None
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the entries whose key starts with `prefix`; reads the whole state, so not for use in a batch."""
        for key in {*self._state, *self.changes}:
            if key.startswith(prefix) and (value := self.get(key)) is not None:
                yield key, value

    def put(self, key: bytes, value: bytes, *, until: datetime | None = None) -> None:
        """Set `key` in the lane's state; once `until` has passed it is dropped, without it it stays.

        Where the broker's stamps are ahead of `now`, it ends that much later: it is kept for as long as was meant.
        """
        self.changes[key] = value
        if until is not None:
            self.expiries[key] = until + self._behind
        else:
            self.expiries.pop(key, None)

    def drop(self, key: bytes) -> None:
        """Remove `key` from the lane's state."""
        self.changes[key] = None
        self.expiries.pop(key, None)

    def schedule(self, timer: bytes, at: datetime, *, cause: Cause = Cause()) -> None:
        """Have `due(timer)` called in a turn of its own once `at` has passed; a timer of that name is replaced.

        A lane that opens again with a clock which is behind waits for no longer than from `now` to `at`, so `due` may
        come before `at` by that clock: it must not compare the two.
        """
        self.timers[timer] = Timer(at, cause, max(timedelta(0), at - self.now))

    def unschedule(self, timer: bytes) -> None:
        """Take a timer back; nothing where there is none."""
        self.timers[timer] = None

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, *, cause: Cause, partition: int | None = None
    ) -> None:
        """Write a record; `partition` where the caller knows it already, else by the key."""
        self.outputs.append(Output(topic, partition, key, value, self._headers(cause)))

    def reject(self, record: Record, invalid: Invalid) -> None:
        """Put the record, whole, on its `.rejected` topic, with why, whence and when in its headers."""
        self.rejects.append((record, invalid))

    def start(self, effect: Any, *, cause: Cause) -> None:
        """Have `perform(effect)` run once this turn is committed."""
        self.effects.append((effect, cause))

    def _headers(self, cause: Cause) -> Headers:
        context = cause.traceparent
        if context is None:
            return ()
        return ((TRACEPARENT, self.contexts.get(context, context)),)


#: How long an effect may be performed (seconds), unless its agent says otherwise. The agencies' own time limits are
#: far below it: what lasts longer waits for what never comes, and only this notices.
EFFECT_SECONDS = 120.0


class Agent(ABC, Generic[M, E, R]):
    """The work of one lane; the runtime makes one instance for each. M: a decoded message, E: an effect, R: its result.

    An exception of a method, other than `Invalid` from `decode`, ends the process once: its successor finds all of a
    turn or none. A record, timer, effect or entry on which a method raises again there is put aside (`poison_records`).
    """

    #: Prefix of the keys of entries that are unfinished work: `resume` is called for each when the lane opens.
    unfinished: bytes | None = None
    #: How long `perform` may take (seconds); a longer one is cancelled, and counts as one that raised `TimeoutError`.
    effect_seconds: float = EFFECT_SECONDS

    @abstractmethod
    def decode(self, record: Record) -> M:
        """Return what the record says; raise `Invalid` and the record is rejected, the rest of its batch goes on."""

    @abstractmethod
    def handle(self, batch: Sequence[tuple[Record, M]], turn: Turn) -> None:
        """Work off records of a batch, in order; a long batch comes in several parts of one turn."""

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - for agents with such entries
        """Take up one unfinished entry of the restored state, before the first batch."""
        raise TypeError(f"{type(self).__name__} has unfinished entries and does not say how they are resumed")

    def slot(self, effect: E) -> AbstractAsyncContextManager[None] | None:  # noqa: ARG002 - for effects that wait for one
        """Return the slot that the effect waits for and holds while it is performed; None: it needs none."""
        return None

    def starting(self, effect: E, turn: Turn, cause: Cause) -> bool:  # noqa: ARG002 - for effects with a slot
        """Record, once an effect has its slot, that it is about to be performed; return False to leave it out.

        Called for effects with a slot only. The turn is committed before `perform` is called.
        """
        return True

    async def perform(self, effect: E) -> R:  # noqa: ARG002 - for those that start any
        """Do the work outside; failures are results, an exception ends the process."""
        raise TypeError(f"{type(self).__name__} starts effects and does not say how they are performed")

    def effect_done(self, effect: E, result: R, turn: Turn, cause: Cause) -> None:
        """Say what follows from an effect's result; nothing unless an agent says so."""

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Say what follows from a record's rejection, beside its place in `.rejected`; nothing unless an agent says so.

        Called once for each record that the turn rejects, after the batch was handled.
        """

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - for those that set any
        """Say what follows now that a timer's time has come; the timer is gone from the state."""
        raise TypeError(f"{type(self).__name__} sets timers and does not say what follows from them")

    def entry_of(self, work: "bytes | E") -> bytes | None:  # noqa: ARG002 - for timers and effects of an entry
        """Return the key of the state entry that a timer (by its name) or an effect belongs to; None: it has none."""
        return None

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:
        """Hand work that was put aside to a human; nothing unless an agent says so."""
