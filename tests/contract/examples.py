"""One full and one minimal example of every record. All people are invented."""

from datetime import date

from schemas import disclosure as d
from schemas import notifications, reports, sealed
from schemas import records as r
from schemas import reviews as w
from schemas import vocabulary as v
from schemas.alarms import AlarmChanged
from schemas.fields import Model
from tests.contract.example_parts import (
    ASSESSMENT,
    AT,
    AT_RISK,
    CONCERNS,
    CONTACT,
    INVOLVEMENT,
    LATER,
    LOCATION,
    OWN_IDS,
    PROFESSIONALS,
    REJECTED,
    REVIEW,
    SAFETY,
    SECTION,
    SECTIONS,
    TOLD,
)

FULL: dict[str, Model] = {
    "Disclosure": d.Disclosure(
        disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
        service=v.Service.FORUM,
        channel=d.Channel(kind=v.ChannelKind.THREAD, reference="thread-8841#3"),
        disclosed_at=AT,
        assessment=ASSESSMENT,
        subject=d.Subject(
            account="forum:39117",
            phone="+447700900123",
            email="someone@example.org",
            date_of_birth=date(2009, 2, 3),
            age=16,
            age_band=v.AgeBand.SIXTEEN_SEVENTEEN,
            adult_at_risk=AT_RISK,
            location=LOCATION,
            professionals=PROFESSIONALS,
        ),
        concerns=CONCERNS,
        safety=SAFETY,
        contact=CONTACT,
        involvement=INVOLVEMENT,
        summary="The assessor's words: “não”, 不, 🙂",
    ),
    "Admitted": r.Admitted(
        person="person-1",
        disclosure=d.ReadableDisclosure(
            disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
            service=v.Service.TEXT_LINE,
            channel=v.ChannelKind.SMS,
            disclosed_at=AT,
            assessment=ASSESSMENT,
            subject=d.ReadableSubject(
                date_of_birth=date(1969, 12, 31),
                age=56,
                age_band=v.AgeBand.ADULT,
                adult_at_risk=AT_RISK,
                professionals=(v.ProfessionalRole.CARE_PROFESSIONAL,),
            ),
            concerns=CONCERNS,
            safety=SAFETY,
            contact=CONTACT,
            involvement=INVOLVEMENT,
        ),
        tokens=("phone:1:ab", "email:1:cd"),
        urgent=True,
        section=SECTION,
        wrapped_key=b"\x01\x02",
        master_check=b"\x03\x04",
        admitted_at=LATER,
    ),
    "KeyRecord": r.KeyRecord(key_id="key-1", person="person-1", wrapped_key=b"\x00\x01", master_check=b"\x02"),
    "TokenOwner": r.TokenOwner(token="phone:1:ab", person="person-1"),
    "Edge": r.Edge(
        tokens=("email:1:cd", "phone:1:ab"), state="link", disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10"
    ),
    "Decision": r.Decision(
        decision_id="decision-1",
        disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
        person="person-1",
        policy_version="2026-02",
        decided_at=AT,
        caused_by=v.CausedBy.CASE,
        supersedes="decision-0",
        outcome=v.Outcome.EMERGENCY,
        proposed=v.Outcome.REFER,
        clauses=(
            r.Finding(
                id="IR-1",
                state=v.ClauseState.HOLDS,
                facts={"under_18": True, "plan": False, "means": None, "timeframe": "immediate"},
            ),
            r.Finding(id="LT-1", state=v.ClauseState.DOES_NOT_HOLD),
        ),
        agencies=TOLD,
        review=r.ReviewAsked(reason=v.ReviewReason.MISSING_FACT, asks=("subject.age",), deadline=LATER),
        notify=r.Notify(due=True, by=(v.ContactChannel.SMS,), withheld_because=v.WithheldBecause.NOT_SAFE_TO_CONTACT),
        notes=("timeframe without intent",),
    ),
    "ReviewRequested": REVIEW,
    "ReviewOutcome": w.ReviewOutcome(
        review_id="review-1",
        by="lead-1",
        role=v.Role.SAFEGUARDING_LEAD,
        decided_at=AT,
        decision=v.ReviewDecision.NEW_FACTS,
        facts=(
            w.ReviewFact(path="subject.age", value=17),
            w.ReviewFact(path="concerns[0].plan", value=True),
            w.ReviewFact(path="concerns[0].timeframe", value="within_30_days"),
        ),
        section=SECTION,
        signature=b"\x00\xff",
    ),
    "ReviewSettled": w.ReviewSettled(
        review_id="review-1",
        person="person-1",
        decision_id="decision-2",
        by="lead-1",
        role=v.Role.SAFEGUARDING_LEAD,
        decision=v.ReviewDecision.REFUSE,
        refusal=v.Refusal.ALREADY_REPORTED,
        facts=(w.ReviewFact(path="subject.age", value=17), w.ReviewFact(path="safety.unclear", value=False)),
        report_id="report-1",
        generation=2,
        ask_again_at=LATER,
        entered_under=("disclosure-2", "disclosure-3"),
        records=2,
        told_at=AT,
        reference="reference-9",
        section=SECTION,
        settled_at=LATER,
    ),
    "UrgentRejected": REJECTED,
    "RejectedAccepted": r.RejectedAccepted(
        review_id="review-9", disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10", accepted_at=AT
    ),
    "OpenReview": w.OpenReview(
        request=REVIEW,
        admitted=b"\xc3\x01 and more",
        policy_version="2026-02",
        sent=v.Outcome.REFER,
        told=(
            w.ToldBefore(
                agency=v.Agency.EMERGENCY_999,
                services=(v.EmergencyService.POLICE,),
                clauses=("IR-0",),
                report_id="report-1",
            ),
        ),
        pressing=True,
    ),
    "Report": reports.Report(
        report_id="report-1",
        decision_id="decision-1",
        agency=v.Agency.POLICE_101,
        service=v.EmergencyService.POLICE,
        services=(v.EmergencyService.POLICE, v.EmergencyService.AMBULANCE),
        kind=v.ReportKind.SUPPLEMENT,
        refers_to="report-0",
        person="person-1",
        disclosures=("0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10", "disclosure-2"),
        clauses=("IR-1",),
        concerns=("suicide",),
        age=16,
        professionals=(v.ProfessionalRole.SOCIAL_WORKER,),
        real_and_immediate_risk=True,
        person_told=False,
        person_agrees=True,
        sections=SECTIONS,
        withheld=(reports.Withheld(field="contact", reason="not needed"),),
        reported_at=AT,
        generation=2,
        again_at=LATER,
    ),
    "ReportStopped": reports.ReportStopped(
        report_id="report-1",
        generation=2,
        agency=v.Agency.EMERGENCY_999,
        person="person-1",
        why=v.StopReason.WITHDRAWN,
        stopped_at=LATER,
    ),
    "OpenReport": reports.OpenReport(
        report=b"\xc3\x01 and more",
        notice=b"\xc3\x01 too",
        generation=2,
        worked=12.5,
        is_withdrawn=True,
    ),
    "DeliveryChanged": reports.DeliveryChanged(
        report_id="report-1",
        agency=v.Agency.SOCIAL_WORKER,
        person="person-1",
        state=v.DeliveryState.OUTCOME_KNOWN,
        attempt=3,
        changed_at=AT,
        reference="reference-9",
        reason="timed_out",
        request=SECTIONS[0],
        generation=2,
    ),
    "NotificationDue": notifications.NotificationDue(
        notification_id="notification-1",
        report_id="report-1",
        person="person-1",
        disclosures=OWN_IDS,
        agency=v.Agency.CARE_TEAM,
        clauses=("LT-1",),
        channels=(v.ContactChannel.SMS,),
        withheld_because=v.WithheldBecause.NO_CHANNEL,
        due_at=AT,
        stands=v.NoticeStands.MAYBE_TOLD,
        tell_by=LATER,
    ),
    "NotificationSettled": notifications.NotificationSettled(
        notification_id="notification-1",
        report_id="report-1",
        person="person-1",
        disclosures=OWN_IDS,
        state=v.NoticeState.DEFERRED,
        channel=v.ContactChannel.SMS,
        reason="no_safe_channel",
        review_at=LATER,
        settled_at=AT,
        says=v.NoticeSays.ARE_TELLING,
    ),
    "SealedComment": sealed.SealedComment(comment="What was said", who="The call handler"),
    "AlarmChanged": AlarmChanged(
        cause="review/review-1",
        kind=v.AlarmKind.REVIEW,
        source="decide-2",
        state=v.AlarmState.RAISED,
        step=2,
        changed_at=AT,
        facts={"review_id": "review-1", "on_duty": "lead-1", "waiting": 3_000_000_000},
    ),
    "SealedDetails": sealed.SealedDetails(
        account="forum:39117",
        phone="+447700900123",
        email="someone@example.org",
        location=LOCATION,
        professionals=PROFESSIONALS,
        reference="thread-8841#3",
        summary="The assessor's words",
    ),
}

MODELS: dict[str, type[Model]] = {name: type(example) for name, example in FULL.items()}


#: Values of fields that another field of the record requires.
_NEEDED = {"ReviewOutcome": {"decision": v.ReviewDecision.CONFIRM}}


def _bare(name: str) -> Model:
    """Return the example with only its required fields; nested records stay full."""
    full = FULL[name]
    required = {
        field: None if _may_be_null(name, field) else value
        for field, value in full.model_dump().items()
        if type(full).model_fields[field].is_required()
    }
    return type(full).model_validate(required | _NEEDED.get(name, {}))


def _may_be_null(name: str, field: str) -> bool:
    return (name, field) in {
        ("Admitted", "person"),
        ("Decision", "person"),
        ("ReviewRequested", "person"),
        ("ReviewRequested", "decision_id"),
        ("ReviewRequested", "disclosure_id"),
        ("ReviewSettled", "person"),
        ("ReviewSettled", "decision_id"),
        ("ReviewSettled", "by"),
        ("ReviewSettled", "role"),
    }


BARE: dict[str, Model] = {name: _bare(name) for name in FULL}
