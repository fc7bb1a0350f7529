"""Encodes the records of a plan cheaply: one disclosure of each shape is encoded, and its identifiers are replaced.

An Avro string begins with its length. A part of the bytes can therefore be replaced by another of the same length: all
ids of a run have one length, and so have all its accounts, phones and emails.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.codec import encode
from schemas.disclosure import disclosure_key, validate
from schemas.partitioner import partition_for
from schemas.topics import TopicName, disclosures
from schemas.vocabulary import Service
from services.load.mix import MALFORMATIONS, ROUTINE, URGENT, WRONG_FIELDS, Malformation, Shape
from services.load.plan import Kind, Line, Plan
from services.sdk.addressing import topic_of

#: Ofcom's numbers for drama, +447700900000 to 900999: the load test uses no other phone.
PHONES = 1_000


class Encoded(NamedTuple):
    """A record as the producer sends it."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class _Identifiers(NamedTuple):
    """The identifiers of one person at one service."""

    account: str
    phone: str | None
    email: str | None


class _Template(NamedTuple):
    topic: TopicName
    pieces: tuple[bytes, ...]


class Encoder:
    """Encodes the records of one plan, for topics with `partitions` partitions."""

    def __init__(self, plan: Plan, partitions: int, *, now: datetime | None = None) -> None:
        self._plan = plan
        self._partitions = partitions
        self._now = now or datetime.now(UTC)
        self._run = plan.ids.prefix[:13].replace("-", "")
        self._templates: dict[tuple[Kind, int, Service, bool, bool], _Template] = {}

    def open_loop(self) -> Iterator[Encoded]:
        """Yield the records of the open loop in the order in which they are due."""
        for index in range(len(self._plan.due)):
            yield self._encoded(index, self._plan.line(index))

    def backlog(self) -> Iterator[Encoded]:
        """Yield the records of the backlog."""
        for index, line in self._plan.backlog():
            yield self._encoded(index, line)

    def _encoded(self, index: int, line: Line) -> Encoded:
        match line.kind:
            case Kind.ROUTINE | Kind.URGENT:
                return self._disclosure(index, line)
            case Kind.DUPLICATE:
                return self._disclosure(line.which, self._plan.line(line.which))
            case Kind.MALFORMED:
                return self._malformed(index, MALFORMATIONS[line.which], line.service)

    def _disclosure(self, index: int, line: Line) -> Encoded:
        identifiers = self._identifiers(line.person, line.service)
        template = self._template(line, identifiers)
        values = [self._plan.ids.of(index), *(value for value in identifiers if value is not None)]
        pieces = [template.pieces[0]]
        for value, piece in zip(values, template.pieces[1:], strict=True):
            pieces += (value.encode("ascii"), piece)
        key = disclosure_key(self._plan.ids.of(index))
        return Encoded(template.topic, partition_for(key, self._partitions), key, b"".join(pieces))

    def _template(self, line: Line, identifiers: _Identifiers) -> _Template:
        which = (line.kind, line.which, line.service, identifiers.phone is not None, identifiers.email is not None)
        found = self._templates.get(which)
        if found is None:
            shape = (URGENT if line.kind is Kind.URGENT else ROUTINE)[line.which]
            disclosure = validate(self._fields(shape, line.service, self._plan.ids.of(0), identifiers))
            rest, pieces = encode("Disclosure", disclosure.model_dump()), []
            for value in (self._plan.ids.of(0), *identifiers):
                if value is not None:
                    piece, _, rest = rest.partition(value.encode("ascii"))
                    pieces.append(piece)
            found = self._templates[which] = _Template(topic_of(disclosure), (*pieces, rest))
        return found

    def _malformed(self, index: int, malformation: Malformation, service: Service) -> Encoded:
        number = self._plan.ids.of(index)
        fields = self._fields(ROUTINE[0], service, number, self._identifiers(0, service))
        whole = validate(fields).model_dump()
        if wrong := WRONG_FIELDS.get(malformation.name):
            whole = wrong(whole)
        value = malformation.breaks(number.encode("ascii"), encode("Disclosure", whole))
        key = number.encode("ascii")
        # Half of them go to the urgent topic: the urgency of an unreadable record is unknown.
        return Encoded(disclosures(service, urgent=index % 2 == 0), partition_for(key, self._partitions), key, value)

    def _identifiers(self, person: int, service: Service) -> _Identifiers:
        account = f"{service}:{self._run}-{person:08x}"
        if not self._plan.is_pair(person):
            return _Identifiers(account, None, None)
        if person < PHONES and person % 2:
            return _Identifiers(account, f"+447700900{person:03d}", None)
        return _Identifiers(account, None, f"{self._run}-{person:08x}@load.example")

    def _fields(self, shape: Shape, service: Service, number: str, identifiers: _Identifiers) -> dict[str, Any]:
        return {
            **shape.fields,
            "disclosure_id": number,
            # Real connectors and notifiers must not send it.
            "exercise": True,
            "service": service,
            "channel": {"kind": "thread" if service is Service.FORUM else "sms", "reference": "load"},
            "disclosed_at": self._now,
            "assessment": {**shape.fields["assessment"], "assessed_at": self._now},
            "subject": {**shape.fields["subject"], **identifiers._asdict()},
        }
