"""An optional value that cannot be true, or that a form left blank, sinks no disclosure: it is noted and left out."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.disclosure import parse_json
from schemas.records import Decision
from schemas.sealed import SealedDetails
from schemas.topics import TopicName
from services.cli.decide import as_json
from streams.domain.admission import details_fields, readable, readable_fields
from streams.domain.placeholders import AGES, OLDEST_STATED, POINTS
from tests.disclosures import fields, raw
from tests.turns import ADA, admit_lane, read
from tests.unit.policy_cases import NOW, POLICY

ARRIVED = datetime(2026, 2, 3, 22, tzinfo=UTC)
NO_AGE = "subject.age: is no age that a person can have: counted as unknown"
PLACEHOLDER_AGE = "subject.age: is one that software writes for an unknown age: counted as unknown"
NO_POINT = "subject.location: no place has this latitude or longitude: both are left out"
PLACEHOLDER_POINT = (
    "subject.location: software writes this latitude and longitude for an unknown place: both are left out"
)
#: What the age of an adult, or of a child, would decide.
HOMELESS = [{"kind": "homelessness", "state": "homeless"}]


def line_with(concerns: Any = HOMELESS, **subject: Any) -> bytes:
    return raw(subject={"account": "forum:39117", **subject}, concerns=concerns)


def admitted(line: bytes) -> dict[str, Any]:
    """Return the readable half that ADMIT sends on."""
    value = encode("Disclosure", parse_json(line).model_dump())
    (output,) = admit_lane(lambda _: ADA).work(value, topic=TopicName.FORUM_DISCLOSURES, now=ARRIVED).outputs[-1:]
    half: dict[str, Any] = read(output)[1]["disclosure"]
    return half


def decided(line: bytes) -> Decision:
    """Return what `confide decide` prints."""
    return Decision.model_validate_json(as_json(readable(parse_json(line), ARRIVED), NOW, POLICY))


AGES_LEFT_OUT = [
    *((age, NO_AGE) for age in (-1, 131, 999, 1990, 10**12, -(10**30), 1e300)),
    *((age, PLACEHOLDER_AGE) for age in (*AGES, OLDEST_STATED + 1, 130, 120.0)),
]


@pytest.mark.parametrize(("age", "note"), AGES_LEFT_OUT)
def test_an_age_that_is_nobodys_is_noted_and_asked_for(age: float, note: str) -> None:
    line = line_with(age=age)
    half, decision = admitted(line), decided(line)
    assert (half["subject"]["age"], tuple(half["notes"])) == (None, (note,))
    assert (decision.outcome, decision.notes) == ("review", (note,))
    assert decision.review is not None
    assert decision.review.asks == ("subject.age",)


@pytest.mark.parametrize("age", [0, 15, 98, 100, OLDEST_STATED])
def test_an_age_that_a_person_can_have_is_a_fact(age: int) -> None:
    half = admitted(line_with(age=age))
    assert (half["subject"]["age"], list(half["notes"])) == (age, [])


def test_an_age_in_a_record_is_as_it_came() -> None:
    read_ = parse_json(line_with(age=999))
    assert decode(encode("Disclosure", read_.model_dump()), "Disclosure")[1]["subject"]["age"] == 999


@pytest.mark.parametrize(
    ("location", "note"),
    [
        *(({"latitude": each, "longitude": 0.5}, NO_POINT) for each in (90.5, -91, 1e300, 10**399)),
        *(({"latitude": 0.5, "longitude": each}, NO_POINT) for each in (181, -180.01, float("inf"))),
        ({"latitude": 91}, NO_POINT),
        ({"longitude": 181}, NO_POINT),
        *(({"latitude": latitude, "longitude": longitude}, PLACEHOLDER_POINT) for latitude, longitude in POINTS),
        ({"latitude": -0.0, "longitude": 0}, PLACEHOLDER_POINT),
    ],
)
def test_a_point_that_cannot_be_true_is_noted_and_left_out(location: dict[str, Any], note: str) -> None:
    text = json.dumps(fields(subject={"account": "a", "location": {"text": "at home", **location}}))
    line = text.replace("Infinity", "1e400").encode()
    sealed = SealedDetails.model_validate(details_fields(parse_json(line).model_dump()))
    assert (sealed.location.text, sealed.location.latitude, sealed.location.longitude) == ("at home", None, None)
    assert (tuple(admitted(line)["notes"]), decided(line).notes) == ((note,), (note,))


def test_no_number_is_no_latitude() -> None:
    """Avro has such a number, and JSON has none."""
    made = parse_json(line_with()).model_dump()
    made["subject"]["location"] = {**made["subject"]["location"], "latitude": float("nan"), "longitude": 0.0}
    assert readable_fields(made, ARRIVED)["notes"] == (NO_POINT,)
    assert details_fields(made)["location"]["latitude"] is None


@pytest.mark.parametrize("location", [{"latitude": 0, "longitude": 51.5}, {"latitude": 90, "longitude": -180}])
def test_a_point_at_a_limit_is_kept(location: dict[str, Any]) -> None:
    read_ = parse_json(line_with(location=location))
    assert readable(read_, ARRIVED).notes == ()
    assert details_fields(read_.model_dump())["location"] == {"text": None, "postcode": None, **location}


def test_the_size_of_the_record_alone_limits_a_text() -> None:
    text = "x" * 50_000
    professional = {"role": "social_worker", "name": text}
    read_ = parse_json(
        raw(
            subject={"account": "a", "location": {"text": text, "postcode": text}, "professionals": [professional]},
            channel={"kind": "thread", "reference": text},
        )
    )
    sealed = SealedDetails.model_validate(details_fields(read_.model_dump()))
    assert (sealed.location.text, sealed.location.postcode, sealed.reference) == (text, text, text)
    assert sealed.professionals[0].name == text


def test_a_long_account_joins_no_disclosures_and_is_noted() -> None:
    (note,) = readable(parse_json(raw(subject={"account": "x" * 257})), ARRIVED).notes
    assert note.startswith("subject.account: is damaged, too long, or")


@pytest.mark.parametrize("blank", ["", " ", "\ufeff\r\n"], ids=["nothing", "a space", "a line break"])
def test_a_blank_date_of_birth_is_noted_and_asked_for(blank: str) -> None:
    line = line_with(date_of_birth=blank)
    assert details_fields(parse_json(line).model_dump())["date_of_birth"] is None
    decision = decided(line)
    assert decision.notes == (
        "subject.date_of_birth: is empty, or one that software writes for an unknown date: counted as unknown",
    )
    assert decision.review is not None
    assert decision.review.asks == ("subject.age",)


def test_a_blank_word_of_a_form_is_absent() -> None:
    given = fields(
        subject={"account": "a", "age_band": ""},
        contact={"preferred": ""},
        involvement={"view": ""},
        concerns=[{"kind": "homelessness", "state": ""}, {"kind": "suicide", "timeframe": ""}],
    )
    given["assessment"]["confirmed_by"] = ""
    made = parse_json(json.dumps(given)).model_dump()
    blanks = (
        made["subject"]["age_band"],
        made["contact"]["preferred"],
        made["involvement"]["view"],
        made["assessment"]["confirmed_by"],
        made["concerns"][0]["state"],
        made["concerns"][1]["timeframe"],
    )
    assert set(blanks) == {None}


def test_a_blank_danger_is_unknown_and_not_none() -> None:
    (concern,) = parse_json(raw(concerns=[{"kind": "pregnancy", "immediate_danger": ""}])).concerns
    assert concern.immediate_danger is None


@pytest.mark.parametrize("pad", [" ", "\r\n", "\ufeff", "\u00a0\t"], ids=ascii)
def test_padding_of_a_time_a_date_and_an_id_is_passed_over(pad: str) -> None:
    plain = fields(subject={"account": "a", "date_of_birth": "2009-02-28"})
    padded = json.loads(json.dumps(plain))
    for holder, name in (
        (padded, "disclosure_id"),
        (padded, "disclosed_at"),
        (padded["assessment"], "assessed_at"),
        (padded["subject"], "date_of_birth"),
    ):
        holder[name] = f"{pad}{holder[name]}{pad}"
    assert parse_json(json.dumps(padded)) == parse_json(json.dumps(plain))
