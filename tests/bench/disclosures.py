"""Synthetic disclosures for measurements: shapes of the scenario day, invented people, the same for the same seed."""

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from schemas.codec import encode
from schemas.disclosure import Disclosure, disclosure_key, validate
from schemas.partitioner import partition_for
from services.sdk.addressing import topic_of

_DAY = Path(__file__).parents[1] / "data" / "scenarios" / "day.jsonl"
#: Every fourth disclosure is of a new person, so that any first part of the disclosures is like the whole.
_EACH = 4


class Waiting(NamedTuple):
    """A disclosure as a record in the topic of its service."""

    topic: str
    partition: int
    key: bytes
    value: bytes


def shapes() -> list[dict[str, Any]]:
    """Return the disclosures of the scenario day as JSON fields."""
    return [json.loads(line) for line in _DAY.read_text().splitlines()]


def disclosure_of(shape: dict[str, Any], person: int, disclosure_id: str) -> Disclosure:
    """Return a disclosure of that shape about the person with that number."""
    subject = {**shape["subject"], "phone": None, **identifiers(shape["service"], person)}
    return validate({**shape, "disclosure_id": disclosure_id, "subject": subject})


def identifiers(service: str, person: int) -> dict[str, str | None]:
    """Return the identifiers of a person at a service.

    Each person has an account at each service; every third person has the same email at both.
    """
    # From 1 on: an account of the number 0 is a placeholder.
    return {"account": f"{service}:{person + 1}", "email": f"p{person}@example.org" if person % 3 == 0 else None}


def invented_id(chance: random.Random) -> str:
    """Return a random UUID, by the seed of `chance`."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def disclosures(count: int, *, seed: int) -> Iterator[Disclosure]:
    """Yield `count` different disclosures of about `count / 4` people; most people disclose several times."""
    chance = random.Random(seed)
    day = shapes()
    people = 0
    for number in range(count):
        if number % _EACH == 0:
            person = people
            people += 1
        else:
            person = chance.randrange(people)
        yield disclosure_of(chance.choice(day), person, invented_id(chance))


def waiting(disclosed: Iterable[Disclosure], partitions: int) -> Iterator[Waiting]:
    """Yield the disclosures as the services' SDK would send them."""
    for disclosure in disclosed:
        key = disclosure_key(disclosure.disclosure_id)
        value = encode("Disclosure", disclosure.model_dump())
        yield Waiting(str(topic_of(disclosure)), partition_for(key, partitions), key, value)
