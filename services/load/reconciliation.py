"""Every id accounted for: what each record of a plan must come to, what came, and what is missing or doubled."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.vocabulary import CausedBy, DeliveryState, Outcome
from services.load.plan import Kind, Plan


class Stage(StrEnum):
    """What a latency is taken to, from the time the disclosure was due."""

    DECISION = "decision"
    REPORT = "report"
    ACKNOWLEDGEMENT = "acknowledgement"


class Fault(StrEnum):
    """What can be wrong with an id: of a disclosure down to those of decisions, and of reports at the end."""

    UNDECIDED = "disclosures without a decision"
    DECIDED_AGAIN = "disclosures with more than one decision"
    WRONGLY_REJECTED = "disclosures that were rejected"
    UNREJECTED = "malformed records that were not rejected"
    REJECTED_AGAIN = "malformed records that were rejected more than once"
    MALFORMED_DECIDED = "malformed records with a decision"
    PARTED = "disclosures of one person decided as of several"
    JOINED = "disclosures of several persons decided as of one"
    UNREPORTED = "decisions without a report to an agency they tell"
    REPORTED_AGAIN = "decisions with more than one report to an agency"
    UNASKED = "reports to an agency that no decision tells"
    UNENDED = "reports neither acknowledged nor failed"
    ACKNOWLEDGED_AGAIN = "reports that were acknowledged more than once"


#: Takes a latency's end: the stage, the record's index, and when it was seen (by the clock, in seconds).
Seen = Callable[[Stage, int, float], None]


@dataclass(slots=True)
class _Delivery:
    """How one report fared at its agency."""

    acknowledgements: int = 0
    acknowledged_at: float = 0.0
    failed: bool = False
    timed: bool = False


@dataclass(slots=True)
class _Telling:
    """What one decision is to tell one agency, from whichever side it was first heard of."""

    decision_id: str
    #: Of the disclosure, once the decision was read.
    index: int | None = None
    #: Whether the decision is the first on its disclosure; what a review or a case adds later has no latency.
    first: bool = True
    report_id: str | None = None
    reported_at: float = 0.0
    timed: bool = False


class Reconciliation:
    """Takes what is read in any order: topics are read side by side, so that a report may come before its decision."""

    def __init__(self, plan: Plan, seen: Seen) -> None:
        self._plan = plan
        self._seen = seen
        self._open_loop = len(plan.due)
        self._decisions = bytearray(len(plan))
        self._rejections = bytearray(self._open_loop)
        self._later: set[str] = set()
        self._tellings: dict[tuple[str, str], _Telling] = {}
        self._reports: dict[str, _Telling] = {}
        self._deliveries: dict[str, _Delivery] = {}
        self._persons: dict[int, str] = {}
        self._people: dict[str, int] = {}
        self._found: dict[Fault, list[str]] = {}
        #: Disclosures of the open loop and of the backlog that have their decision, and malformed records rejected.
        self.decided = 0
        self.backlog_decided = 0
        self.rejected = 0
        self.outcomes: Counter[str] = Counter()

    def decision(
        self,
        decision_id: str,
        disclosure_id: str,
        *,
        person: str | None,
        outcome: Outcome,
        agencies: Sequence[str],
        caused_by: CausedBy,
        at: float,
    ) -> None:
        """Take a decision; those on disclosures of other runs are not ours."""
        index = self._plan.ids.index(disclosure_id)
        if index is None:
            return
        first = caused_by is CausedBy.DISCLOSURE
        if first:
            self._first_decision(index, disclosure_id, person, outcome, at)
        elif decision_id in self._later:
            self._fault(Fault.DECIDED_AGAIN, disclosure_id)
        else:
            self._later.add(decision_id)
        if outcome.is_reported:
            for agency in agencies:
                telling = self._tellings.setdefault((decision_id, agency), _Telling(decision_id))
                telling.index, telling.first = index, first
                self._time(telling)

    def report(self, report_id: str, decision_id: str, agency: str, disclosures: Sequence[str], at: float) -> None:
        """Take a report; one that rests on no disclosure of this run is not ours."""
        if not any(self._plan.ids.index(disclosure_id) is not None for disclosure_id in disclosures):
            return
        telling = self._tellings.setdefault((decision_id, agency), _Telling(decision_id))
        if telling.report_id is not None:
            self._fault(Fault.REPORTED_AGAIN, decision_id)
            return
        telling.report_id, telling.reported_at = report_id, at
        self._reports[report_id] = telling
        self._time(telling)

    def delivery(self, report_id: str, state: DeliveryState, at: float) -> None:
        """Take a step in the life of a report."""
        if state is DeliveryState.FAILED:
            self._deliveries.setdefault(report_id, _Delivery()).failed = True
        elif state is DeliveryState.ACKNOWLEDGED:
            delivery = self._deliveries.setdefault(report_id, _Delivery())
            delivery.acknowledgements += 1
            if delivery.acknowledgements == 1:
                delivery.acknowledged_at = at
                if report_id in self._reports:
                    self._time(self._reports[report_id])

    def rejection(self, value: bytes) -> None:
        """Take the original bytes of a rejected record; those without an id of this run are not ours."""
        index = self._plan.ids.within(value)
        if index is None:
            return
        number = self._plan.ids.of(index)
        if index >= self._open_loop or self._plan.kinds[index] != Kind.MALFORMED:
            self._fault(Fault.WRONGLY_REJECTED, number)
        elif self._rejections[index]:
            self._fault(Fault.REJECTED_AGAIN, number)
        else:
            self._rejections[index] = 1
            self.rejected += 1

    def is_settled(self) -> bool:
        """Return whether nothing more is to be expected: of the backlog only where it is to be drained."""
        options = self._plan.options
        return (
            self.decided >= len(self._plan.originals)
            and self.rejected >= self._plan.kinds.count(Kind.MALFORMED)
            and (not options.drain or self.backlog_decided >= options.backlog)
            and not any(self._unfinished())
        )

    def faults(self) -> dict[Fault, list[str]]:
        """Return the ids of all that is missing or doubled; of a backlog what is missing only where it is drained."""
        faults = {fault: list(ids) for fault, ids in self._found.items()}
        for found in (self._unanswered(), self._unfinished(), self._unfounded()):
            for fault, number in found:
                faults.setdefault(fault, []).append(number)
        return faults

    def counts(self) -> Mapping[str, int]:
        """Return what came: decisions, reports and how they ended, rejected records, persons."""
        ended = [self._deliveries[report_id] for report_id in self._reports if report_id in self._deliveries]
        return {
            "decided": self.decided,
            "backlog_decided": self.backlog_decided,
            "rejected": self.rejected,
            "reports": len(self._reports),
            "acknowledged": sum(delivery.acknowledgements > 0 for delivery in ended),
            "failed": sum(delivery.failed and not delivery.acknowledgements for delivery in ended),
            "persons": len(self._people),
        }

    def _first_decision(self, index: int, disclosure_id: str, person: str | None, outcome: Outcome, at: float) -> None:
        if self._decisions[index]:
            self._fault(Fault.DECIDED_AGAIN, disclosure_id)
            return
        self._decisions[index] = 1
        if index >= self._open_loop:
            self.backlog_decided += 1
            return
        if self._plan.kinds[index] > Kind.URGENT:
            self._fault(Fault.MALFORMED_DECIDED, disclosure_id)
            return
        self.decided += 1
        self.outcomes[outcome] += 1
        self._seen(Stage.DECISION, index, at)
        if person is not None:
            invented = self._plan.line(index).person
            if self._persons.setdefault(invented, person) != person:
                self._fault(Fault.PARTED, disclosure_id)
            elif self._people.setdefault(person, invented) != invented:
                self._fault(Fault.JOINED, disclosure_id)

    def _time(self, telling: _Telling) -> None:
        """Take the latencies that are known now: both sides of each have to be read first."""
        if telling.index is None or telling.report_id is None:
            return
        counts = telling.first and telling.index < self._open_loop
        if not telling.timed:
            telling.timed = True
            if counts:
                self._seen(Stage.REPORT, telling.index, telling.reported_at)
        delivery = self._deliveries.get(telling.report_id)
        if delivery is not None and delivery.acknowledgements and not delivery.timed:
            delivery.timed = True
            if counts:
                self._seen(Stage.ACKNOWLEDGEMENT, telling.index, delivery.acknowledged_at)

    def _unanswered(self) -> Iterator[tuple[Fault, str]]:
        for index in range(self._open_loop):
            if self._plan.kinds[index] <= Kind.URGENT and not self._decisions[index]:
                yield Fault.UNDECIDED, self._plan.ids.of(index)
            elif self._plan.kinds[index] == Kind.MALFORMED and not self._rejections[index]:
                yield Fault.UNREJECTED, self._plan.ids.of(index)
        if self._plan.options.drain:
            for index in range(self._open_loop, len(self._plan)):
                if not self._decisions[index]:
                    yield Fault.UNDECIDED, self._plan.ids.of(index)

    def _unfinished(self) -> Iterator[tuple[Fault, str]]:
        for telling in self._tellings.values():
            if telling.index is None or (telling.index >= self._open_loop and not self._plan.options.drain):
                continue
            if telling.report_id is None:
                yield Fault.UNREPORTED, telling.decision_id
                continue
            delivery = self._deliveries.get(telling.report_id)
            if delivery is None or not (delivery.acknowledgements or delivery.failed):
                yield Fault.UNENDED, telling.report_id

    def _unfounded(self) -> Iterator[tuple[Fault, str]]:
        for telling in self._tellings.values():
            if telling.index is None:
                yield Fault.UNASKED, telling.report_id or telling.decision_id
        for report_id in self._reports:
            if report_id in self._deliveries and self._deliveries[report_id].acknowledgements > 1:
                yield Fault.ACKNOWLEDGED_AGAIN, report_id

    def _fault(self, fault: Fault, number: str) -> None:
        self._found.setdefault(fault, []).append(number)
