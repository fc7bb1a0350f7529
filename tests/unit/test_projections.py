"""Each agency gets the least that it needs: the fields that the policy shares, without those that are withheld."""

import json
from datetime import date
from typing import Any

import pytest

from schemas.disclosure import Location
from schemas.fields import EMPTY_BIRTH
from schemas.policy import ShareField, load_policy
from schemas.reports import Withheld
from schemas.sealed import SealedDetails
from schemas.vocabulary import Agency, ConcernKind, EmergencyService, ReportKind
from services.agency_profiles import AGENCY_PROFILES
from services.agency_profiles.projection import without_withheld
from tests.reports import DETAILS, report

#: Text that shows that a field is in a request.
MARKS = {
    ShareField.ACCOUNT: "forum:39117",
    ShareField.PHONE: "+447700900123",
    ShareField.EMAIL: "p@example.org",
    ShareField.LOCATION: "by the bandstand",
    ShareField.PROFESSIONALS: "duty@council.example",
    ShareField.REFERENCE: "thread-8841#3",
    ShareField.SUMMARY: "The assessor's own words.",
}


def request(agency: Agency, *details: SealedDetails, **fields: Any) -> dict[str, Any]:
    made = report(agency, **fields)
    return AGENCY_PROFILES[agency].project(made, without_withheld(made, details or (DETAILS,)))


def shown(body: dict[str, Any]) -> set[ShareField]:
    text = json.dumps(body)
    return {field for field, mark in MARKS.items() if mark in text}


@pytest.mark.parametrize("agency", Agency)
def test_an_agency_gets_exactly_the_fields_that_the_policy_shares_with_it(agency: Agency) -> None:
    shared = set(load_policy().shares[agency].fields)
    assert shown(request(agency)) == shared & set(MARKS)


@pytest.mark.parametrize("agency", Agency)
def test_withheld_fields_are_in_no_request_of_any_agency(agency: Agency) -> None:
    everything = tuple(Withheld(field=field.value, reason="asked for") for field in ShareField)
    assert shown(request(agency, withheld=everything)) == set()


@pytest.mark.parametrize("agency", Agency)
def test_no_projection_contains_the_conversation_even_if_nothing_is_withheld(agency: Agency) -> None:
    assert ShareField.REFERENCE not in shown(request(agency, withheld=()))


@pytest.mark.parametrize("agency", Agency)
def test_every_request_says_what_it_is_and_why(agency: Agency) -> None:
    made = report(agency)
    body = request(agency, kind=ReportKind.SUPPLEMENT, refers_to="r-0")
    assert body["report_id"] == made.report_id
    assert (body["kind"], body["refers_to"], body["agency"]) == ("supplement", "r-0", agency)
    assert body["clauses"] == list(made.clauses)


@pytest.mark.parametrize("agency", Agency)
def test_no_request_has_our_id_of_the_person_or_of_the_disclosure(agency: Agency) -> None:
    text = json.dumps(request(agency))
    assert "person-1" not in text
    assert "disclosure-1" not in text


def test_999_gets_the_service_the_location_and_the_risks_on_the_scene() -> None:
    body = request(
        Agency.EMERGENCY_999,
        services=(EmergencyService.POLICE, EmergencyService.AMBULANCE),
        concerns=(ConcernKind.HARM_TO_OTHERS,),
        real_and_immediate_risk=True,
    )
    assert body["services"] == ["police", "ambulance"]
    assert body["where"] == [{"text": "by the bandstand", "postcode": "ZZ99 1AB"}]
    assert body["scene_risks"] == {"risk_to_others": True, "real_and_immediate_risk": True}


def test_101_gets_the_test_of_right_care_right_person() -> None:
    assert request(Agency.POLICE_101, real_and_immediate_risk=False)["concern"]["real_and_immediate_risk"] is False


@pytest.mark.parametrize(
    ("born", "given"),
    [
        (date(2009, 5, 4), ["2009-05-04"]),
        (date(1, 1, 1), []),
        (date(1890, 1, 1), []),
        (date(1900, 1, 1), []),
        (date(1970, 1, 1), []),
        (EMPTY_BIRTH, []),
        (date(2126, 1, 1), []),
    ],
    ids=str,
)
def test_no_agency_gets_a_date_of_birth_that_cannot_be_a_persons(born: date, given: list[str]) -> None:
    """An agency would take a placeholder, such as 0001-01-01, for the age of an adult."""
    for agency in (Agency.POLICE_101, Agency.SOCIAL_WORKER, Agency.CARE_TEAM):
        text = json.dumps(request(agency, DETAILS.model_copy(update={"date_of_birth": born}), withheld=()))
        assert ([each for each in given if each in text], born.isoformat() in text) == (given, bool(given))


@pytest.mark.parametrize(
    "phone", ["+44266696687", "+440000000000", "+11111111111", "+9999999", "+447000000000", "+44 (0)7777 777777"]
)
def test_no_agency_gets_an_identifier_by_which_nobody_can_be_reached(phone: str) -> None:
    nobody = DETAILS.model_copy(update={"phone": phone, "email": "unknown@example.org", "account": "guest"})
    reach = request(Agency.EMERGENCY_999, nobody)["reach"]
    assert (reach["phones"], reach["emails"], reach["accounts"]) == ([], [], [])


@pytest.mark.parametrize(("latitude", "longitude"), [(0.0, 0.0), (91.0, 0.0), (51.5, 180.5)])
def test_no_agency_gets_a_point_that_cannot_be_true(latitude: float, longitude: float) -> None:
    location = Location(text="by the bandstand", latitude=latitude, longitude=longitude)
    asked = request(Agency.EMERGENCY_999, DETAILS.model_copy(update={"location": location}))
    assert asked["where"] == [{"text": "by the bandstand"}]


def test_an_agency_gets_a_long_text_whole() -> None:
    location = Location(text="x" * 20_000, postcode="y" * 20_000)
    asked = request(Agency.EMERGENCY_999, DETAILS.model_copy(update={"location": location}))
    assert asked["where"] == [location.model_dump(exclude_none=True)]


@pytest.mark.parametrize(("written", "given"), [("+4407700900123", "+447700900123"), ("+44770090", "+44770090")])
def test_an_agency_gets_a_phone_number_as_it_is_dialled(written: str, given: str) -> None:
    asked = request(Agency.EMERGENCY_999, DETAILS.model_copy(update={"phone": written}))
    assert asked["reach"]["phones"] == [given]


def test_an_agency_gets_an_email_address_without_what_was_written_around_it() -> None:
    written = DETAILS.model_copy(update={"email": '"Jane" <Jane@Bücher.example>,'})
    assert request(Agency.EMERGENCY_999, written)["reach"]["emails"] == ["Jane@Bücher.example"]


def test_details_of_several_disclosures_are_merged_each_once() -> None:
    later = DETAILS.model_copy(update={"phone": "+447700900124", "summary": "Later words."})
    body = request(Agency.EMERGENCY_999, DETAILS, later)
    assert body["reach"]["phones"] == ["+447700900123", "+447700900124"]
    assert body["reach"]["emails"] == ["p@example.org"]
    assert len(body["where"]) == 1
    assert body["what_is_happening"]["words"] == ["The assessor's own words.", "Later words."]


def test_a_social_worker_gets_the_history_and_the_care_team_the_newest_words_alone() -> None:
    later = DETAILS.model_copy(update={"summary": "Later words."})
    assert request(Agency.SOCIAL_WORKER, DETAILS, later)["history"]["words"] == [DETAILS.summary, "Later words."]
    assert request(Agency.CARE_TEAM, DETAILS, later)["concern"]["words"] == ["Later words."]
