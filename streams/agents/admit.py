"""ADMIT: validates a disclosure, makes tokens of its identifiers, seals its details, and sends it on."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from opentelemetry import metrics

from schemas.codec import decode, encode
from schemas.content import disclosure_content
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, disclosure_key, is_urgent, parse_json, validate
from schemas.errors import Invalid
from schemas.identifiers import KeyId, PersonId, Token
from schemas.partitioner import partition_for
from schemas.policy import CLOCK_TOLERANCE, Policies
from schemas.rejection import cut_off
from schemas.telemetry import Attribute, Metric
from schemas.topics import SERVICE_OF, TopicName
from streams.agents.known_ids import remember_or_find
from streams.agents.rejected_ids import await_acceptance, is_asked_before, note_accepted
from streams.agents.rejecting import (
    Claimed,
    IdConflict,
    InvalidDisclosure,
    OtherService,
    asks_a_person,
    is_cut_at_a_door,
    is_refused_at_a_door,
    send_rejected,
    urgent_rejected,
)
from streams.domain.admission import details_fields, readable_fields
from streams.domain.identity import known_person
from streams.domain.ids import lone_person_id, sender_of
from streams.domain.sealing import KEY_BYTES, NONCE_BYTES, master_check, seal, wrap
from streams.domain.tokens import digest_of, tokens_of
from streams.runtime import Agent, Origin, Record, Turn
from streams.runtime.agent import at_micros, micros

#: Header of a record that was moved to its own partition: when it first arrived (microseconds since 1970).
FIRST_ARRIVED = "first-arrived"
#: Of the last moment that a header may have: in the year 2286.
_MAX_DIGITS = 16
#: For how many persons a lane remembers the data key. A forgotten person gets a new key.
_KEYS_REMEMBERED = 10_000

_meter = metrics.get_meter("confide.admit")
_repeated = _meter.create_counter(Metric.REPEATED, unit="{disclosure}")
_moved = _meter.create_counter(Metric.MOVED, unit="{disclosure}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A valid disclosure, as a model and as its decoded fields, with its tokens and the digest of its content."""

    disclosure: Disclosure
    fields: dict[str, Any]
    tokens: tuple[Token, ...]
    digest: str


class Admit(Agent[Accepted, None, None]):
    """Splits each disclosure: facts and tokens stay readable, identifiers and free text are sealed.

    If all tokens belong to one known person, the disclosure goes straight to that person's DECIDE lane, else to
    IDENTITY. Repeats are found here, so no later stage has to know ids: the same id with the same content changes
    nothing; the same id with other content is rejected, and a human compares both. State: `streams.agents.known_ids`.
    """

    def __init__(
        self,
        *,
        master_key: bytes,
        token_key: bytes,
        token_version: str,
        owner: Callable[[Token], PersonId | None],
        partitions: int,
        policies: Policies | None = None,
    ) -> None:
        self._master_key = master_key
        self._master_check = master_check(master_key)
        self._token_key = token_key
        self._token_version = token_version
        self._owner = owner
        self._partitions = partitions
        #: For `clock_tolerance` alone; None: the one of a policy file that sets none.
        self._policies = policies
        self._keys: dict[PersonId, tuple[KeyId, bytes]] = {}

    def decode(self, record: Record) -> Accepted:
        """Return the valid disclosure; raise `Invalid`, which names the field at fault and never its value."""
        value = record.value
        if value is None:
            raise Invalid.of("value", "is empty")
        if len(value) > MAX_DISCLOSURE_BYTES:
            raise Invalid.of("value", f"is larger than {MAX_DISCLOSURE_BYTES} bytes")
        if is_refused_at_a_door(record):
            # A door could not read it. Nothing in it counts, also if it can be read here.
            invalid = cut_off() if is_cut_at_a_door(record) else _refuse_json(value)
            raise InvalidDisclosure(invalid.problems, Claimed.at_a_door(record))
        fields = decode(value, "Disclosure")[1]
        try:
            disclosure = validate(fields)
        except Invalid as invalid:
            claimed = Claimed.by(record, fields, exercise=fields["exercise"])
            raise InvalidDisclosure(invalid.problems, claimed) from None
        if disclosure.service is not (own := SERVICE_OF[record.topic]):
            raise OtherService(own, Claimed.by(record, fields, exercise=disclosure.exercise))
        # After ADMIT a disclosure id has one form, because the ids of decisions and reports are computed from it.
        fields["disclosure_id"] = disclosure.disclosure_id
        key, version = self._token_key, self._token_version
        tokens = tokens_of(disclosure, key=key, version=version)
        digest = digest_of(disclosure_content(fields), key=key, version=version)
        return Accepted(disclosure, fields, tokens, digest)

    def handle(self, batch: Sequence[tuple[Record, Accepted]], turn: Turn) -> None:
        """Send each disclosure on once: as urgent or routine by its own facts, not by the topic it came on."""
        for record, accepted in batch:
            if not self._is_new(record, accepted, turn):
                continue
            origin = Origin.of(record)
            person = self._person(accepted)
            urgent = is_urgent(accepted.disclosure)
            key_id, key, wrapped = self._data_key(person)
            readable = self._readable(accepted, _arrived_at(record, turn.now))
            fields = _admitted(accepted, readable, urgent, key_id, key, turn.now)
            if person is None:
                fields["wrapped_key"], fields["master_check"] = wrapped, self._master_check
                topic = TopicName.IDENTITY_URGENT if urgent else TopicName.IDENTITY
                turn.send(topic, None, encode("Admitted", fields), origin=origin)
            else:
                if wrapped is not None:
                    key_record = {
                        "key_id": key_id,
                        "person": person,
                        "wrapped_key": wrapped,
                        "master_check": self._master_check,
                    }
                    turn.send(TopicName.KEYS, key_id.encode(), encode("KeyRecord", key_record), origin=Origin())
                fields["person"] = person
                topic = TopicName.ADMITTED_URGENT if urgent else TopicName.ADMITTED
                turn.send(topic, person.encode(), encode("Admitted", fields), origin=origin)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Ask DECIDE for a review of a rejected record that may be an emergency, and of every conflict of ids."""
        if not asks_a_person(record, invalid):
            return
        claimed = invalid.claimed if isinstance(invalid, InvalidDisclosure) else Claimed.unread(record)
        id_, is_conflict = claimed.disclosure_id, isinstance(invalid, IdConflict)
        # The id of a record in another partition is accepted in another lane.
        is_own = id_ is not None and partition_for(disclosure_key(id_), self._partitions) == record.partition
        rejected = urgent_rejected(record, invalid, turn, claimed, counts_id=is_own and not is_conflict)
        if rejected.disclosure_id is not None:
            digest = digest_of(record.value or b"", key=self._token_key, version=self._token_version)
            if is_asked_before(turn, record, rejected, digest):
                _repeated.add(1, {Attribute.TOPIC.value: record.topic})
                return
            await_acceptance(turn, claimed.sender, rejected, digest)
        send_rejected(record, rejected, turn)

    def _is_new(self, record: Record, accepted: Accepted, turn: Turn) -> bool:
        """Return whether to send the disclosure on; move, count or reject it here if not."""
        disclosure, attributes = accepted.disclosure, {Attribute.TOPIC.value: record.topic}
        key = disclosure_key(disclosure.disclosure_id)
        if partition_for(key, self._partitions) != record.partition:
            # Its sender used another partitioner. Only the lane of the right partition knows its id (decision 0025).
            arrived = ((FIRST_ARRIVED, b"%d" % micros(_arrived_at(record, turn.now))),)
            turn.send(record.topic, key, record.value, origin=Origin.of(record), headers=arrived)
            _moved.add(1, attributes)
            return False
        first = remember_or_find(turn, record, disclosure.disclosure_id, accepted.digest, exercise=disclosure.exercise)
        if first is None:
            sender = sender_of(disclosure.service, exercise=disclosure.exercise)
            note_accepted(turn, record, sender, disclosure)
            return True
        if first.is_repeated_by(accepted.digest):
            _repeated.add(1, attributes)
        else:
            turn.reject(record, IdConflict.between(first, disclosure, accepted.digest))
        return False

    def _readable(self, accepted: Accepted, arrived_at: datetime) -> dict[str, Any]:
        """Return the readable half; a time after the arrival counts as the arrival."""
        tolerance: timedelta = CLOCK_TOLERANCE
        if self._policies is not None:
            tolerance = self._policies.in_force(arrived_at).clock_tolerance
        return readable_fields(accepted.fields, arrived_at, tolerance)

    def _person(self, accepted: Accepted) -> PersonId | None:
        """Return the person of a disclosure, None if IDENTITY has to assign it."""
        if not accepted.tokens:
            disclosure = accepted.disclosure
            sender = sender_of(disclosure.service, exercise=disclosure.exercise)
            return lone_person_id(sender, disclosure.disclosure_id, accepted.digest)
        return known_person(accepted.tokens, self._owner)

    def _data_key(self, person: PersonId | None) -> tuple[KeyId, bytes, bytes | None]:
        """Return the id of a data key, the key, and the wrapped key to publish; None for that if it is published.

        A remembered key was published by this lane, in an earlier turn or in this one. It cannot be one that was never
        published: a turn that fails ends the process, which forgets its keys. Decision 0013 says why each lane has keys
        of its own.
        """
        if person is not None and (known := self._keys.get(person)) is not None:
            return *known, None
        key_id, key = KeyId(str(uuid4())), secrets.token_bytes(KEY_BYTES)
        if person is not None:
            if len(self._keys) >= _KEYS_REMEMBERED:
                self._keys.pop(next(iter(self._keys)))
            self._keys[person] = key_id, key
        nonce = secrets.token_bytes(NONCE_BYTES)
        return key_id, key, wrap(key, master=self._master_key, key_id=key_id, nonce=nonce)


def _arrived_at(record: Record, now: datetime) -> datetime:
    """Return when a record arrived; of one that ADMIT moved, when it first did.

    A sender may write that header too: it can only make its own record arrive earlier, and its claims count for less.
    """
    arrived_at = record.arrived_at(now)
    first = next((value for name, value in record.headers if name == FIRST_ARRIVED), None)
    if first is None or not first.isdigit() or len(first) > _MAX_DIGITS:
        return arrived_at
    return min(arrived_at, at_micros(int(first)))


def _refuse_json(value: bytes) -> Invalid:
    """Return why a door refused these bytes: the reader of JSON is the same."""
    try:
        parse_json(value)
    except Invalid as invalid:
        return invalid
    return Invalid.of("value", "was refused at the door")


def _admitted(
    accepted: Accepted, readable: dict[str, Any], urgent: bool, key_id: KeyId, key: bytes, now: datetime
) -> dict[str, Any]:
    return {
        "person": None,
        "disclosure": readable,
        "tokens": accepted.tokens,
        "urgent": urgent,
        "section": seal(
            details_fields(accepted.fields),
            key=key,
            key_id=key_id,
            nonce=secrets.token_bytes(NONCE_BYTES),
            disclosure_id=accepted.disclosure.disclosure_id,
        ),
        "wrapped_key": None,
        "master_check": None,
        "admitted_at": now,
    }
