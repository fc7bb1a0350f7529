"""Values that the examples of several records share. All people are invented."""

from datetime import UTC, datetime

from schemas import concerns as c
from schemas import disclosure as d
from schemas import notifications, reports, sealed
from schemas import records as r
from schemas import vocabulary as v

AT = datetime(2026, 2, 3, 21, 4, 11, 123456, tzinfo=UTC)
LATER = datetime(2026, 2, 3, 23, 30, tzinfo=UTC)

ASSESSMENT = d.Assessment(assessed_at=AT, assessor=v.Role.MODERATOR, confirmed_by=v.Role.SAFEGUARDING_LEAD)
AT_RISK = d.AdultAtRisk(care_or_support_needs=True, at_risk_of_harm=None, cannot_protect_self=False)
CONCERNS: tuple[c.Concern, ...] = (
    c.Suicide(
        kind=v.ConcernKind.SUICIDE,
        thoughts=True,
        plan=False,
        means=None,
        intent=True,
        timeframe=v.Timeframe.WITHIN_30_DAYS,
        immediate_danger=None,
    ),
    c.SelfHarm(kind=v.ConcernKind.SELF_HARM, life_threatening=True, immediate_danger=v.ImmediateDanger.LIFE),
    c.Medication(kind=v.ConcernKind.MEDICATION, more_than_prescribed=False),
    c.Abuse(
        kind=v.ConcernKind.ABUSE,
        ongoing=True,
        position_of_trust=False,
        contact_with_young_people=None,
        can_block_safeguarding=True,
    ),
    c.SexualAbuse(kind=v.ConcernKind.SEXUAL_ABUSE, coercive_or_abusive=True),
    c.HarmToOthers(kind=v.ConcernKind.HARM_TO_OTHERS, might_harm=None, immediate_danger=v.ImmediateDanger.HARM),
    c.Homelessness(kind=v.ConcernKind.HOMELESSNESS, state=v.HousingState.AT_RISK),
    c.Pregnancy(kind=v.ConcernKind.PREGNANCY, medical_professionals_informed=False),
    c.CaringResponsibilities(
        kind=v.ConcernKind.CARING_RESPONSIBILITIES, impact_on_carer=True, impact_on_cared_for=False
    ),
)
SAFETY = d.Safety(says_safe=True, contradicted=True, unclear=False)
CONTACT = d.Contact(
    channels=(v.ContactChannel.DIRECT_MESSAGE, v.ContactChannel.EMAIL),
    preferred=v.ContactChannel.EMAIL,
    safe_to_contact=False,
)
INVOLVEMENT = d.Involvement(told=True, view=v.InvolvementView.DISAGREES, safe_to_ask=None)
LOCATION = d.Location(text="by the bandstand", postcode="ZZ99 1AB", latitude=51.5, longitude=-0.12)
PROFESSIONALS = (
    d.Professional(
        role=v.ProfessionalRole.SOCIAL_WORKER,
        name="A. Example",
        organisation="Exampleshire",
        address="duty@council.example",
    ),
    d.Professional(role=v.ProfessionalRole.CARE_PROFESSIONAL),
)
SECTION = sealed.SealedSection(key_id="key-1", nonce=bytes(range(12)), ciphertext=b"\x00\xff sealed")
SECTIONS = (reports.ReportSection(disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10", section=SECTION),)
TOLD = (r.AgencyToTell(agency=v.Agency.EMERGENCY_999, service=v.EmergencyService.AMBULANCE, clauses=("IR-1", "IR-2")),)
REJECTED = r.UrgentRejected(
    review_id="review-9",
    topic="forum.disclosures.urgent.v1",
    partition=3,
    offset=2**40,
    field="concerns[0].kind",
    reason="concerns[0].kind: is not a known kind",
    rejected_at=AT,
    disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
    accepted_at=LATER,
    exercise=True,
)
REVIEW = r.ReviewRequested(
    review_id="review-1",
    decision_id="decision-1",
    disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
    person="person-1",
    requested_at=AT,
    reason=v.ReviewReason.SUSPECTED_SHARED,
    asks=("subject.age",),
    deadline=LATER,
    proposed=v.Outcome.EMERGENCY,
    agencies=TOLD,
    escalation=2,
    section=SECTION,
    on_duty="lead-2",
    rejected_records=(REJECTED,),
    undelivered=r.Undelivered(
        report_id="report-1",
        agency=v.Agency.EMERGENCY_999,
        generation=2,
        failure="limit_passed_after_timeout",
        clauses=("IR-1",),
        reported_at=AT,
    ),
)
OWN_IDS = (
    notifications.ServiceDisclosure(service=v.Service.FORUM, disclosure_id="0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10"),
)
