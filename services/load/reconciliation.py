"""Reconciles a plan with the records that were read: each id that is missing, repeated or wrong is a fault."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.vocabulary import CausedBy, DeliveryState, Outcome
from services.load.plan import Kind, Plan


class Stage(StrEnum):
    """The ends of a latency, which begins when the disclosure is due."""

    DECISION = "decision"
    REPORT = "report"
    ACKNOWLEDGEMENT = "acknowledgement"


class Fault(StrEnum):
    """What can be wrong with an id: first of disclosures, then of decisions, then of reports."""

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


#: Is called at the end of a latency: the stage, the index of the record, and the time by the monotonic clock (seconds).
Seen = Callable[[Stage, int, float], None]


@dataclass(slots=True)
class _Delivery:
    """The delivery of one report to its agency."""

    acknowledgements: int = 0
    acknowledged_at: float = 0.0
    failed: bool = False
    timed: bool = False


@dataclass(slots=True)
class _ExpectedReport:
    """The report of one decision to one agency. Either the decision or the report may be read first."""

    decision_id: str
    #: Index of the disclosure; None until the decision is read.
    index: int | None = None
    #: Whether the decision is the first on its disclosure. Later decisions, by a review or a case, have no latency.
    first: bool = True
    report_id: str | None = None
    reported_at: float = 0.0
    timed: bool = False


class Reconciliation:
    """Takes records in any order: topics are read in parallel, so that a report may be read before its decision."""

    def __init__(self, plan: Plan, seen: Seen) -> None:
        self._plan = plan
        self._seen = seen
        self._open_loop = len(plan.due)
        self._decisions = bytearray(len(plan))
        self._rejections = bytearray(self._open_loop)
        self._later: set[str] = set()
        self._expected: dict[tuple[str, str], _ExpectedReport] = {}
        self._reports: dict[str, _ExpectedReport] = {}
        self._deliveries: dict[str, _Delivery] = {}
        self._persons: dict[int, str] = {}
        self._people: dict[str, int] = {}
        self._found: dict[Fault, list[str]] = {}
        #: Decided disclosures of the open loop and of the backlog, and rejected malformed records.
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
        """Take a decision; decisions on disclosures of other runs are ignored."""
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
                expected = self._expected.setdefault((decision_id, agency), _ExpectedReport(decision_id))
                expected.index, expected.first = index, first
                self._time(expected)

    def report(self, report_id: str, decision_id: str, agency: str, disclosures: Sequence[str], at: float) -> None:
        """Take a report; reports without a disclosure of this run are ignored."""
        if not any(self._plan.ids.index(disclosure_id) is not None for disclosure_id in disclosures):
            return
        expected = self._expected.setdefault((decision_id, agency), _ExpectedReport(decision_id))
        if expected.report_id is not None:
            self._fault(Fault.REPORTED_AGAIN, decision_id)
            return
        expected.report_id, expected.reported_at = report_id, at
        self._reports[report_id] = expected
        self._time(expected)

    def delivery(self, report_id: str, state: DeliveryState, at: float) -> None:
        """Take a change of state of a report."""
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
        """Take the original bytes of a rejected record; bytes without an id of this run are ignored."""
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
        """Return whether all expected records were read; the backlog counts only if it is to be drained."""
        options = self._plan.options
        return (
            self.decided >= len(self._plan.originals)
            and self.rejected >= self._plan.kinds.count(Kind.MALFORMED)
            and (not options.drain or self.backlog_decided >= options.backlog)
            and not any(self._unfinished())
        )

    def faults(self) -> dict[Fault, list[str]]:
        """Return the ids of all faults. An undecided disclosure of the backlog is a fault only if it is drained."""
        faults = {fault: list(ids) for fault, ids in self._found.items()}
        for found in (self._unanswered(), self._unfinished(), self._unfounded()):
            for fault, number in found:
                faults.setdefault(fault, []).append(number)
        return faults

    def counts(self) -> Mapping[str, int]:
        """Return the counts of decisions, reports, their ends, rejected records and persons."""
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

    def _time(self, expected: _ExpectedReport) -> None:
        """Take the latencies of a report that are known now: both its decision and the report must have been read."""
        if expected.index is None or expected.report_id is None:
            return
        counts = expected.first and expected.index < self._open_loop
        if not expected.timed:
            expected.timed = True
            if counts:
                self._seen(Stage.REPORT, expected.index, expected.reported_at)
        delivery = self._deliveries.get(expected.report_id)
        if delivery is not None and delivery.acknowledgements and not delivery.timed:
            delivery.timed = True
            if counts:
                self._seen(Stage.ACKNOWLEDGEMENT, expected.index, delivery.acknowledged_at)

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
        for expected in self._expected.values():
            if expected.index is None or (expected.index >= self._open_loop and not self._plan.options.drain):
                continue
            if expected.report_id is None:
                yield Fault.UNREPORTED, expected.decision_id
                continue
            delivery = self._deliveries.get(expected.report_id)
            if delivery is None or not (delivery.acknowledgements or delivery.failed):
                yield Fault.UNENDED, expected.report_id

    def _unfounded(self) -> Iterator[tuple[Fault, str]]:
        for expected in self._expected.values():
            if expected.index is None:
                yield Fault.UNASKED, expected.report_id or expected.decision_id
        for report_id in self._reports:
            if report_id in self._deliveries and self._deliveries[report_id].acknowledgements > 1:
                yield Fault.ACKNOWLEDGED_AGAIN, report_id

    def _fault(self, fault: Fault, number: str) -> None:
        self._found.setdefault(fault, []).append(number)
