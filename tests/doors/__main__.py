"""`make doors`: sends mutated disclosures through every door; the last line is the verdict with the counts."""

import asyncio
import sys

from tests.doors.doors import Doors
from tests.doors.mutated import mutated

_COUNT = 100_000
_SHOWN = 20


def main(count: int = _COUNT, seed: int = 1) -> int:
    """Send `count` lines of a seed; print the first faults and the counts. Return 1 for any fault."""
    doors = Doors()
    asyncio.run(doors.try_all(mutated(count, seed)))
    for fault in doors.faults[:_SHOWN]:
        print(fault)
    verdict = "FAILED" if doors.faults else "PASSED"
    print(
        f"doors seed {seed}: {verdict}, {len(doors.faults)} faults; {doors.accepted} accepted, {doors.refused} refused"
    )
    return 1 if doors.faults else 0


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:])))
