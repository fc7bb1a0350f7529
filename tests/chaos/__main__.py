"""`make chaos SEED=N`: runs one seed and prints its verdict; the last line has the counts. Status 1 for a fault."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.vocabulary import Agency
from tests.alarm_receiver import Receiver, receiving
from tests.chaos.account import Account
from tests.chaos.feeding import Services
from tests.chaos.house import House
from tests.chaos.plan import FORGETFUL, KINDS, LEAST_KILLS, LIMIT_SECONDS, PARTITIONS, SILENT, Plan
from tests.chaos.record import Gatherer, Record
from tests.chaos.staff import Staff
from tests.chaos.taken import Taken

_FULL, _SHORT = (240.0, 3_000), (140.0, 800)
#: How long the house has to come to rest after the last blow (seconds).
_SETTLE_SECONDS = 150.0
_LOOK_SECONDS = 2.0
_SHOWN = 40


def main() -> None:
    """Run a seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--short", action="store_true", help="half of the time, a quarter of the disclosures")
    parser.add_argument("--keep", type=Path, help="a folder to leave everything in")
    asked = parser.parse_args()
    seconds, count = _SHORT if asked.short else _FULL
    plan = Plan.of(asked.seed, seconds=seconds, count=count)
    print(plan.described(), flush=True)
    # What the services' own client has to say of the outages is no fault.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary, receiving() as receiver:
        folder = asked.keep or Path(temporary)
        try:
            faults, said = asyncio.run(_run(plan, folder, receiver))
        except Exception as problem:  # noqa: BLE001 - printed whole; the last line stays a verdict
            traceback.print_exception(problem)
            print(f"chaos seed {plan.seed}: FAILED, not judged: the run ended with {type(problem).__name__}: {problem}")
            sys.exit(1)
    for fault in faults[:_SHOWN]:
        print(f"fault: {fault}")
    if len(faults) > _SHOWN:
        print(f"and {len(faults) - _SHOWN} more")
    verdict = "FAILED" if faults else "PASSED"
    print(f"chaos seed {plan.seed}: {verdict}, {len(faults)} faults; {said}")
    sys.exit(bool(faults))


async def _run(plan: Plan, folder: Path, receiver: Receiver) -> tuple[list[str], str]:
    house = House(folder, receiver.url)
    try:
        await house.open()
        return await _struck(plan, house, receiver)
    finally:
        print(f"processes ended with: {_statuses(house)}", flush=True)
        await house.end_broker()


async def _struck(plan: Plan, house: House, receiver: Receiver) -> tuple[list[str], str]:
    record = Record()
    gatherer = Gatherer(house.broker.bootstrap, record)
    services = Services(plan, house.broker.bootstrap, f"http://127.0.0.1:{house.gateway_port}")
    staff = Staff(plan.seed, house.environment, record, most=max(8, plan.count // 80))
    gatherer.start()
    staff.start()
    try:
        begun = time.monotonic()
        await _storm(plan, house, services, begun)
        print(f"the storm is over after {time.monotonic() - begun:.0f} s", flush=True)
        await house.calm()
        await _settle(house, services, record, receiver)
        await asyncio.to_thread(staff.stop)
        await _settle(house, services, record, receiver)
        await house.close()
        is_whole = await asyncio.to_thread(gatherer.finish)
    finally:
        print(f"the gateway answered: {services.said()}", flush=True)
        staff.stop()
        gatherer.stop()
    taken = replace(_taken(house, services, record, receiver), ends=house.ends(), frozen=house.frozen())
    account = Account.of(taken)
    faults = [*account.faults, *_uncounted(house, account)]
    faults += [] if is_whole else ["the topics could not be read to their ends"]
    counts = {**account.counts, **{f"staff {way}": many for way, many in staff.settled.items()}, **house.done}
    counts["seconds without the broker"] = round(sum(back - gone for gone, back in taken.absences.broker))
    return faults, ", ".join(f"{many} {what}" for what, many in sorted(counts.items()))


async def _storm(plan: Plan, house: House, services: Services, begun: float) -> None:
    """Tell everything while the blows fall; raises what went wrong in either."""

    async def at(moment: float, does: Any) -> None:
        await asyncio.sleep(max(0.0, begun + moment - time.monotonic()))
        await does

    async with asyncio.TaskGroup() as group:
        group.create_task(services.tell())
        for blow in plan.blows:
            group.create_task(at(blow.at, house.strike(blow)))
        for spell in plan.spells:
            group.create_task(at(spell.at, house.put_in_mood(spell, begun + plan.seconds)))


async def _settle(house: House, services: Services, record: Record, receiver: Receiver) -> None:
    """Return once the account has no fault, at the latest after `_SETTLE_SECONDS`: time mends some."""
    until = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < until:
        if not (await asyncio.to_thread(lambda: Account.of(_taken(house, services, record, receiver)))).faults:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _taken(house: House, services: Services, record: Record, receiver: Receiver) -> Taken:
    return Taken(
        record=record,
        logs={agency: _lines(house.agency_log(agency)) for agency in Agency},
        notices=_lines(house.folder / "notices.jsonl"),
        alarms=[(said, cause) for said, cause, _ in receiver.heard()],
        absences=house.absences(),
        partitions=PARTITIONS,
        limit_seconds=LIMIT_SECONDS,
        forgetful=FORGETFUL,
        acknowledged_sends=services.acknowledged,
    )


def _uncounted(house: House, account: Account) -> Sequence[str]:
    """Return why a seed does not count: too few kills of a kind, no outage, no hand-over."""
    few = [f"only {house.killed[kind]} kills of {kind}" for kind in KINDS if house.killed[kind] < LEAST_KILLS]
    few += [] if house.done["agency away"] else ["no agency was away for longer than its limit"]
    few += [] if any(house.done[f"agency {mood}"] for mood in SILENT) else ["no report was taken silently"]
    few += [] if account.counts["reports handed over"] else ["no report was handed over"]
    return few


def _statuses(house: House) -> str:
    ends = Counter((end.process, end.status) for end in house.ends())
    return ", ".join(f"{process} {many} x {status}" for (process, status), many in sorted(ends.items()))


def _lines(path: Path) -> list[Mapping[str, Any]]:
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


if __name__ == "__main__":
    main()
