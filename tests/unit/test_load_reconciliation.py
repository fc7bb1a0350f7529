"""The reconciliation finds missing and repeated records by id, and accepts records in any order."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from schemas.vocabulary import CausedBy, DeliveryState, Outcome
from services.load.plan import Kind, Mix, Options, Plan
from services.load.reconciliation import Fault, Reconciliation, Stage
from services.load.schedule import Arrivals

MIX = Mix(duplicates=0.1, pairs=0.3, urgent=0.4, malformed=0.1, people=40)
OPTIONS = Options(rate=20, seconds=10, arrivals=Arrivals.STEADY, mix=MIX, backlog=30)
PLAN = Plan(OPTIONS, "00ff00ff00ff")
AGENCIES = ("999", "care_team")
FIRST_URGENT = PLAN.kinds.index(Kind.URGENT)
FIRST_MALFORMED = PLAN.kinds.index(Kind.MALFORMED)


@dataclass(frozen=True)
class Event:
    """One record: its kind, its index, and the call that enters it."""

    what: str
    index: int
    enter: Callable[[Reconciliation], None]


def decided(
    plan: Plan,
    index: int,
    *,
    at: float = 0.0,
    person: str | None = None,
    caused_by: CausedBy = CausedBy.DISCLOSURE,
    number: str = "decision",
) -> Event:
    telling = index < len(plan.due) and plan.kinds[index] == Kind.URGENT
    whose = person or (f"person-{plan.line(index).person}" if index < len(plan.due) else "somebody")
    return Event(
        "decision",
        index,
        lambda taken: taken.decision(
            f"{number}-{index}",
            plan.ids.of(index),
            person=whose,
            outcome=Outcome.EMERGENCY if telling else Outcome.CONFIDENTIAL,
            agencies=AGENCIES if telling else (),
            caused_by=caused_by,
            at=at,
        ),
    )


def reported(plan: Plan, index: int, agency: str, *, at: float = 0.0, number: str = "report") -> Event:
    return Event(
        f"report to {agency}",
        index,
        lambda taken: taken.report(
            f"{number}-{index}-{agency}", f"decision-{index}", agency, (plan.ids.of(index),), at
        ),
    )


def delivered(index: int, agency: str, state: DeliveryState = DeliveryState.ACKNOWLEDGED, *, at: float = 0.0) -> Event:
    return Event(f"{state} by {agency}", index, lambda taken: taken.delivery(f"report-{index}-{agency}", state, at))


def refused(plan: Plan, index: int) -> Event:
    return Event("rejected", index, lambda taken: taken.rejection(b"\xff\x00" + plan.ids.of(index).encode()))


def house(plan: Plan = PLAN) -> list[Event]:
    """All records that workers without a fault write for the open loop."""
    events = []
    for index, due in enumerate(plan.due):
        match Kind(plan.kinds[index]):
            case Kind.MALFORMED:
                events.append(refused(plan, index))
            case Kind.ROUTINE:
                events.append(decided(plan, index, at=due + 0.1))
            case Kind.URGENT:
                events.append(decided(plan, index, at=due + 0.1))
                for agency in AGENCIES:
                    events.append(reported(plan, index, agency, at=due + 0.2))
                    events.append(delivered(index, agency, DeliveryState.SENT))
                    events.append(delivered(index, agency, at=due + 0.5))
            case Kind.DUPLICATE:
                pass
    return events


def reconciled(events: list[Event], plan: Plan = PLAN) -> tuple[Reconciliation, list[tuple[Stage, int, float]]]:
    seen: list[tuple[Stage, int, float]] = []
    taken = Reconciliation(plan, lambda *what: seen.append(what))
    for event in events:
        event.enter(taken)
    return taken, seen


def without(what: str, index: int) -> list[Event]:
    events = house()
    left = [event for event in events if (event.what, event.index) != (what, index)]
    assert len(left) == len(events) - 1
    return left


def test_a_house_without_a_fault_is_settled_and_every_latency_is_taken_once() -> None:
    taken, seen = reconciled(house())
    counts, planned = taken.counts(), PLAN.counts()
    assert taken.is_settled()
    assert taken.faults() == {}
    assert counts["decided"] == planned["routine"] + planned["urgent"]
    assert counts["rejected"] == planned["malformed"]
    assert counts["reports"] == counts["acknowledged"] == 2 * planned["urgent"]
    assert counts["failed"] == 0
    after = {stage: [at - PLAN.due[index] for kind, index, at in seen if kind is stage] for stage in Stage}
    assert after[Stage.DECISION] == pytest.approx([0.1] * counts["decided"])
    assert after[Stage.REPORT] == pytest.approx([0.2] * counts["reports"])
    assert after[Stage.ACKNOWLEDGEMENT] == pytest.approx([0.5] * counts["reports"])


@pytest.mark.parametrize("seed", range(5))
def test_records_may_be_read_in_any_order(seed: int) -> None:
    events = house()
    random.Random(seed).shuffle(events)
    taken, seen = reconciled(events)
    assert taken.is_settled()
    assert taken.faults() == {}
    assert sorted(seen) == sorted(reconciled(house())[1])


@pytest.mark.parametrize(
    ("what", "index", "fault", "number"),
    [
        ("decision", PLAN.kinds.index(Kind.ROUTINE), Fault.UNDECIDED, PLAN.ids.of(PLAN.kinds.index(Kind.ROUTINE))),
        ("rejected", FIRST_MALFORMED, Fault.UNREJECTED, PLAN.ids.of(FIRST_MALFORMED)),
        ("report to care_team", FIRST_URGENT, Fault.UNREPORTED, f"decision-{FIRST_URGENT}"),
        ("acknowledged by 999", FIRST_URGENT, Fault.UNENDED, f"report-{FIRST_URGENT}-999"),
    ],
)
def test_what_is_missing_is_found_by_its_id(what: str, index: int, fault: Fault, number: str) -> None:
    taken, _ = reconciled(without(what, index))
    assert not taken.is_settled()
    assert taken.faults() == {fault: [number]}


@pytest.mark.parametrize(
    ("again", "fault", "number"),
    [
        (decided(PLAN, FIRST_URGENT), Fault.DECIDED_AGAIN, PLAN.ids.of(FIRST_URGENT)),
        (refused(PLAN, FIRST_MALFORMED), Fault.REJECTED_AGAIN, PLAN.ids.of(FIRST_MALFORMED)),
        (refused(PLAN, FIRST_URGENT), Fault.WRONGLY_REJECTED, PLAN.ids.of(FIRST_URGENT)),
        (decided(PLAN, FIRST_MALFORMED), Fault.MALFORMED_DECIDED, PLAN.ids.of(FIRST_MALFORMED)),
        (reported(PLAN, FIRST_URGENT, "999"), Fault.REPORTED_AGAIN, f"decision-{FIRST_URGENT}"),
        (reported(PLAN, FIRST_URGENT, "999", number="other"), Fault.REPORTED_AGAIN, f"decision-{FIRST_URGENT}"),
        (reported(PLAN, FIRST_URGENT, "101"), Fault.UNASKED, f"report-{FIRST_URGENT}-101"),
        (delivered(FIRST_URGENT, "999"), Fault.ACKNOWLEDGED_AGAIN, f"report-{FIRST_URGENT}-999"),
    ],
)
def test_what_is_doubled_or_should_not_be_is_found_by_its_id(again: Event, fault: Fault, number: str) -> None:
    taken, seen = reconciled([*house(), again])
    assert taken.faults()[fault] == [number]
    assert sorted(seen) == sorted(reconciled(house())[1]), "what comes again is no latency"


def test_a_failed_report_is_an_end_and_is_counted() -> None:
    events = without("acknowledged by 999", FIRST_URGENT)
    taken, _ = reconciled([*events, delivered(FIRST_URGENT, "999", DeliveryState.FAILED)])
    assert taken.is_settled()
    assert taken.faults() == {}
    assert taken.counts()["failed"] == 1
    assert taken.counts()["acknowledged"] == taken.counts()["reports"] - 1


def test_a_report_that_is_acknowledged_after_it_failed_several_times_is_delivered() -> None:
    events = without("acknowledged by 999", FIRST_URGENT)
    failed = delivered(FIRST_URGENT, "999", DeliveryState.FAILED)
    taken, _ = reconciled([*events, failed, failed, delivered(FIRST_URGENT, "999")])
    assert taken.faults() == {}
    assert taken.counts()["failed"] == 0
    assert taken.counts()["acknowledged"] == taken.counts()["reports"]


def test_one_person_decided_as_two_and_two_as_one_are_found() -> None:
    originals = [index for index in range(len(PLAN.due)) if PLAN.kinds[index] <= Kind.URGENT]
    persons = [PLAN.line(index).person for index in originals]
    last = originals[-1]
    assert persons.count(PLAN.line(last).person) > 1, "somebody who came before"
    parted, _ = reconciled([*without("decision", last), decided(PLAN, last, person="somebody new")])
    assert parted.faults()[Fault.PARTED] == [PLAN.ids.of(last)]
    lone = next(index for index, person in zip(originals, persons, strict=True) if persons.count(person) == 1)
    other = PLAN.line(originals[0]).person
    joined, _ = reconciled([*without("decision", lone), decided(PLAN, lone, person=f"person-{other}")])
    assert joined.faults()[Fault.JOINED] == [PLAN.ids.of(lone)]


def test_what_a_case_or_a_review_adds_later_is_accounted_for_without_a_latency() -> None:
    later = [
        decided(PLAN, FIRST_URGENT, caused_by=CausedBy.REVIEW_OUTCOME, number="later"),
        Event(
            "report",
            FIRST_URGENT,
            lambda taken: taken.report(
                "later-report", f"later-{FIRST_URGENT}", "999", (PLAN.ids.of(FIRST_URGENT),), 9.0
            ),
        ),
    ]
    taken, seen = reconciled([*house(), *later])
    assert taken.faults() == {
        Fault.UNREPORTED: [f"later-{FIRST_URGENT}"],
        Fault.UNENDED: ["later-report"],
    }
    assert len(seen) == len(reconciled(house())[1])


def test_a_backlog_is_waited_for_only_where_it_is_to_be_drained() -> None:
    taken, _ = reconciled(house())
    assert taken.is_settled()
    draining = Plan(replace(OPTIONS, drain=True), "00ff00ff00ff")
    backlog = [decided(draining, index) for index in range(len(draining.due), len(draining))]
    taken, _ = reconciled([*house(draining), *backlog[1:]], draining)
    assert not taken.is_settled()
    assert taken.faults() == {Fault.UNDECIDED: [draining.ids.of(len(draining.due))]}
    taken, _ = reconciled([*house(draining), *backlog], draining)
    assert taken.is_settled()
    assert taken.backlog_decided == 30


def test_a_doubled_decision_of_the_backlog_is_a_fault_without_a_drain() -> None:
    index = len(PLAN.due) + 3
    taken, seen = reconciled([*house(), decided(PLAN, index), decided(PLAN, index)])
    assert taken.faults() == {Fault.DECIDED_AGAIN: [PLAN.ids.of(index)]}
    assert len(seen) == len(reconciled(house())[1])


def test_records_of_other_runs_and_of_the_services_do_not_count_here() -> None:
    other = Plan(OPTIONS, "aaaaaaaaaaaa")
    taken, seen = reconciled([*house(), *house(other)[:50], *(refused(other, index) for index in range(3))])
    assert taken.counts()["decided"] == reconciled(house())[0].counts()["decided"]
    assert taken.counts()["rejected"] == PLAN.counts()["malformed"]
    assert len(seen) == len(reconciled(house())[1])
