"""What follows from a trained person's outcome of a review (CASE-1), and whom an unanswered review asks next.

| decision | what follows |
|---|---|
| confirm | reports to the proposed and the added agencies; an emergency if 999 is among them, else a referral |
| refuse | no report; a report that was sent before stays sent |
| new facts | the disclosure is decided again with them, and counts as confirmed by the role that gave them |

`schemas.review_table` has the decisions that each review allows. A review of rejected records has no disclosure: its
outcome only closes it.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.codec import canonical
from schemas.disclosure import ReadableDisclosure
from schemas.errors import Invalid
from schemas.policy import IMMEDIATE_RISK, LONG_TERM, ClauseId
from schemas.policy.duty import Duty
from schemas.records import Admitted, AgencyToTell, Finding, UrgentRejected
from schemas.review_table import REVIEW_TABLE
from schemas.reviews import TIMES, AddedAgency, OpenReview, ReviewOutcome, ToldBefore, read_time
from schemas.vocabulary import (
    Agency,
    ClauseState,
    Outcome,
    Refusal,
    ReportKind,
    ReviewDecision,
    ReviewReason,
    Role,
)
from streams.domain.decisions import Fields
from streams.domain.new_facts import with_facts
from streams.domain.policy import Ruling
from streams.domain.policy.clause_results import case_values
from streams.domain.policy.routing import OWN
from streams.domain.staff import StaffDirectory

#: Returns the ruling on a disclosure that this role has signed, None: nobody; the caller fixes the time, the policy and
#: the unsafe channels.
Rule = Callable[[ReadableDisclosure, Role | None], Ruling]

#: The clauses about abuse: they are acted on even if the person later says that they are safe (SAFE-4).
ABUSE = frozenset({ClauseId.IR_3, ClauseId.LT_2, ClauseId.LT_3})


@dataclass(frozen=True, slots=True)
class Settled:
    """The disclosure and the ruling on it after its review was settled."""

    disclosed: ReadableDisclosure
    ruling: Ruling


def signature(fields: Mapping[str, Any], key: bytes) -> bytes:
    """Return the HMAC-SHA-256 over all other fields of a `ReviewOutcome`, under the key of its member of staff."""
    return hmac.digest(key, b"ReviewOutcome|" + canonical("ReviewOutcome", {**fields, "signature": b""}), "sha256")


def authenticate(outcome: ReviewOutcome, fields: Mapping[str, Any], directory: StaffDirectory) -> None:
    """Raise `Invalid` unless the named member of staff is on the rota in that role, and signed the outcome.

    `fields` are the decoded fields of the outcome, which the signature covers.
    """
    staff, key = directory.signer(outcome.by)
    if not hmac.compare_digest(outcome.signature, signature(fields, key)):
        raise Invalid.of("signature", "does not match the named member of staff and the content")
    if outcome.role is not staff.role:
        raise Invalid.of("role", "is not theirs on the duty rota")


def settle(review: OpenReview, admitted: Admitted, outcome: ReviewOutcome, rule: Rule) -> Settled:
    """Return what follows from an authentic outcome of the review of a disclosure.

    Raises `Invalid` for an outcome that this role may not give, or that does not fit the review.
    """
    disclosed = admitted.disclosure
    # A report that was sent had been confirmed: a refusal of what is still asked takes nothing back.
    asked = rule(disclosed, None if review.sent is None else outcome.role)
    refuse_untrained(outcome.role, asked.policy.trained)
    who = REVIEW_TABLE[review.request.reason].who
    if who == "safeguarding_lead" and outcome.role is not Role.SAFEGUARDING_LEAD:
        raise Invalid.of("role", "AD-2 is for a safeguarding lead to decide")
    match outcome.decision:
        case ReviewDecision.CONFIRM:
            settled = _confirmed(review, _confirmed_by(disclosed, outcome.role), outcome, rule)
        case ReviewDecision.REFUSE:
            settled = _refused(review, disclosed, outcome.refusal, asked)
        case ReviewDecision.NEW_FACTS:
            _refuse_unasked_times(review, outcome)
            found = with_facts(_confirmed_by(disclosed, outcome.role), outcome.facts)
            settled = Settled(found, _keeping(review, rule(found, outcome.role)))
        case _:
            raise Invalid.of("decision", "settles no review of a disclosure")
    if review.policy_version != settled.ruling.policy_version:
        note = f"policy_version: what was asked was found under {review.policy_version}"
        settled = replace(settled, ruling=replace(settled.ruling, notes=(*settled.ruling.notes, note)))
    return settled


def reports_to_send(
    reports: Iterable[tuple[Agency, Fields]], reported_before: Sequence[ToldBefore]
) -> list[tuple[Agency, Fields]]:
    """Return the reports with content that is new to their agency; a supplement if the agency has a report already."""
    before = {each.agency: each for each in reported_before}
    sending = []
    for agency, report in reports:
        known = before.get(agency)
        if known is None:
            sending.append((agency, report))
        elif not (set(report["clauses"]) <= set(known.clauses) and set(report["services"]) <= set(known.services)):
            supplement = {"kind": ReportKind.SUPPLEMENT.value, "refers_to": known.report_id}
            sending.append((agency, report | supplement))
    return sending


def reported_after(reported_before: Sequence[ToldBefore], reports: Iterable[tuple[Agency, Fields]]) -> list[Fields]:
    """Return the fields of `ToldBefore` for each agency, with these reports; its id is that of the first report."""
    known: dict[str, Fields] = {each.agency.value: each.model_dump(mode="json") for each in reported_before}
    for agency, report in reports:
        before = known.get(agency.value)
        known[agency.value] = {
            "agency": agency.value,
            "services": list(dict.fromkeys([*(before["services"] if before else ()), *report["services"]])),
            "clauses": list(dict.fromkeys([*(before["clauses"] if before else ()), *report["clauses"]])),
            "report_id": before["report_id"] if before else report["report_id"],
        }
    return list(known.values())


def open_fields(request: Fields, value: bytes, ruling: Ruling, reported: list[Fields], now: datetime) -> Fields:
    """Return the fields of the `OpenReview` of a disclosure; `value` is its encoded `Admitted`."""
    return {
        "request": {**request, "section": None},
        "admitted": value,
        "policy_version": ruling.policy_version,
        "sent": ruling.outcome.value if ruling.outcome.is_reported else None,
        "told": reported,
        "pressing": request["deadline"] - now <= ruling.policy.deadlines.emergency,
    }


def rejected_fields(
    review_id: str, records: Sequence[UrgentRejected], now: datetime, deadline: datetime, duty: Duty
) -> Fields:
    """Return the fields of the `ReviewRequested` of rejected records; of a conflict, with the first one's ids."""
    first = records[0].conflict
    reason = ReviewReason.REJECTED if first is None else ReviewReason.CONFLICTING_ID
    return {
        "review_id": review_id,
        "decision_id": None if first is None else first.decision_id,
        "disclosure_id": None if first is None else first.disclosure_id,
        "person": None,
        "requested_at": now,
        "reason": reason.value,
        "deadline": deadline,
        "on_duty": asked(duty, now, 0, reason),
        "rejected_records": [each.model_dump() for each in records],
        "exercise": records[0].exercise,
    }


def escalated(review: OpenReview, duty: Duty, now: datetime) -> OpenReview:
    """Return the review one step higher: it asks the next person on duty, and has a new deadline."""
    request, every = review.request, duty.escalate_every
    step, own = request.escalation + 1, REVIEW_TABLE[request.reason].deadlines
    wait = own.urgent or every.emergency if review.pressing else own.other or every.other
    changes = {
        "escalation": step,
        "deadline": now + wait,
        "on_duty": asked(duty, now, step, request.reason),
    }
    return review.model_copy(update={"request": request.model_copy(update=changes)})


def asked(duty: Duty, now: datetime, step: int, reason: ReviewReason) -> str:
    """Return the id of the member of staff to ask now, after `step` others."""
    return duty.asked(now, step, lead=REVIEW_TABLE[reason].who == "safeguarding_lead").id


def refuse_untrained(role: Role, trained: Iterable[Role]) -> None:
    """Raise `Invalid` for a role that is not trained to settle a review (CASE-1)."""
    if role not in trained:
        raise Invalid.of("role", "is not trained to settle a review")


def _confirmed_by(disclosed: ReadableDisclosure, role: Role) -> ReadableDisclosure:
    return disclosed.model_copy(update={"assessment": disclosed.assessment.model_copy(update={"confirmed_by": role})})


def _refuse_unasked_times(review: OpenReview, outcome: ReviewOutcome) -> None:
    """Raise `Invalid` for a time that is not asked for, or that is after the outcome: a known time is not changed."""
    for fact in outcome.facts:
        if fact.path not in TIMES:
            continue
        if fact.path not in review.request.asks:
            raise Invalid.of(fact.path, "is not asked for: the time of the disclosure is known")
        if (at := read_time(fact.value)) is None or at > outcome.decided_at:
            raise Invalid.of(fact.path, "must be a time in ISO 8601 with its zone, and not after the outcome")


def _confirmed(review: OpenReview, disclosed: ReadableDisclosure, outcome: ReviewOutcome, rule: Rule) -> Settled:
    ruling, proposed, added = rule(disclosed, outcome.role), review.request.agencies, outcome.agencies
    agencies = list(proposed)
    for each in added:
        _refuse_unless_allowed(each, disclosed, ruling)
        if all((each.agency, each.service) != (known.agency, known.service) for known in agencies):
            clauses = _rests_on(each.agency, ruling.findings)
            agencies.append(AgencyToTell(agency=each.agency, service=each.service, clauses=clauses))
    if not added and (not proposed or review.sent is not None):
        raise Invalid.of("agencies", "needs at least one: no other agency was proposed")
    # The proposal counts, even if the policy in force now would propose otherwise. Its open questions are still asked.
    still_asked = ruling.review if review.request.reason is ReviewReason.CONFIRMATION else None
    return Settled(disclosed, _reporting(ruling, agencies, still_asked if ruling.outcome.is_reported else None))


def _refused(review: OpenReview, disclosed: ReadableDisclosure, refusal: Refusal | None, ruling: Ruling) -> Settled:
    abused = any(each.id in ABUSE and each.state is ClauseState.HOLDS for each in ruling.findings)
    if refusal is Refusal.SAFE_AFTER_CONVERSATION and abused:
        raise Invalid.of("refusal", "SAFE-4: abuse is acted on even if they say that they are safe")
    notes = (*ruling.notes, f"review: refused, {refusal}")
    if review.sent is not None:
        return Settled(disclosed, replace(_reporting(ruling, review.request.agencies, None), notes=notes))
    return Settled(
        disclosed,
        replace(ruling, outcome=Outcome.CONFIDENTIAL, proposed=None, agencies=(), review=None, notes=notes),
    )


def _keeping(review: OpenReview, ruling: Ruling) -> Ruling:
    """Return the ruling with the agencies that have a report already: a report that was sent is never taken back."""
    if review.sent is None:
        return ruling
    new = {(each.agency, each.service): each for each in ruling.agencies} if ruling.outcome.is_reported else {}
    before = [each for each in review.request.agencies if (each.agency, each.service) not in new]
    return _reporting(ruling, (*before, *new.values()), ruling.review)


def _reporting(ruling: Ruling, agencies: Sequence[AgencyToTell], review: Any) -> Ruling:
    emergency = any(each.agency is Agency.EMERGENCY_999 for each in agencies)
    outcome = Outcome.EMERGENCY if emergency else Outcome.REFER
    return replace(ruling, outcome=outcome, proposed=None, agencies=tuple(agencies), review=review)


def _refuse_unless_allowed(added: AddedAgency, disclosed: ReadableDisclosure, ruling: Ruling) -> None:
    if added.agency is Agency.EMERGENCY_999:
        return
    values = case_values(ruling.facts)
    if values["under_18"] is not True and values["adult_at_risk"] is not True:
        raise Invalid.of(
            "agencies",
            "AD-1: an emergency alone, unless they are known to be under 18 or an adult at risk of harm",
        )
    if (own := OWN.get(added.agency)) is not None and own not in disclosed.subject.professionals:
        raise Invalid.of("agencies", f"no {own.value} of this person is known: give subject.professionals first")


def _rests_on(agency: Agency, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the clauses of an added agency's report: those that hold, else those that are open, else CASE-1."""
    its_own = (*IMMEDIATE_RISK, ClauseId.AD_2) if agency is Agency.EMERGENCY_999 else LONG_TERM
    for state in (ClauseState.HOLDS, ClauseState.OPEN):
        if found := tuple(each.id for each in findings if each.id in its_own and each.state is state):
            return found
    return (ClauseId.CASE_1.value,)
