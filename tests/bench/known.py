"""The state of many known people, written as the workers themselves would have written it.

The agents process one disclosure of every shape, in memory. Their state and outputs for it, with other ids, are those
for any other person: each person has one disclosure, an account and, for every third person, an email. The ids of
persons and the tokens are the real ones, so that the next disclosure of a person is resolved to that person.
"""

import asyncio
import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from schemas.disclosure import Disclosure, disclosure_key
from schemas.partitioner import partition_for
from schemas.topics import Group, TopicName, changelog
from services.settings import Keys
from streams.app import APPLICATION
from streams.domain.ids import person_id
from streams.domain.tokens import tokens_of
from streams.runtime import Agent, Output, Record, Turn
from streams.runtime.agent import Headers
from streams.runtime.lane.state import ChangelogRecord, offset_records, turn_records
from streams.runtime.lane.transaction import TransactionalWriter
from streams.runtime.steps import Step
from tests.bench.disclosures import disclosure_of, identifiers, invented_id, shapes, waiting
from tests.bench.hosting import ADMITTED, IDENTITY, SOURCES, Agents, turn_of
from tests.bench.stage import PARTITIONS

_ADMIT_LOG, _IDENTITY_LOG, _DECIDE_LOG = (changelog(group) for group in (Group.ADMIT, Group.IDENTITY, Group.DECIDE))
#: The topics with the state of known people. A worker reads all of them before it is ready, except the keys.
TOPICS = (_ADMIT_LOG, _IDENTITY_LOG, _DECIDE_LOG, str(TopicName.IDENTITY_LINKS), str(TopicName.KEYS))
_PEOPLE_A_TRANSACTION = 1_000
#: Every third person has an email: persons of one shape differ by their number modulo 3.
_KINDS = 3
_SHAPES = shapes()


def disclosures_of_known(count: int, people: int, *, seed: int) -> Iterator[Disclosure]:
    """Yield `count` new disclosures of the first `people` persons, each at the service that knows the person."""
    chance = random.Random(seed)
    by_service = {
        service: [shape for shape in _SHAPES if shape["service"] == service]
        for service in {shape["service"] for shape in _SHAPES}
    }
    for _ in range(count):
        person = chance.randrange(people)
        shape = chance.choice(by_service[_shape_of(person)["service"]])
        yield disclosure_of(shape, person, invented_id(chance))


def know(bootstrap: str, keys: Keys, people: int) -> int:
    """Write the state of the first `people` persons; return the number of records that a worker restores."""
    return asyncio.run(_know(bootstrap, keys, people))


async def _know(bootstrap: str, keys: Keys, people: int) -> int:
    writer = TransactionalWriter(bootstrap, "known-people", APPLICATION)
    await writer.start()
    try:
        restored = 0
        known = iter(records(keys, people))
        while part := list(islice(known, _PEOPLE_A_TRANSACTION)):
            outputs = [output for person in part for output in person]
            restored += sum(output.topic != TopicName.KEYS for output in outputs)
            await writer.deliver(outputs, {}, _unwatched)
        offsets = list(_offsets())
        await writer.deliver(offsets, _positions(), _unwatched)
        return restored + len(offsets)
    finally:
        await writer.stop()


def records(keys: Keys, people: int) -> Iterator[list[Output]]:
    """Yield the records of the state of each of the first `people` persons."""
    patterns: dict[tuple[int, int], _Pattern] = {}
    chance, agents = random.Random(people), Agents.of(keys, PARTITIONS)
    for person in range(people):
        like = person % len(_SHAPES), person % _KINDS
        if like not in patterns:
            patterns[like] = _Pattern(person, keys, agents)
        yield patterns[like].of(person, chance)


class _OutputPattern(NamedTuple):
    topic: str
    partition: int | None
    key: bytes
    value: bytes | None
    headers: Headers


class _Pattern:
    """The records of a person with a disclosure of one shape, with placeholders for the ids."""

    def __init__(self, person: int, keys: Keys, agents: Agents) -> None:
        self._keys = keys
        self._service = _shape_of(person)["service"]
        self._disclosure = disclosure_of(_shape_of(person), person, invented_id(random.Random(person)))
        outputs, ids = _processed(self._disclosure, keys, agents)
        self._outputs = [
            _OutputPattern(
                topic, partition, _with_placeholders(key or b"", ids), value and _with_placeholders(value, ids), headers
            )
            for topic, partition, key, value, headers in outputs
        ]

    def of(self, person: int, chance: random.Random) -> list[Output]:
        """Return the records of that person."""
        subject = self._disclosure.subject.model_copy(update=identifiers(self._service, person))
        disclosure = self._disclosure.model_copy(update={"subject": subject})
        version = self._keys.token_version
        tokens = tokens_of(disclosure, key=self._keys.token, version=version)
        disclosure_id = invented_id(chance)
        known_as = person_id(disclosure.service, disclosure_id, tokens[0]).encode()
        ids = {
            b"disclosure": disclosure_id.encode(),
            b"person": known_as,
            b"key": invented_id(chance).encode(),
            b"digest": f"{version}:{chance.randbytes(32).hex()}".encode(),
            **{b"token%d" % number: token.encode() for number, token in enumerate(tokens)},
        }
        lanes = {
            _ADMIT_LOG: partition_for(disclosure_key(disclosure_id), PARTITIONS),
            _DECIDE_LOG: partition_for(known_as, PARTITIONS),
        }
        return [
            Output(topic, lanes.get(topic, partition), key % ids, value and value % ids, headers)
            for topic, partition, key, value, headers in self._outputs
        ]


def _shape_of(person: int) -> dict[str, Any]:
    return _SHAPES[person % len(_SHAPES)]


def _with_placeholders(content: bytes, ids: dict[bytes, bytes]) -> bytes:
    """Return the content as a format string with a placeholder for each id; a per cent sign is escaped."""
    places = re.compile(b"|".join(re.escape(value) for value in ids))
    return places.sub(lambda found: b"%%(%b)b" % ids[found[0]], content.replace(b"%", b"%%"))


def _processed(disclosure: Disclosure, keys: Keys, agents: Agents) -> tuple[list[Output], dict[bytes, bytes]]:
    """Return the records that the agents wrote for a disclosure, and the names of the ids in them."""
    (waits,) = waiting([disclosure], PARTITIONS)
    source = Record(waits.topic, waits.partition, 0, 0, waits.key, waits.value, ())
    accepted = agents.admit.decode(source)
    admitted = _turn(agents.admit, source)
    identified = _turn(agents.identity, _follows(admitted, *IDENTITY))
    decided = _turn(agents.decide, _follows(identified, *ADMITTED))
    (key,) = (output.key for output in identified.outputs if output.topic == TopicName.KEYS and output.key)
    ids = {
        disclosure.disclosure_id.encode(): b"disclosure",
        person_id(disclosure.service, disclosure.disclosure_id, accepted.tokens[0]).encode(): b"person",
        key: b"key",
        accepted.digest.encode(): b"digest",
        **{token.encode(): b"token%d" % number for number, token in enumerate(accepted.tokens)},
    }
    kept = [_kept(_ADMIT_LOG, entry) for entry in turn_records(admitted)]
    kept += [_kept(_IDENTITY_LOG, entry) for entry in turn_records(identified)]
    kept += [_kept(_DECIDE_LOG, entry) for entry in turn_records(decided)]
    return kept + [output for output in identified.outputs if output.topic in TOPICS], ids


def _turn(agent: Agent[Any, None, None], record: Record) -> Turn:
    return turn_of(agent, [record], {})


def _follows(turn: Turn, *topics: str) -> Record:
    (output,) = (output for output in turn.outputs if output.topic in topics)
    return Record(output.topic, output.partition or 0, 0, 0, output.key, output.value, output.headers)


def _kept(log: str, entry: ChangelogRecord, partition: int = 0) -> Output:
    return Output(log, partition, entry.key, entry.value, entry.headers)


def _lanes() -> Iterator[tuple[str, int, Iterable[str]]]:
    yield _IDENTITY_LOG, 0, IDENTITY
    for partition in range(PARTITIONS):
        yield _ADMIT_LOG, partition, SOURCES
        yield _DECIDE_LOG, partition, ADMITTED


def _offsets() -> Iterator[Output]:
    """Yield the next offsets of every lane with a state: 0, as if its topics had been emptied after that."""
    for log, partition, sources in _lanes():
        for entry in offset_records(dict.fromkeys(sources, 0)):
            yield _kept(log, entry, partition)


def _positions() -> dict[TopicPartition, int]:
    return {TopicPartition(topic, partition): 0 for _, partition, sources in _lanes() for topic in sources}


def _unwatched(step: Step) -> None:
    """Watch no step."""
