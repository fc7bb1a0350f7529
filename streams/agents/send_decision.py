"""Sends a decision, with the reports, the notices and the review that follow from it."""

from dataclasses import dataclass

from schemas.agencies import AGENCIES
from schemas.records import Admitted
from schemas.reviews import ToldBefore
from schemas.topics import TopicName
from schemas.vocabulary import Agency
from streams.agents.case_sender import CaseSender
from streams.agents.notices import Notices
from streams.agents.open_reports import OpenReports
from streams.agents.open_reviews import OpenReviews
from streams.domain.decisions import Fields, notification_fields, review_fields
from streams.domain.policy import Ruling
from streams.domain.reviews import told_after


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and what it rests on."""

    admitted: Admitted
    #: `admitted` as its review keeps it: encoded.
    value: bytes
    ruling: Ruling
    #: The fields of the `Decision`.
    decision: Fields
    #: Each agency that gets a report now, with the report's fields.
    reports: list[tuple[Agency, Fields]]
    #: The agencies that got a report of this disclosure by an earlier decision.
    told_before: tuple[ToldBefore, ...] = ()


class DecisionSender:
    """Sends decisions; every record of one goes into the turn of its case, so all are committed together."""

    def __init__(self, reviews: OpenReviews, notices: Notices, open_reports: OpenReports) -> None:
        self._reviews = reviews
        self._notices = notices
        self._reports = open_reports

    def send(self, case: CaseSender, decided: Decided) -> None:
        """Send the decision, a report and a notice for each agency, and the review if the ruling asks for one."""
        admitted, ruling, now = decided.admitted, decided.ruling, case.turn.now
        case.send(TopicName.DECISIONS, "Decision", decided.decision)
        notices = notification_fields(admitted, ruling, decided.reports, now)
        for (agency, report), notice in zip(decided.reports, notices, strict=True):
            case.send(AGENCIES[agency].reports, "Report", report)
            self._notices.write(case, notice)
            self._reports.watch(case, report, notice)
        review = review_fields(admitted, ruling, decided.decision["decision_id"], now)
        if review is not None:
            told = told_after(decided.told_before, decided.reports)
            self._reviews.open_for_ruling(case, review, decided.value, ruling, told)
