"""The records that follow from a ruling, as fields for the codec; each is valid for its model too.

They are dicts and not models because they are built for each disclosure and go straight into the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from schemas.concerns import Concern
from schemas.disclosure import ReadableDisclosure
from schemas.policy import IMMEDIATE_RISK, Policy, ShareField
from schemas.records import Admitted, AgencyToTell, Notify
from schemas.reviews import ToldBefore
from schemas.vocabulary import (
    Agency,
    CausedBy,
    ClauseState,
    ConcernKind,
    EmergencyService,
    InvolvementView,
    NoticeStands,
    ReportKind,
)
from streams.domain.ids import decision_id, notification_id, report_id, review_id, sender_of
from streams.domain.policy import Ruling
from streams.domain.policy.age import years_of
from streams.domain.policy.concern_path import concern_path
from streams.domain.policy.times import when_disclosed

Fields = dict[str, Any]
_VIEW = {InvolvementView.AGREES: True, InvolvementView.DISAGREES: False, InvolvementView.NOT_ASKED: None, None: None}
_IMMEDIATE = frozenset(clause.value for clause in IMMEDIATE_RISK)


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
    reported_before: tuple[ToldBefore, ...] = ()


def decision_fields(
    disclosed: ReadableDisclosure,
    person: str | None,
    ruling: Ruling,
    now: datetime,
    *,
    caused_by: CausedBy = CausedBy.DISCLOSURE,
    supersedes: str | None = None,
    id_: str | None = None,
) -> Fields:
    """Return the fields of the `Decision`; `id_` replaces the id that follows from `caused_by` alone."""
    review = ruling.review
    sender = sender_of(disclosed.service, exercise=disclosed.exercise)
    return {
        "decision_id": id_ or decision_id(sender, disclosed.disclosure_id, caused_by.value),
        "disclosure_id": disclosed.disclosure_id,
        "person": person,
        "policy_version": ruling.policy_version,
        "decided_at": now,
        "caused_by": caused_by.value,
        "supersedes": supersedes,
        "outcome": ruling.outcome.value,
        "proposed": None if ruling.proposed is None else ruling.proposed.value,
        "clauses": [{"id": each.id, "state": each.state.value, "facts": dict(each.facts)} for each in ruling.findings],
        "agencies": _agencies(ruling.agencies),
        "review": None
        if review is None
        else {"reason": review.reason.value, "asks": list(review.asks), "deadline": review.deadline},
        "notify": _notify(ruling.notify),
        "notes": [*disclosed.notes, *ruling.notes],
        "exercise": disclosed.exercise,
    }


def report_fields(admitted: Admitted, ruling: Ruling, decision: str, now: datetime) -> list[tuple[Agency, Fields]]:
    """Return each agency with the fields of its `Report`; none for an outcome that is not reported.

    Raises `ValueError` for a disclosure that IDENTITY has not assigned to a person yet.
    """
    if not ruling.outcome.is_reported:
        return []
    if admitted.person is None:
        raise ValueError("a report needs the person: the disclosure has not been through IDENTITY")
    by_agency: dict[Agency, list[AgencyToTell]] = {}
    for entry in ruling.agencies:
        by_agency.setdefault(entry.agency, []).append(entry)
    return [
        (agency, _report(admitted, admitted.person, ruling, decision, now, agency, entries))
        for agency, entries in by_agency.items()
    ]


def notification_fields(
    admitted: Admitted, ruling: Ruling, reports: Sequence[tuple[Agency, Fields]], now: datetime
) -> list[Fields]:
    """Return the fields of one `NotificationDue` for each of these reports (TELL-1: as soon as possible)."""
    disclosed, notice = admitted.disclosure, _notify(ruling.notify)
    tell_by = now + ruling.policy.tell_within
    return [
        {
            "notification_id": notification_id(report["report_id"]),
            "report_id": report["report_id"],
            "person": report["person"],
            "disclosures": [{"service": disclosed.service.value, "disclosure_id": disclosed.disclosure_id}],
            "agency": agency.value,
            "clauses": report["clauses"],
            "channels": notice["by"],
            "withheld_because": notice["withheld_because"],
            "due_at": now,
            "stands": NoticeStands.TELLING.value,
            "tell_by": tell_by,
            "exercise": disclosed.exercise,
        }
        for agency, report in reports
    ]


def review_fields(admitted: Admitted, ruling: Ruling, decision: str, now: datetime) -> Fields | None:
    """Return the fields of the `ReviewRequested`, None if the ruling asks for no review."""
    review = ruling.review
    if review is None:
        return None
    return {
        "review_id": review_id(decision),
        "decision_id": decision,
        "disclosure_id": admitted.disclosure.disclosure_id,
        "person": admitted.person,
        "requested_at": now,
        "reason": review.reason.value,
        "asks": list(review.asks),
        "deadline": review.deadline,
        "proposed": None if ruling.proposed is None else ruling.proposed.value,
        "agencies": _agencies(ruling.agencies),
        "escalation": 0,
        "section": section_fields(admitted),
        "on_duty": None,
        "rejected_records": [],
        "undelivered": None,
        "exercise": admitted.disclosure.exercise,
    }


def _report(
    admitted: Admitted,
    person: str,
    ruling: Ruling,
    decision: str,
    now: datetime,
    agency: Agency,
    entries: Sequence[AgencyToTell],
) -> Fields:
    disclosed, policy = admitted.disclosure, ruling.policy
    share, disclosed_at = policy.shares[agency], when_disclosed(disclosed, policy.earliest, now)
    clauses = [clause for entry in entries for clause in entry.clauses]
    services = [entry.service for entry in entries if entry.service is not None]
    shown = [share.concerns == "all" or _rests_on(concern, clauses, policy) for concern in disclosed.concerns]
    kinds = [concern.kind.value for concern, show in zip(disclosed.concerns, shown, strict=True) if show]
    unrelated = [concern_path(index) for index, show in enumerate(shown) if not show]
    given = share.fields
    return {
        "report_id": report_id(decision, agency.value),
        "decision_id": decision,
        "agency": agency.value,
        # One report for all services of 999: see decision 0012.
        "service": services[0].value if services else None,
        "services": [service.value for service in services],
        "kind": ReportKind.NEW.value,
        "refers_to": None,
        "person": person,
        "disclosures": [disclosed.disclosure_id],
        "clauses": clauses,
        "concerns": list(dict.fromkeys(kinds)),
        "age": years_of(disclosed.subject, disclosed_at) if ShareField.AGE in given else None,
        "professionals": [role.value for role in disclosed.subject.professionals]
        if ShareField.PROFESSIONALS in given
        else [],
        "real_and_immediate_risk": _real_and_immediate(ruling, agency, services),
        "person_told": disclosed.involvement.told,
        "person_agrees": _VIEW[disclosed.involvement.view],
        "sections": [{"disclosure_id": disclosed.disclosure_id, "section": section_fields(admitted)}],
        "withheld": [
            *({"field": field, "reason": reason} for field, reason in _withheld(agency, policy)),
            *({"field": field, "reason": "no clause of this report rests on it"} for field in unrelated),
        ],
        "reported_at": now,
        "generation": 1,
        "again_at": None,
        "exercise": disclosed.exercise,
    }


def _rests_on(concern: Concern, clauses: Sequence[str], policy: Policy) -> bool:
    return any(clause in clauses for clause in _judging(concern.kind, policy))


@lru_cache(maxsize=64)
def _judging(kind: ConcernKind, policy: Policy) -> tuple[str, ...]:
    return tuple(clause.value for clause in policy.judging(kind))


def _real_and_immediate(ruling: Ruling, agency: Agency, services: Sequence[EmergencyService]) -> bool | None:
    """Return for the police whether the risk is real and immediate (Right Care Right Person); None for others."""
    if agency is not Agency.POLICE_101 and EmergencyService.POLICE not in services:
        return None
    return any(each.id in _IMMEDIATE and each.state is ClauseState.HOLDS for each in ruling.findings)


@lru_cache(maxsize=64)
def _withheld(agency: Agency, policy: Policy) -> tuple[tuple[str, str], ...]:
    share = policy.shares[agency]
    return tuple((field.value, f"not needed for {share.gets}") for field in share.withheld)


def _agencies(agencies: Sequence[AgencyToTell]) -> list[Fields]:
    return [
        {
            "agency": each.agency.value,
            "service": None if each.service is None else each.service.value,
            "clauses": list(each.clauses),
        }
        for each in agencies
    ]


def _notify(notice: Notify) -> Fields:
    return {
        "due": notice.due,
        "by": [channel.value for channel in notice.by],
        "withheld_because": None if notice.withheld_because is None else notice.withheld_because.value,
    }


def section_fields(admitted: Admitted) -> Fields:
    """Return the fields of the disclosure's `SealedSection`."""
    section = admitted.section
    return {"key_id": section.key_id, "nonce": section.nonce, "ciphertext": section.ciphertext}
