"""The records that follow from a ruling: valid for their models, encodable, and with no more than an agency needs."""

from typing import Any

import pytest

from schemas import codec
from schemas.disclosure import ReadableDisclosure
from schemas.notifications import NotificationDue
from schemas.policy import ShareField
from schemas.records import Admitted, Decision, ReviewRequested
from schemas.reports import Report
from schemas.sealed import SealedSection
from schemas.vocabulary import Agency, Service
from streams.domain.decisions import decision_fields, notification_fields, report_fields, review_fields
from streams.domain.ids import decision_id
from streams.domain.policy import decide
from tests.unit.policy_cases import ADULT, CHILD, NOW, POLICY, TEEN, concern, disclosure
from tests.unit.test_scenario_day import DISCLOSURES

ABUSE = concern("abuse", ongoing=True)
OVERDOSE = concern("medication", more_than_prescribed=True)
KNOWN = {"professionals": ["social_worker", "care_professional"]}


def admit(disclosed: ReadableDisclosure, person: str | None = "person-1") -> Admitted:
    return Admitted(
        person=person,
        disclosure=disclosed,
        tokens=("account:1:00",),
        urgent=False,
        section=SealedSection(key_id="key-1", nonce=b"123456789012", ciphertext=b"sealed"),
        admitted_at=NOW,
    )


def records(disclosed: ReadableDisclosure) -> list[tuple[type[Any], dict[str, Any]]]:
    admitted, ruling = admit(disclosed), decide(disclosed, now=NOW, policy=POLICY)
    decision = decision_fields(disclosed, "person-1", ruling, NOW)
    reports = report_fields(admitted, ruling, decision["decision_id"], NOW)
    review = review_fields(admitted, ruling, decision["decision_id"], NOW)
    return [
        (Decision, decision),
        *((Report, report) for _, report in reports),
        *((NotificationDue, notice) for notice in notification_fields(admitted, ruling, reports, NOW)),
        *([] if review is None else [(ReviewRequested, review)]),
    ]


def reports_of(disclosed: ReadableDisclosure) -> dict[str, dict[str, Any]]:
    ruling = decide(disclosed, now=NOW, policy=POLICY)
    return {agency.value: report for agency, report in report_fields(admit(disclosed), ruling, "decision-1", NOW)}


def withheld(report: dict[str, Any]) -> set[str]:
    return {each["field"] for each in report["withheld"]}


@pytest.mark.parametrize("line", range(1, len(DISCLOSURES) + 1))
def test_every_record_of_the_day_fits_its_model_and_its_schema(line: int) -> None:
    for model, fields in records(DISCLOSURES[line - 1]):
        validated = model.model_validate(fields)
        name, decoded = codec.decode(codec.encode(model.__name__, fields), model.__name__)

        assert set(fields) == set(model.model_fields)
        assert name == model.__name__
        assert model.model_validate(decoded) == validated


def test_one_report_for_999_asks_for_all_services() -> None:
    reports = reports_of(disclosure(concern("self_harm", life_threatening=True, immediate_danger="life"), OVERDOSE))

    assert list(reports) == ["999"]
    report = reports["999"]
    assert (report["service"], report["services"]) == ("police", ["police", "ambulance"])
    assert report["clauses"] == ["IR-0", "IR-2", "IR-4"]


def test_a_proposal_sends_no_report() -> None:
    unconfirmed = disclosure(OVERDOSE, confirmed_by=None)

    assert [model for model, _ in records(unconfirmed)] == [Decision, ReviewRequested]


def test_a_report_needs_a_person() -> None:
    disclosed = disclosure(OVERDOSE)
    ruling = decide(disclosed, now=NOW, policy=POLICY)

    with pytest.raises(ValueError, match="IDENTITY"):
        report_fields(admit(disclosed, person=None), ruling, "decision-1", NOW)


def test_a_notice_for_each_report_in_the_service_s_own_id() -> None:
    disclosed = disclosure(concern("sexual_abuse", coercive_or_abusive=True), subject=TEEN | KNOWN)
    ruling = decide(disclosed, now=NOW, policy=POLICY)
    reports = report_fields(admit(disclosed), ruling, "decision-1", NOW)

    notices = notification_fields(admit(disclosed), ruling, reports, NOW)

    assert [notice["report_id"] for notice in notices] == [report["report_id"] for _, report in reports]
    assert len({notice["notification_id"] for notice in notices}) == 2
    assert [notice["agency"] for notice in notices] == ["101", "social_worker"]
    assert all(notice["disclosures"] == [{"service": "forum", "disclosure_id": "d-1"}] for notice in notices)
    assert all((notice["channels"], notice["due_at"]) == (["sms"], NOW) for notice in notices)
    assert all((notice["stands"], notice["tell_by"]) == ("telling", NOW + POLICY.tell_within) for notice in notices)


def test_a_withheld_notice_is_recorded_as_such() -> None:
    found = dict(records(disclosure(OVERDOSE, contact={"channels": ["sms"], "safe_to_contact": False})))

    assert found[NotificationDue]["channels"] == []
    assert found[NotificationDue]["withheld_because"] == "not_safe_to_contact"


def test_999_gets_the_concerns_the_place_and_all_risks() -> None:
    report = reports_of(disclosure(OVERDOSE, ABUSE, subject=CHILD | KNOWN))["999"]

    assert report["concerns"] == ["medication", "abuse"]
    assert withheld(report) == {"subject.date_of_birth", "subject.professionals", "channel.reference"}
    assert (report["age"], report["professionals"]) == (15, [])


def test_other_agencies_get_only_the_concern_of_their_clauses() -> None:
    pregnancy = concern("pregnancy", medical_professionals_informed=False)
    reports = reports_of(disclosure(ABUSE, pregnancy, concern("suicide"), subject=CHILD | KNOWN))

    assert reports["social_worker"]["concerns"] == ["abuse"]
    assert withheld(reports["social_worker"]) == {
        "subject.account",
        "subject.location",
        "channel.reference",
        "concerns[1]",
        "concerns[2]",
    }
    assert reports["social_worker"]["professionals"] == ["social_worker", "care_professional"]
    assert reports["care_team"]["concerns"] == ["pregnancy"]
    assert withheld(reports["care_team"]) >= {"subject.location", "subject.professionals", "concerns[0]"}
    assert reports["care_team"]["professionals"] == []


def test_101_gets_the_concern_and_identity_without_the_place() -> None:
    report = reports_of(disclosure(ABUSE, subject=CHILD))["101"]

    assert withheld(report) == {"subject.location", "subject.professionals", "channel.reference"}
    assert all(each["reason"] == "not needed for the concern and identity" for each in report["withheld"])


def test_every_agency_is_given_or_refused_every_field() -> None:
    for agency in Agency:
        share = POLICY.shares[agency]
        assert sorted([*share.fields, *share.withheld]) == sorted(ShareField)


def test_police_reports_record_whether_the_risk_is_real_and_immediate() -> None:
    police = reports_of(disclosure(concern("harm_to_others", might_harm=True), subject=ADULT))["999"]
    ambulance = reports_of(disclosure(OVERDOSE))["999"]
    not_an_emergency = reports_of(disclosure(ABUSE))["101"]
    social_worker = reports_of(disclosure(ABUSE, subject=CHILD | KNOWN))["social_worker"]

    assert [each["real_and_immediate_risk"] for each in (police, ambulance, not_an_emergency, social_worker)] == [
        True,
        None,
        False,
        None,
    ]


@pytest.mark.parametrize(
    ("view", "agrees"), [("agrees", True), ("disagrees", False), ("not_asked", None), (None, None)]
)
def test_tell_2_a_report_has_the_involvement_of_the_person(view: str | None, agrees: bool | None) -> None:
    report = reports_of(disclosure(ABUSE, involvement={"told": True, "view": view}))["101"]

    assert (report["person_told"], report["person_agrees"]) == (True, agrees)


def test_a_review_has_its_questions_and_the_proposal() -> None:
    found = dict(records(disclosure(OVERDOSE, confirmed_by=None)))[ReviewRequested]

    assert (found["reason"], found["proposed"], found["escalation"]) == ("confirmation", "emergency", 0)
    assert found["agencies"] == [{"agency": "999", "service": "ambulance", "clauses": ["IR-4"]}]
    assert found["decision_id"] == decision_id(Service.FORUM, "d-1")
    assert (found["deadline"] - NOW).total_seconds() == 300


def test_the_same_disclosure_gives_the_same_ids() -> None:
    ids = [
        [fields.get("report_id"), fields["decision_id"]] for model, fields in records(DISCLOSURES[0]) if model is Report
    ]

    assert ids
    assert ids == [
        [fields["report_id"], fields["decision_id"]] for model, fields in records(DISCLOSURES[0]) if model is Report
    ]
