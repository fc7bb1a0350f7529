"""What an account looks at: records, logs, notices and alarm calls, with what several of its parts ask of them."""

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
from tests.chaos.kept import Ended
from tests.chaos.record import SOURCES, Came, Record

Fields = Mapping[str, Any]

_ACKNOWLEDGED = (DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN)


@dataclass(frozen=True, slots=True)
class Taken:
    """All that was read of a run."""

    record: Record
    #: The lines of each agency's log.
    logs: Mapping[Agency, Sequence[Fields]]
    #: The lines of the file of notices.
    notices: Sequence[Fields]
    #: `("alarm" | "all-clear", cause)` in the order of the calls.
    alarms: Sequence[tuple[str, str]]
    absences: Absences
    partitions: int
    limit_seconds: float
    #: An agency that takes each request as a new report.
    forgetful: Agency
    #: What Kafka or the gateway acknowledged to a service: `(service, disclosure_id)`, or bytes that are no disclosure.
    acknowledged_sends: AbstractSet[tuple[str, str] | bytes] = frozenset()
    #: Each end of a process, and each time that one stood still.
    ends: Sequence[Ended] = ()
    frozen: Sequence[tuple[str, Gap]] = ()

    def told(self) -> Iterator[Came]:
        """Yield the records of the services' topics."""
        for topic in SOURCES:
            yield from self.record.on(topic)

    def first_decisions(self) -> Iterator[Fields]:
        """Yield the decisions that disclosures brought about."""
        for each in self.record.on(TopicName.DECISIONS, "Decision"):
            if each.fields["caused_by"] == CausedBy.DISCLOSURE:
                yield each.fields

    def rejected_of(self, topics: Iterable[str]) -> Iterator[Came]:
        """Yield what ADMIT rejected of these topics."""
        for topic in topics:
            yield from (came for came in self.record.on(rejected(topic)) if came.headers.get("rejected-by") == b"admit")

    def reviews_asked(self, *reasons: ReviewReason) -> Iterator[Fields]:
        """Yield the requests of reviews of these reasons, each time that one was asked."""
        for each in self.record.on(TopicName.REVIEWS, "ReviewRequested"):
            if each.fields["reason"] in reasons:
                yield each.fields

    def reviews_settled(self) -> Iterator[Fields]:
        """Yield the ends of reviews."""
        yield from (each.fields for each in self.record.on(TopicName.REVIEWS, "ReviewSettled"))

    def made(self) -> dict[str, list[Fields]]:
        """Return each report by its id, as it was made each time: its sendings."""
        made: dict[str, list[Fields]] = defaultdict(list)
        for topic in (entry.reports for entry in AGENCIES.values()):
            for came in self.record.on(topic, "Report"):
                made[came.fields["report_id"]].append(came.fields)
        return made

    def steps(self) -> Iterator[Fields]:
        """Yield the steps in the lives of reports."""
        yield from (each.fields for each in self.record.on(TopicName.DELIVERIES, "DeliveryChanged"))

    def acknowledged(self) -> dict[str, datetime]:
        """Return when each report was acknowledged first."""
        return _first((s["report_id"], s["changed_at"]) for s in self.steps() if s["state"] in _ACKNOWLEDGED)

    def attempts(self) -> dict[str, list[Fields]]:
        """Return the attempts of each report, each as it was recorded before it was made."""
        found: dict[str, list[Fields]] = defaultdict(list)
        for step in self.steps():
            if step["request"] is not None:
                found[step["report_id"]].append(step)
        return found

    def told_by_phone(self) -> dict[str, datetime]:
        """Return when staff said of each report that they told its agency by phone."""
        ends = (end for end in self.reviews_settled() if end["decision"] == ReviewDecision.TOLD_BY_PHONE)
        return _first((end["report_id"], end["settled_at"]) for end in ends if end["report_id"] is not None)

    def arrived(self) -> dict[str, datetime]:
        """Return when the agency took each report first, by its own log."""
        lines = (line for each in self.accepted().values() for line in each)
        return _first((line["report_id"], datetime.fromisoformat(line["at"])) for line in lines)

    def accepted(self) -> dict[tuple[Agency, str], list[Fields]]:
        """Return the lines by which an agency took a report."""
        found: dict[tuple[Agency, str], list[Fields]] = defaultdict(list)
        for agency, lines in self.logs.items():
            for line in lines:
                if line["accepted"]:
                    found[agency, line["report_id"]].append(line)
        return found


def _first(times: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """Return the earliest of the times of each name."""
    earliest: dict[str, datetime] = {}
    for name, at in times:
        earliest[name] = min(at, earliest.get(name, at))
    return earliest
