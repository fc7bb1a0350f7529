"""The interface between an agent and the runtime: records in, outputs and state changes out, nothing of Kafka.

    class Count(Agent[str, None, None]):
        def decode(self, record): return record.value.decode()
        def handle(self, batch, turn):
            for record, word in batch:
                seen = int(turn.get(word.encode()) or b"0") + 1
                turn.put(word.encode(), b"%d" % seen)
                turn.send("counts", record.key, b"%d" % seen, origin=Origin.of(record))

The runtime commits everything that a turn collected in one transaction, the offsets of its batch included.

- An *effect* is work outside the lane, for example an agency's HTTP call. A turn starts it, the runtime performs it
  after the commit of that turn, and the agent handles its result in a turn of its own.
- A *timer* is a call at a later time. It is kept in the lane's state, so it outlives the process, and it is due in a
  turn of its own.
- An *entry* of the state may have an end (`until`). The runtime drops it once both this process's clock and the times
  that the broker stamped have passed that end.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from schemas.errors import Invalid
from schemas.trace_context import TRACEPARENT, is_traceparent

M = TypeVar("M")
E = TypeVar("E")
R = TypeVar("R")

Headers = tuple[tuple[str, bytes], ...]


def micros(at: datetime) -> int:
    """Return a time as microseconds since 1970, UTC."""
    return round(at.timestamp() * 1_000_000)


def at_micros(count: int) -> datetime:
    """Return the time `count` microseconds after 1970, UTC."""
    return datetime.fromtimestamp(count // 1_000_000, UTC).replace(microsecond=count % 1_000_000)


class Record(NamedTuple):
    """One record as it was read; `timestamp` in milliseconds since 1970, UTC.

    `is_stamped`: the broker set `timestamp` when it appended the record (`LogAppendTime`). Otherwise the writer set it,
    and it may be wrong.
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
        """Return when the broker appended the record; `now` if the broker did not stamp it."""
        return at_micros(self.timestamp * 1_000) if self.is_stamped else now


@dataclass(frozen=True, slots=True)
class Origin:
    """The trace context of the work that causes an output: a W3C `traceparent`, or none."""

    traceparent: bytes | None = None

    @classmethod
    def of(cls, record: Record) -> "Origin":
        """Return the trace context that the record carries; an empty one if its header is missing or malformed."""
        for name, value in record.headers:
            if name == TRACEPARENT:
                return cls(value if value and is_traceparent(value) else None)
        return cls()


class Output(NamedTuple):
    """A record to write. If `partition` is None, the key chooses it."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Timer:
    """When a timer is due, its trace context, and how long its wait was when it was set."""

    at: datetime
    origin: Origin = Origin()
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class PutAside:
    """A timer, an effect or a state entry on which the agent raised again when it was handled alone.

    The runtime writes it to the changelog's `.rejected` topic, and removes the timer and the entry.
    """

    #: Exactly one of the three is set, or `entry` beside the timer or effect that belongs to it.
    timer: bytes | None
    effect: Any | None
    entry: bytes | None
    #: The entry's value, None if there is no entry.
    value: bytes | None
    #: Class of the error.
    error: str


class Turn:
    """Outputs, state changes, timers and effects of one batch; they take effect together when the turn is committed.

    `state` is the committed state. `expiries` holds the ends of its entries. `stamp` is the newest time that the broker
    stamped (microseconds since 1970, UTC; None: the same as `now`). An entry has ended once both `now` and `stamp` have
    passed its end, so a clock that is ahead ends no entry too early.
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
        #: Ends of the entries that this turn puts; an entry without an end is absent.
        self.expiries: dict[bytes, datetime] = {}
        #: Timers that this turn sets; None removes the timer.
        self.timers: dict[bytes, Timer | None] = {}
        self.rejects: list[tuple[Record, Invalid]] = []
        self.effects: list[tuple[Any, Origin]] = []
        #: By `traceparent` of a record: the context that its outputs carry instead. The runtime sets it.
        self.contexts: dict[bytes, bytes] = {}
        self._state = state
        self._committed_expiries = expiries
        at = micros(now)
        stamp = at if stamp is None else stamp
        self._ended_by = min(at, stamp)
        #: How far this process's clock is behind the broker's stamps.
        self._behind = timedelta(microseconds=max(0, stamp - at))

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key` in the lane's state, this turn's changes included; None if absent or ended."""
        if key in self.changes:
            return self.changes[key]
        value = self._state.get(key)
        if value is not None and key in self._committed_expiries and self._committed_expiries[key] <= self._ended_by:
            return None
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the entries whose key starts with `prefix`. This reads the whole state: do not use it in a batch."""
        for key in {*self._state, *self.changes}:
            if key.startswith(prefix) and (value := self.get(key)) is not None:
                yield key, value

    def put(self, key: bytes, value: bytes, *, until: datetime | None = None) -> None:
        """Set `key` in the lane's state. The entry is dropped after `until`; without `until` it stays.

        If the broker's stamps are ahead of `now`, the entry ends later by that difference. So the entry is kept for as
        long as the caller intended.
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

    def schedule(self, timer: bytes, at: datetime, *, origin: Origin = Origin()) -> None:
        """Have `due(timer)` called in a turn of its own once `at` has passed. A timer of that name is replaced.

        A lane that opens again with a clock that is behind waits at most as long as from `now` to `at`. So `due` may be
        called before `at` by that clock: `due` must not compare the two.
        """
        self.timers[timer] = Timer(at, origin, max(timedelta(0), at - self.now))

    def unschedule(self, timer: bytes) -> None:
        """Remove a timer; do nothing if there is none."""
        self.timers[timer] = None

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        origin: Origin,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Write a record, with these headers beside its trace context. Without `partition`, the key chooses it."""
        self.outputs.append(Output(topic, partition, key, value, (*self._headers(origin), *headers)))

    def reject(self, record: Record, invalid: Invalid) -> None:
        """Write the whole record to its `.rejected` topic; headers give the reason, the source and the time."""
        self.rejects.append((record, invalid))

    def start(self, effect: Any, *, origin: Origin) -> None:
        """Have `perform(effect)` called once this turn is committed."""
        self.effects.append((effect, origin))

    def _headers(self, origin: Origin) -> Headers:
        context = origin.traceparent
        if context is None:
            return ()
        return ((TRACEPARENT, self.contexts.get(context, context)),)


#: Longest time of an effect (seconds), unless its agent sets another. The agencies' own time limits are far shorter, so
#: an effect that lasts longer waits for an event that never comes. Only this limit ends it.
EFFECT_SECONDS = 120.0


class Agent(ABC, Generic[M, E, R]):
    """The logic of one lane; the runtime makes one instance for each lane.

    M is a decoded message, E an effect, R an effect's result.

    An exception of a method, other than `Invalid` from `decode`, ends the process once. Its successor finds all of a
    turn or nothing. If a method raises again there, the record, timer, effect or entry is put aside
    (`lane/poison_errors.py`).
    """

    #: Prefix of the keys of entries that are unfinished work: `resume` is called for each when the lane opens.
    unfinished: bytes | None = None
    #: Longest `perform` (seconds). A longer one is cancelled, and counts as if it had raised `TimeoutError`.
    effect_seconds: float = EFFECT_SECONDS

    @abstractmethod
    def decode(self, record: Record) -> M:
        """Return the decoded record. Raise `Invalid` to reject the record; the rest of its batch goes on."""

    @abstractmethod
    def handle(self, batch: Sequence[tuple[Record, M]], turn: Turn) -> None:
        """Handle records of a batch, in order. A long batch comes in several calls of one turn."""

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - for agents with such entries
        """Resume the work of one unfinished entry of the restored state, before the first batch."""
        raise TypeError(f"{type(self).__name__} has unfinished entries and no method `resume`")

    def slot(self, effect: E) -> AbstractAsyncContextManager[None] | None:  # noqa: ARG002 - for effects that wait for one
        """Return the slot that the effect waits for, and keeps while it is performed; None if it needs none."""
        return None

    def starting(self, effect: E, turn: Turn, origin: Origin) -> bool:  # noqa: ARG002 - for effects with a slot
        """Record that an effect has its slot and will be performed next; return False to leave the effect out.

        The runtime calls this only for effects with a slot, and commits the turn before it calls `perform`.
        """
        return True

    async def perform(self, effect: E) -> R:  # noqa: ARG002 - for those that start any
        """Do the work outside the lane. Return a failure as a result: an exception ends the process once."""
        raise TypeError(f"{type(self).__name__} starts effects and has no method `perform`")

    def effect_done(self, effect: E, result: R, turn: Turn, origin: Origin) -> None:
        """Handle an effect's result. The default does nothing."""

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Handle the rejection of a record, beside its copy in `.rejected`. The default does nothing.

        The runtime calls this once for each record that the turn rejects, after `handle`.
        """

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - for those that set any
        """Handle a timer that is due. The runtime has removed it from the state."""
        raise TypeError(f"{type(self).__name__} sets timers and has no method `due`")

    def entry_of(self, work: "bytes | E") -> bytes | None:  # noqa: ARG002 - for timers and effects of an entry
        """Return the key of the state entry that a timer (given by name) or an effect belongs to, or None."""
        return None

    def put_aside(self, work: PutAside, turn: Turn, origin: Origin) -> None:
        """Ask a human to look at work that was put aside. The default does nothing."""
