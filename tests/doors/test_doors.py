"""Every door gives the same verdict on a disclosure, whatever was done to it."""

from collections import Counter

import pytest

from tests.doors.doors import Doors
from tests.doors.mutated import mutated

pytestmark = pytest.mark.long
_COUNT = 3_000


async def test_every_door_gives_one_verdict() -> None:
    doors = Doors()
    await doors.try_all(mutated(_COUNT, seed=2026))
    assert Counter(doors.faults) == Counter()
    assert doors.accepted > _COUNT / 10
    assert doors.refused > _COUNT / 4
