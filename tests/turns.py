"""Agents that run turn by turn, with the runtime's own Turn and the real codec, without Kafka."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.identifiers import PersonId, Token
from schemas.policy import Policies
from schemas.topics import CATALOGUE, TopicName, disclosures
from schemas.vocabulary import Service
from streams.agents.admit import Admit
from streams.runtime import Agent, Output, PutAside, Record, Turn
from streams.runtime.agent import micros
from streams.runtime.lane.rejection import rejected
from streams.runtime.lane.state import ChangelogRecord, LaneState, turn_records
from tests.disclosures import KEYS, disclosure

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
PARTITION = 3
ADA = PersonId("person-ada")

#: Markers of a person: one in every field that may identify a person or contain a person's words.
MARKERS = (
    "account-39117",
    "7700900123",
    "ada.marker",
    "bandstand-marker",
    "ZZ99",
    "name-marker",
    "organisation-marker",
    "duty-marker",
    "thread-marker",
    "summary-marker",
)
IDENTIFYING: Mapping[str, Any] = {
    "channel": {"kind": "thread", "reference": "thread-marker"},
    "subject": {
        "account": "account-39117",
        "phone": "+447700900123",
        "email": "ada.marker@example.org",
        "age": 16,
        "location": {"text": "bandstand-marker", "postcode": "ZZ99 1AB"},
        "professionals": [
            {
                "role": "social_worker",
                "name": "name-marker",
                "organisation": "organisation-marker",
                "address": "duty-marker@council.example",
            }
        ],
    },
    "summary": "summary-marker",
}


@dataclass
class Lane:
    """The lane of one agent: its state, and everything it wrote."""

    agent: Agent[Any, Any, Any]
    partition: int = PARTITION
    #: The topic of a batch for which no topic is given.
    topic: str = "source"
    outputs: list[Output] = field(default_factory=list)
    _kept: LaneState = field(default_factory=LaneState)
    _offsets: Any = field(default_factory=count)
    _changelog: list[ChangelogRecord] = field(default_factory=list)

    @property
    def state(self) -> dict[bytes, bytes]:
        """The entries of the lane's state, including those that have ended and are not swept yet."""
        return self._kept.entries

    def sweep(self, now: datetime) -> None:
        """Drop the entries that have ended."""
        turn = self._turn(now)
        for key in self._kept.take_ended(now, 1_000):
            turn.drop(key)
        self._commit(turn)

    def work(
        self,
        *values: bytes | None,
        topic: str | None = None,
        now: datetime = NOW,
        stamp: datetime | None = None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> Turn:
        """Handle one batch of these values in one turn, and commit it."""
        turn = self._turn(now)
        decoded = []
        for value in values:
            at = 0 if stamp is None else micros(stamp) // 1_000
            record = Record(
                topic or self.topic,
                self.partition,
                next(self._offsets),
                at,
                b"key",
                value,
                (("traceparent", TRACE), *headers),
                stamp is not None,
            )
            try:
                decoded.append((record, self.agent.decode(record)))
            except Invalid as invalid:
                turn.reject(record, invalid)
        self.agent.handle(decoded, turn)
        for refused, why_not in turn.rejects:
            self.agent.rejected(refused, why_not, turn)
        return self._commit(turn)

    @property
    def timers(self) -> dict[bytes, datetime]:
        """The time at which each timer of the lane is due."""
        return {name: timer.at for name, timer in self._kept.timers.items()}

    def pass_time(self, now: datetime) -> Turn:
        """Run the timers that are due at that time."""
        turn = self._turn(now)
        for name, timer in self._kept.take_due(now, 1_000):
            turn.unschedule(name)
            self.agent.due(name, turn, timer.origin)
        return self._commit(turn)

    def put_aside(self, timer: bytes, now: datetime) -> Turn:
        """Put a timer aside, with its entry, as the runtime does if it raises."""
        turn = self._turn(now)
        entry = self.agent.entry_of(timer)
        assert entry is not None
        work = PutAside(timer, None, entry, self._kept.entries[entry], "LookupError")
        turn.unschedule(timer)
        turn.drop(entry)
        self.agent.put_aside(work, turn, self._kept.timers[timer].origin)
        return self._commit(turn)

    def restarted(self, agent: Agent[Any, Any, Any], now: datetime | None = None) -> "Lane":
        """Return the lane with another agent and the state of the changelog, opened at `now` if it is given."""
        lane = Lane(agent, self.partition, self.topic, _offsets=self._offsets)
        for entry in self._changelog:
            lane._kept.apply(*entry)
        lane._changelog = list(self._changelog)
        if now is not None:
            turn = lane._turn(now)
            lane._kept.limit_waits(turn)
            lane._commit(turn)
        return lane

    def turn(self, now: datetime) -> Turn:
        """Return a turn, for a test that changes the state directly."""
        return self._turn(now)

    def commit(self, turn: Turn) -> None:
        """Commit a turn: apply its changes to the state."""
        self._commit(turn)

    def _turn(self, now: datetime) -> Turn:
        # The broker's clock has the same time.
        self._kept.stamp = max(self._kept.stamp, micros(now))
        return self._kept.turn(now)

    def _commit(self, turn: Turn) -> Turn:
        self._changelog += turn_records(turn)
        self._kept.commit(turn)
        self.outputs += turn.outputs
        return turn


def admit_lane(
    owner: Callable[[Token], PersonId | None],
    partitions: int = 1,
    partition: int = 0,
    policies: Policies | None = None,
) -> Lane:
    """Return one of several lanes of ADMIT; `owner` gives the person of a token."""
    agent = Admit(
        master_key=KEYS.master,
        token_key=KEYS.token,
        token_version=KEYS.token_version,
        owner=owner,
        partitions=partitions,
        policies=policies,
    )
    return Lane(agent, partition, TopicName.FORUM_DISCLOSURES)


def disclosed(name: str = "d-1", **changes: Any) -> bytes:
    """Return a disclosure as a service writes it, with a marker in each field that may name a person."""
    return encode("Disclosure", disclosure(name, **{**IDENTIFYING, **changes}).model_dump())


def source_of(service: str = "forum", **_: Any) -> TopicName:
    """Return the topic of a service for routine disclosures."""
    return disclosures(Service(service), urgent=False)


def admitted(name: str = "d-1", person: str | None = ADA, now: datetime = NOW, **changes: Any) -> bytes:
    """Return the record that ADMIT writes at `now` for DECIDE, of a known person."""
    topic = source_of(**changes)
    turn = admit_lane(lambda _: ADA).work(disclosed(name, **changes), topic=topic, now=now)
    value = turn.outputs[-1].value
    assert value is not None
    return value if person == ADA else encode("Admitted", {**decode(value, "Admitted")[1], "person": person})


def read(output: Output) -> tuple[str, dict[str, Any]]:
    """Return the schema and the fields of an output; a schema that its topic does not allow raises."""
    assert output.value is not None
    return decode(output.value, *CATALOGUE[output.topic].carries)


def on(turn: Turn, topic: str) -> list[dict[str, Any]]:
    """Return the records that a turn writes to a topic."""
    return [read(output)[1] for output in turn.outputs if output.topic == topic]


def why(turn: Turn) -> list[str]:
    """Return the reasons of the records that the turn rejected."""
    return [str(invalid) for _, invalid in turn.rejects]


def assert_names_nobody(turn: Turn) -> None:
    """Assert that no marker is in any value, key or header of the turn, in the lane's state, or in a reason."""
    written = [*turn.outputs]
    for record, invalid in turn.rejects:
        # A rejected record is kept whole, on a topic that only its service and the duty desk may read.
        written.append(rejected(record, invalid, by="test", now=turn.now)._replace(key=None, value=None))
    places = [(output.topic, part) for output in written for part in _parts(output)]
    places += [("state", part) for change in turn.changes.items() for part in change if part is not None]
    assert places or not turn.outputs
    for where, part in places:
        for marker in MARKERS:
            assert marker.encode() not in part, where


def _parts(output: Output) -> list[bytes]:
    headers = [part for name, value in output.headers for part in (name.encode(), value)]
    return [part for part in (output.key, output.value, *headers) if part is not None]
