"""Synthetic disclosures for measurements: the scenario day's shapes, invented people, the same for the same seed."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from schemas.disclosure import Disclosure, validate

_DAY = Path(__file__).parents[1] / "data" / "scenarios" / "day.jsonl"
#: Disclosures for each person, on average: most people of a service come back.
_EACH = 4


def disclosures(count: int, *, seed: int) -> Iterator[Disclosure]:
    """Yield `count` different disclosures of about `count / 4` people known to one service or to both."""
    chance = random.Random(seed)
    shapes = [json.loads(line) for line in _DAY.read_text().splitlines()]
    people = max(1, count // _EACH)
    for _ in range(count):
        shape, person = chance.choice(shapes), chance.randrange(people)
        service = shape["service"]
        # One email for both services, an account in each: who has both is one person.
        subject = {**shape["subject"], "account": f"{service}:{person}", "phone": None}
        subject["email"] = f"p{person}@example.org" if person % 3 == 0 else None
        yield validate(
            {**shape, "disclosure_id": str(UUID(int=chance.getrandbits(128), version=4)), "subject": subject}
        )
