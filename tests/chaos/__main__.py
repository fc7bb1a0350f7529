"""`make chaos SEED=N`: runs one seed; the last line has the verdict and the counts. Exit status 1 for a fault."""

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from schemas.vocabulary import Agency
from tests.alarm_receiver import Receiver, receiving
from tests.chaos.account import Account
from tests.chaos.deployment import Deployment
from tests.chaos.diagnosis import kinds, logged_problems, unread_partitions
from tests.chaos.feeding import Services
from tests.chaos.plan import FORGETFUL, KINDS, LEAST_KILLS, LIMIT_SECONDS, NOTICE_CALLS, PARTITIONS, SILENT, Plan
from tests.chaos.record import Gatherer, Record
from tests.chaos.staff import Staff
from tests.chaos.taken import Taken

_FULL, _SHORT = (240.0, 2_000), (140.0, 800)
#: Limit for the deployment to finish all work after the last disruption (seconds).
_FINISH_SECONDS = 150.0
_LOOK_SECONDS = 2.0
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """The faults of a run, its counts as text, and the partitions that were not read to their ends."""

    faults: list[str]
    counts: str
    lags: list[str]


def main() -> None:
    """Run a seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--short", action="store_true", help="about half of the time and of the disclosures")
    parser.add_argument("--keep", type=Path, help="a folder to leave everything in")
    asked = parser.parse_args()
    seconds, count = _SHORT if asked.short else _FULL
    plan = Plan.of(asked.seed, seconds=seconds, count=count)
    print(plan.described(), flush=True)
    # The client of the services warns of each outage of the broker, which is no fault.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary, receiving() as receiver:
        folder = asked.keep or Path(temporary)
        try:
            verdict = asyncio.run(_run(plan, folder, receiver))
            logged = list(logged_problems(folder / "logs"))
        except Exception as problem:  # noqa: BLE001 - printed with its traceback; the last line must stay a verdict
            traceback.print_exception(problem)
            print(f"chaos seed {plan.seed}: FAILED, not judged: the run ended with {type(problem).__name__}: {problem}")
            sys.exit(1)
    faults = verdict.faults
    if faults:
        print("the last warnings and errors of the processes:", *logged, sep="\n")
        print("partitions that are not read to their ends:", *verdict.lags, sep="\n")
        print("the faults by kind:", *kinds(faults), sep="\n")
        print("the first faults:", *faults[:_SHOWN], sep="\n")
    passed = "FAILED" if faults else "PASSED"
    print(f"chaos seed {plan.seed}: {passed}, {len(faults)} faults; {verdict.counts}")
    sys.exit(bool(faults))


async def _run(plan: Plan, folder: Path, receiver: Receiver) -> Verdict:
    deployment = Deployment(folder, receiver.url)
    try:
        await deployment.open()
        return await _struck(plan, deployment, receiver)
    finally:
        print(f"processes ended with: {_statuses(deployment)}", flush=True)
        await deployment.end_broker()


async def _struck(plan: Plan, deployment: Deployment, receiver: Receiver) -> Verdict:
    record = Record()
    gatherer = Gatherer(deployment.broker.bootstrap, record)
    services = Services(plan, deployment.broker.bootstrap, f"http://127.0.0.1:{deployment.gateway_port}")
    staff = Staff(plan.seed, deployment.environment, record, most=max(8, plan.count // 80))
    gatherer.start()
    staff.start()
    try:
        begun = time.monotonic()
        await _storm(plan, deployment, services, begun)
        print(f"the storm is over after {time.monotonic() - begun:.0f} s", flush=True)
        await deployment.calm()
        await _finish(deployment, services, record, receiver)
        await asyncio.to_thread(staff.stop)
        is_finished = await _finish(deployment, services, record, receiver)
        lags = [] if is_finished else await asyncio.to_thread(_lags, deployment.broker.bootstrap)
        await deployment.close()
        unread = await asyncio.to_thread(gatherer.finish)
    finally:
        print(f"the gateway answered: {services.answers_text()}", flush=True)
        staff.stop()
        gatherer.stop()
    taken = replace(_taken(deployment, services, record, receiver), ends=deployment.ends(), frozen=deployment.frozen())
    account = Account.of(taken)
    faults = [*account.faults, *_uncounted(deployment, account), *unread]
    counts = {
        **account.counts,
        **{f"staff {decision}": many for decision, many in staff.settled.items()},
        **deployment.done,
    }
    counts["seconds without the broker"] = round(sum(back - gone for gone, back in taken.absences.broker))
    return Verdict(faults, ", ".join(f"{many} {what}" for what, many in sorted(counts.items())), lags)


async def _storm(plan: Plan, deployment: Deployment, services: Services, begun: float) -> None:
    """Send every disclosure and apply every disruption and episode at its time; raise the first error."""

    async def at(moment: float, does: Any) -> None:
        await asyncio.sleep(max(0.0, begun + moment - time.monotonic()))
        await does

    async with asyncio.TaskGroup() as group:
        group.create_task(services.send_all())
        for disruption in plan.disruptions:
            group.create_task(at(disruption.at, deployment.strike(disruption)))
        for episode in plan.episodes:
            group.create_task(at(episode.at, deployment.behave(episode, begun + plan.seconds)))


async def _finish(deployment: Deployment, services: Services, record: Record, receiver: Receiver) -> bool:
    """Wait until the account has no fault, and return True; return False after `_FINISH_SECONDS`.

    Unfinished work is a fault at first.
    """
    until = time.monotonic() + _FINISH_SECONDS
    while time.monotonic() < until:
        if not (await asyncio.to_thread(lambda: Account.of(_taken(deployment, services, record, receiver)))).faults:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _lags(bootstrap: str) -> list[str]:
    """Return the partitions that are not read to their ends: with the logs they show which lane stands still."""
    try:
        return list(unread_partitions(bootstrap))
    except Exception as problem:  # noqa: BLE001 - the run is judged all the same
        return [f"unknown: {type(problem).__name__}: {problem}"]


def _taken(deployment: Deployment, services: Services, record: Record, receiver: Receiver) -> Taken:
    return Taken(
        record=record,
        logs={agency: _lines(deployment.agency_log(agency)) for agency in Agency},
        notices=_lines(deployment.folder / "notices.jsonl"),
        calls=_lines(deployment.folder / NOTICE_CALLS),
        alarms=[(call, cause) for call, cause, _ in receiver.heard()],
        absences=deployment.absences(),
        partitions=PARTITIONS,
        limit_seconds=LIMIT_SECONDS,
        forgetful=FORGETFUL,
        acknowledged_sends=services.acknowledged,
    )


def _uncounted(deployment: Deployment, account: Account) -> Sequence[str]:
    """Return why a seed does not count: too few kills of a kind, no outage of an agency, or no hand-over."""
    few = [f"only {deployment.killed[kind]} kills of {kind}" for kind in KINDS if deployment.killed[kind] < LEAST_KILLS]
    few += [] if deployment.done["agency away"] else ["no agency was away for longer than its limit"]
    if not any(deployment.done[f"agency {behaviour}"] for behaviour in SILENT):
        few.append("no report was taken silently")
    few += [] if account.counts["reports handed over"] else ["no report was handed over"]
    return few


def _statuses(deployment: Deployment) -> str:
    ends = Counter((end.process, end.status) for end in deployment.ends())
    return ", ".join(f"{process} {many} x {status}" for (process, status), many in sorted(ends.items()))


def _lines(path: Path) -> list[Mapping[str, Any]]:
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


if __name__ == "__main__":
    main()
