"""The data of an account: records, logs, notices and alarm calls, with queries that several judges use."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.agencies import AGENCIES
from schemas.topics import TopicName, rejected
from schemas.vocabulary import Agency, CausedBy, DeliveryState, ReviewDecision, ReviewReason
from tests.chaos.absences import Absences, Gap
from tests.chaos.kept_process import Ended
from tests.chaos.record import SOURCES, ReadRecord, Record

Fields = Mapping[str, Any]

#: The states in which the agency has the report.
ACKNOWLEDGED = (DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN)


@dataclass(frozen=True, slots=True)
class Taken:
    """All data that was read of a run."""

    record: Record
    #: Lines of each agency's log.
    logs: Mapping[Agency, Sequence[Fields]]
    #: Lines of the file of notices.
    notices: Sequence[Fields]
    #: Each call of the channel for notices, in order: with its time, and the opening of the lane that made it.
    calls: Sequence[Fields]
    #: `("alarm" | "all-clear", cause)` in the order of the calls.
    alarms: Sequence[tuple[str, str]]
    absences: Absences
    partitions: int
    limit_seconds: float
    #: The agency that accepts each request as a new report.
    forgetful: Agency
    #: Values of the submissions that Kafka or the gateway acknowledged.
    acknowledged_sends: AbstractSet[bytes] = frozenset()
    #: Ends of processes, and freezes.
    ends: Sequence[Ended] = ()
    frozen: Sequence[tuple[str, Gap]] = ()

    def submitted(self) -> Iterator[ReadRecord]:
        """Yield the records of the services' topics."""
        for topic in SOURCES:
            yield from self.record.on(topic)

    def first_decisions(self) -> Iterator[Fields]:
        """Yield the decisions that were caused by a disclosure."""
        for each in self.record.on(TopicName.DECISIONS, "Decision"):
            if each.fields["caused_by"] == CausedBy.DISCLOSURE:
                yield each.fields

    def rejected_of(self, topics: Iterable[str]) -> Iterator[ReadRecord]:
        """Yield the records of these topics that ADMIT rejected."""
        for topic in topics:
            yield from (came for came in self.record.on(rejected(topic)) if came.headers.get("rejected-by") == b"admit")

    def reviews_asked(self, *reasons: ReviewReason) -> Iterator[Fields]:
        """Yield every request of a review with one of these reasons, including escalations."""
        for each in self.record.on(TopicName.REVIEWS, "ReviewRequested"):
            if each.fields["reason"] in reasons:
                yield each.fields

    def reviews_settled(self) -> Iterator[Fields]:
        """Yield the settled reviews."""
        yield from (each.fields for each in self.record.on(TopicName.REVIEWS, "ReviewSettled"))

    def made(self) -> dict[str, list[Fields]]:
        """Return each report by its id, with one entry for each generation."""
        made: dict[str, list[Fields]] = defaultdict(list)
        for topic in (entry.reports for entry in AGENCIES.values()):
            for came in self.record.on(topic, "Report"):
                made[came.fields["report_id"]].append(came.fields)
        return made

    def steps(self) -> Iterator[Fields]:
        """Yield the changes of state of reports."""
        yield from (each.fields for each in self.record.on(TopicName.DELIVERIES, "DeliveryChanged"))

    def acknowledged(self) -> dict[str, datetime]:
        """Return the time of the first acknowledgement of each report."""
        return _first((s["report_id"], s["changed_at"]) for s in self.steps() if s["state"] in ACKNOWLEDGED)

    def attempts(self) -> dict[str, list[Fields]]:
        """Return the attempts of each report. An attempt is recorded before it is made."""
        found: dict[str, list[Fields]] = defaultdict(list)
        for step in self.steps():
            if step["request"] is not None:
                found[step["report_id"]].append(step)
        return found

    def told_by_phone(self) -> dict[str, datetime]:
        """Return when staff recorded that they told the agency of each report by phone."""
        ends = (end for end in self.reviews_settled() if end["decision"] == ReviewDecision.TOLD_BY_PHONE)
        return _first((end["report_id"], end["settled_at"]) for end in ends if end["report_id"] is not None)

    def arrived(self) -> dict[str, datetime]:
        """Return when the agency first accepted each report, by its log."""
        lines = (line for each in self.accepted().values() for line in each)
        return _first((line["report_id"], datetime.fromisoformat(line["at"])) for line in lines)

    def accepted(self) -> dict[tuple[Agency, str], list[Fields]]:
        """Return the lines of the agencies' logs with an accepted report."""
        found: dict[tuple[Agency, str], list[Fields]] = defaultdict(list)
        for agency, lines in self.logs.items():
            for line in lines:
                if line["accepted"]:
                    found[agency, line["report_id"]].append(line)
        return found


def _first(times: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """Return the earliest time of each name."""
    earliest: dict[str, datetime] = {}
    for name, at in times:
        earliest[name] = min(at, earliest.get(name, at))
    return earliest
