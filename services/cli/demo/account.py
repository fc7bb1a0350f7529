"""The account of a play: every line sent, every record read, and what is missing, repeated or wrong. Pure, no I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.vocabulary import DeliveryState, NoticeStands, Outcome, ReviewReason
from services.cli.demo.notices import (
    acknowledgements,
    missing_notices,
    repeated_notices,
    settled_after_tell_by,
    untrue_notices,
)
from streams.domain.ids import decision_id

Fields = dict[str, Any]


@dataclass(slots=True)
class Sent:
    """One line that was played."""

    line: int
    disclosure_id: str | None
    accepted: bool
    #: When it was sent, by the monotonic clock (seconds).
    at: float
    #: Whose ids the line has (`sender_of`); None if it cannot be read.
    sender: str | None = None
    #: The service and the kinds of concern, or empty if the line cannot be read.
    about: str = ""
    error: str = ""


@dataclass(slots=True)
class Account:
    """The lines and records of one play, by id; times are when a record was read, by the monotonic clock (seconds)."""

    sent: list[Sent] = field(default_factory=list)
    decisions: dict[str, Fields] = field(default_factory=dict)
    reports: dict[str, Fields] = field(default_factory=dict)
    deliveries: list[Fields] = field(default_factory=list)
    due: dict[str, Fields] = field(default_factory=dict)
    #: The channels of each notice in its first record.
    _channels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settled: dict[str, Fields] = field(default_factory=dict)
    reviews: dict[str, Fields] = field(default_factory=dict)
    reviews_settled: dict[str, Fields] = field(default_factory=dict)
    rejected: list[Fields] = field(default_factory=list)
    decided_at: dict[str, float] = field(default_factory=dict)
    acknowledged_at: dict[str, float] = field(default_factory=dict)
    #: How often each record and acknowledgement was read. More than once is a fault.
    read: Counter[str] = field(default_factory=Counter)
    _reports_of: dict[str, list[Fields]] = field(default_factory=dict)
    _about: dict[str, str] = field(default_factory=dict)
    _noticed: set[str] = field(default_factory=set)
    _reviewed: set[str] = field(default_factory=set)

    def take(self, record: str, fields: Fields, at: float) -> None:
        """Enter one record."""
        match record:
            case "Decision":
                self._once(record, self.decisions, "decision_id", fields)
                self.decided_at.setdefault(fields["disclosure_id"], at)
            case "Report":
                # A report that staff send again has the same id and the next generation.
                self.read[f"{record} {fields['report_id']} of generation {fields['generation']}"] += 1
                if fields["report_id"] not in self.reports:
                    self._reports_of.setdefault(fields["decision_id"], []).append(fields)
                self.reports[fields["report_id"]] = fields
            case "ReportStopped":
                self.read[f"{record} {fields['report_id']} of generation {fields['generation']}"] += 1
            case "DeliveryChanged":
                self.deliveries.append(fields)
                if fields["state"] == DeliveryState.ACKNOWLEDGED:
                    self.read[f"acknowledgement of report {fields['report_id']}"] += 1
                    self.acknowledged_at.setdefault(fields["report_id"], at)
            case "NotificationDue":
                self._take_due(fields)
            case "NotificationSettled":
                self._once(record, self.settled, "notification_id", fields)
            case "ReviewRequested":
                # A review without an answer goes to the next person on duty: one record for each step. A review of
                # rejected records is also written when another comes, or is accepted.
                rejected = [each["accepted_at"] for each in fields.get("rejected_records", ())]
                self.read[f"{record} {fields['review_id']} of step {fields['escalation']}, {rejected}"] += 1
                self.reviews[fields["review_id"]] = fields
                if fields["undelivered"] is None and fields["reason"] != ReviewReason.CONFLICTING_ID:
                    self._reviewed.add(fields["decision_id"])
            case "ReviewSettled":
                self._once(record, self.reviews_settled, "review_id", fields)
            case _:
                raise ValueError(f"no account is kept of {record}")

    def is_decided(self, sender: str | None, disclosure_id: str) -> bool:
        """Return whether the disclosure of that sender and id has its decision."""
        return sender is not None and decision_id(sender, disclosure_id) in self.decisions

    def about(self, disclosure_id: str) -> str:
        """Return the service and the kinds of concern of a disclosure."""
        return self._about.get(disclosure_id, "")

    def enter(self, sent: Sent) -> None:
        """Enter a line when it is sent."""
        self.sent.append(sent)
        if sent.disclosure_id is not None:
            self._about.setdefault(sent.disclosure_id, sent.about)

    def is_complete(self) -> bool:
        """Return whether every line has reached its end."""
        return not any(self.open())

    def open(self) -> Iterable[str]:
        """Yield each thing that is still open: a decision or rejection, the end of a report, a review or a notice."""
        refused = Counter(fields["disclosure_id"] for fields in self.rejected)
        for sent in self.sent:
            is_decided = self.is_decided(sent.sender, sent.disclosure_id or "")
            if sent.accepted and not is_decided and not refused[sent.disclosure_id]:
                yield f"line {sent.line} has no decision and was not rejected"
        for decision in self.decisions.values():
            yield from self._open_of_decision(decision)
        ended = {d["report_id"] for d in self.deliveries if d["state"] in _ENDS}
        for report_id, report in self.reports.items():
            if report_id not in ended:
                yield f"report {report_id} to {report['agency']} was neither acknowledged nor handed to a human"
        for review_id, review in self.reviews.items():
            if review["undelivered"] is not None and review_id not in self.reviews_settled:
                yield f"review {review_id} of report {review['undelivered']['report_id']} waits for a human"
        for notification_id in self.due.keys() - self.settled.keys():
            yield f"notice {notification_id} was not settled"
        yield from missing_notices(self.settled.values(), acknowledgements(self.deliveries))
        refused_lines = sum(not sent.accepted for sent in self.sent)
        if refused_lines > len(self.rejected):
            yield f"{refused_lines} lines were refused, but {len(self.rejected)} records are in the rejected topics"

    def faults(self, agency_logs: Mapping[str, Iterable[Fields]]) -> list[str]:
        """Return every fault at the end of the play; the logs of the agencies are compared too."""
        faults = list(self.open())
        # The notifier itself writes these notices again, to learn which records were written before `tell_by` passed.
        asked = {_due_as(id_, NoticeStands.TELLING) for id_ in settled_after_tell_by(self.due, self.settled)}
        faults += [
            f"{what} was read {times} times"
            for what, times in self.read.items()
            if times > 1 and what.partition(" by ")[0] not in asked
        ]
        faults += untrue_notices(self.settled.values(), acknowledgements(self.deliveries))
        faults += repeated_notices(self.settled.values())
        faults += [
            f"report {report_id} failed ({reason}) and waits for a human"
            for report_id, reason in self._handed_over().items()
        ]
        accepted = Counter(
            (agency, line["report_id"]) for agency, lines in agency_logs.items() for line in lines if line["accepted"]
        )
        wanted = {(report["agency"], report_id) for report_id, report in self.reports.items()}
        faults += [
            f"{agency} accepted report {report} {accepted[agency, report]} times, not once"
            for agency, report in sorted(wanted)
            if accepted[agency, report] != 1
        ]
        faults += [
            f"{agency} accepted a report {report} that was never made"
            for agency, report in sorted(accepted.keys() - wanted)
        ]
        return faults

    def _handed_over(self) -> dict[str, str]:
        """Return the first reason why each report was handed over, without reports that the agency acknowledged."""
        handed_over: dict[str, str] = {}
        for delivery in self.deliveries:
            if delivery["state"] == DeliveryState.FAILED and delivery["report_id"] not in self.acknowledged_at:
                handed_over.setdefault(delivery["report_id"], delivery["reason"])
        return handed_over

    def persons(self) -> dict[str, list[str]]:
        """Return the disclosures of each person, in the order of their decisions."""
        persons: dict[str, list[str]] = {}
        for decision in self.decisions.values():
            known = persons.setdefault(decision["person"], [])
            if decision["disclosure_id"] not in known:
                known.append(decision["disclosure_id"])
        return persons

    def seconds_to_decision(self) -> list[float]:
        """Return the seconds from the first sending of each disclosure to its decision."""
        first = self._first_sent()
        return [at - first[disclosure] for disclosure, at in self.decided_at.items() if disclosure in first]

    def seconds_to_acknowledgement(self) -> list[float]:
        """Return the seconds from the first sending of a report's disclosure to the acknowledgement of the report."""
        first = self._first_sent()
        return [
            at - first[disclosure]
            for report_id, at in self.acknowledged_at.items()
            for disclosure in self.reports[report_id]["disclosures"][:1]
            if disclosure in first
        ]

    def _first_sent(self) -> dict[str, float]:
        first: dict[str, float] = {}
        for sent in self.sent:
            if sent.disclosure_id is not None:
                first.setdefault(sent.disclosure_id, sent.at)
        return first

    def _open_of_decision(self, decision: Fields) -> Iterable[str]:
        made = decision["decision_id"]
        if Outcome(decision["outcome"]).is_reported:
            reports = self._reports_of.get(made, [])
            reported = {report["agency"] for report in reports} | self._reported_before(decision)
            for agency in sorted({entry["agency"] for entry in decision["agencies"]} - reported):
                yield f"decision {made} tells {agency}, but there is no report to it"
            for report in reports:
                if report["report_id"] not in self._noticed:
                    yield f"report {report['report_id']} has no notice to the person"
        if decision["review"] and made not in self._reviewed:
            yield f"decision {made} asks for a review, but there is none"

    def _reported_before(self, decision: Fields) -> set[str]:
        """Return the agencies with reports of the decisions that this one supersedes: they get no second report."""
        reported: set[str] = set()
        while (before := decision["supersedes"]) is not None and before in self.decisions:
            reported |= {report["agency"] for report in self._reports_of.get(before, [])}
            decision = self.decisions[before]
        return reported

    def _take_due(self, fields: Fields) -> None:
        """Enter a notice. DECIDE writes it once for each state of its report, in any order.

        It writes the notice again if one of its channels was marked unsafe.
        """
        notification_id, stands, channels = fields["notification_id"], fields["stands"], tuple(fields["channels"])
        first = self._channels.setdefault(notification_id, channels)
        self.read[
            _due_as(notification_id, stands) + ("" if channels == first else f" by {len(channels)} channels")
        ] += 1
        if notification_id not in self.due or stands != NoticeStands.TELLING:
            self.due[notification_id] = fields
        self._noticed.add(fields["report_id"])

    def _once(self, record: str, known: dict[str, Fields], id_field: str, fields: Fields) -> None:
        self.read[f"{record} {fields[id_field]}"] += 1
        known[fields[id_field]] = fields


def _due_as(notification_id: str, stands: str) -> str:
    return f"NotificationDue {notification_id} with the report state {stands}"


_ENDS = (DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN, DeliveryState.FAILED)
