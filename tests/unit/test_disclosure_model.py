"""The disclosure of the contract: optional fields, the meaning of absence, and refused values."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.disclosure import Contact, Disclosure, Involvement, is_urgent, parse_json, validate
from schemas.errors import Invalid
from schemas.vocabulary import ImmediateDanger

MINIMAL: dict[str, Any] = {
    "disclosure_id": "0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
    "service": "forum",
    "disclosed_at": "2026-02-03T21:04:11Z",
    "assessment": {"assessed_at": "2026-02-03T21:09:40Z", "assessor": "moderator"},
    "subject": {"account": "forum:39117"},
    "concerns": [{"kind": "pregnancy"}],
}


_NO_TIME = "is not a time in ISO 8601, such as 2026-02-03T21:04:11Z"
_NO_DATE = "is not a date in ISO 8601, such as 2009-02-28"
_NO_PHONE = "is not a phone number in E.164 form: a plus sign, the country, the number"


def parsed(**changes: Any) -> Disclosure:
    return parse_json(json.dumps({**MINIMAL, **changes}))


def refusal(**changes: Any) -> str:
    with pytest.raises(Invalid) as caught:
        parsed(**changes)
    return str(caught.value)


def test_what_may_be_absent_is_unknown_and_safety_flags_are_false() -> None:
    disclosure = parsed()
    assert disclosure.channel is None
    assert disclosure.summary is None
    assert disclosure.assessment.confirmed_by is None
    assert disclosure.subject.age is None
    assert disclosure.subject.adult_at_risk.model_dump() == {
        "care_or_support_needs": None,
        "at_risk_of_harm": None,
        "cannot_protect_self": None,
    }
    assert disclosure.contact.model_dump() == {"channels": (), "preferred": None, "safe_to_contact": None}
    assert disclosure.involvement.model_dump() == {"told": None, "view": None, "safe_to_ask": None}
    assert disclosure.safety.model_dump() == {"says_safe": False, "contradicted": False, "unclear": False}


def test_an_absent_danger_is_none_and_a_null_one_unknown() -> None:
    concerns = parsed(concerns=[{"kind": "abuse"}, {"kind": "abuse", "immediate_danger": None}]).concerns
    assert [concern.immediate_danger for concern in concerns] == [ImmediateDanger.NONE, None]


@pytest.mark.parametrize("field", ["disclosure_id", "service", "disclosed_at", "assessment", "subject", "concerns"])
def test_what_is_required(field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(json.dumps({name: value for name, value in MINIMAL.items() if name != field}))
    assert str(caught.value) == f"{field}: is required"


def test_an_id_is_read_in_small_letters() -> None:
    written = MINIMAL["disclosure_id"].upper()
    assert parsed(disclosure_id=written) == validate({**MINIMAL, "disclosure_id": written}) == parsed()


def test_times_of_any_zone_are_utc() -> None:
    disclosure = parsed(disclosed_at="2026-02-03T22:04:11+01:00")
    assert disclosure.disclosed_at == datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)
    assert disclosure.disclosed_at.tzinfo is UTC


OF_SUICIDE = "allowed: immediate_danger, kind, thoughts, plan, means, intent, timeframe"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"disclosed_at": "2026-02-03T21:04:11"}, "disclosed_at: must say its time zone"),
        ({"disclosed_at": 1770152651}, f"disclosed_at: {_NO_TIME}"),
        ({"disclosed_at": "0001-01-01T00:00:00+14:00"}, f"disclosed_at: {_NO_TIME}"),
        ({"subject": {"account": "a", "date_of_birth": 0}}, f"subject.date_of_birth: {_NO_DATE}"),
        ({"subject": {"account": "a", "date_of_birth": "2009-02-30"}}, f"subject.date_of_birth: {_NO_DATE}"),
        ({"subject": {}}, "subject: needs at least one identifier: account, phone or email"),
        ({"subject": {"account": ""}}, "subject: needs at least one identifier: account, phone or email"),
        ({"subject": {"phone": "07700 900123"}}, f"subject.phone: {_NO_PHONE}"),
        ({"subject": {"phone": "+44 7700 900123 x"}}, f"subject.phone: {_NO_PHONE}"),
        ({"service": "x"}, "service: must be one of: forum, text_line"),
        ({"contact": {"channels": ["sms"] * 21}}, "contact.channels: has too many entries: at most 20"),
        ({"subject": {"account": "a", "age": True}}, "subject.age: must be a whole number"),
        ({"subject": {"account": "a", "age": "16"}}, "subject.age: must be a whole number"),
        ({"concerns": []}, "concerns: needs at least one"),
        ({"concerns": [{}]}, "concerns[0].kind: is required"),
        ({"concerns": [{"kind": "suicide", "plan": "yes"}]}, "concerns[0].plan: must be true, false or null"),
        ({"concerns": [{"kind": "suicide", "plan": 1}]}, "concerns[0].plan: must be true, false or null"),
        (
            {"concerns": [{"kind": "suicide", "plann": True}]},
            f"concerns[0].(a name that is not shown): is not a field of this record, but plan is; {OF_SUICIDE}",
        ),
        ({"safety": {"says_safe": "no"}}, "safety.says_safe: must be true, false or null"),
        ({"subject": {"account": "a", "location": {"latitude": "53"}}}, "subject.location.latitude: must be a number"),
        (
            {"concerns": [{"kind": "suicide", "morgan": 1}]},
            f"concerns[0].(a name that is not shown): is not a field of this record; {OF_SUICIDE}",
        ),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    assert refusal(**changes) == message


def test_a_fact_given_twice_is_refused_because_a_reader_would_keep_the_last() -> None:
    raw = json.dumps({**MINIMAL, "concerns": []}).replace("[]", '[{"kind": "suicide", "plan": true, "plan": false}]')
    with pytest.raises(Invalid, match=r"^concerns\[0\]\.plan: is given twice$"):
        parse_json(raw)


def test_null_leaves_out_a_part_or_a_flag() -> None:
    left_out = parsed(safety={"says_safe": None}, contact=None, involvement=None)
    assert left_out.safety.says_safe is False
    assert (left_out.contact, left_out.involvement) == (Contact(), Involvement())


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"disclosure_id": NaN}', b"[" * 100_000, b"1" * 5_000])
def test_what_is_not_json(raw: bytes) -> None:
    with pytest.raises(Invalid, match=r"^line: is not JSON$"):
        parse_json(raw)


@pytest.mark.parametrize("raw", [b"null", b"7", b"[]", b'"text"'])
def test_what_is_json_but_no_object(raw: bytes) -> None:
    with pytest.raises(Invalid, match=r"^line: must be an object$"):
        parse_json(raw)


def test_a_disclosure_survives_its_own_json() -> None:
    disclosure = parsed(subject={"email": "a@example.org", "date_of_birth": "2009-02-03", "age_band": "16_17"})
    assert parse_json(disclosure.model_dump_json()) == disclosure
    assert validate(disclosure.model_dump()) == disclosure
    assert disclosure.subject.date_of_birth == date(2009, 2, 3)


URGENT: list[dict[str, Any]] = [
    {"kind": "pregnancy", "immediate_danger": "harm"},
    {"kind": "pregnancy", "immediate_danger": "life"},
    {"kind": "pregnancy", "immediate_danger": None},
    {"kind": "suicide"},
    {"kind": "suicide", "plan": True, "timeframe": "immediate"},
    {"kind": "suicide", "plan": None, "timeframe": "immediate"},
    {"kind": "suicide", "plan": True, "timeframe": None},
    {"kind": "self_harm"},
    {"kind": "self_harm", "life_threatening": True},
    {"kind": "medication"},
    {"kind": "medication", "more_than_prescribed": True},
    {"kind": "harm_to_others"},
    {"kind": "harm_to_others", "might_harm": True},
    {"kind": "abuse"},
    {"kind": "abuse", "position_of_trust": True, "contact_with_young_people": True},
    {"kind": "abuse", "position_of_trust": True, "contact_with_young_people": False, "can_block_safeguarding": True},
    {"kind": "abuse", "position_of_trust": None, "contact_with_young_people": False},
]
ROUTINE: list[dict[str, Any]] = [
    {"kind": "pregnancy"},
    {"kind": "homelessness", "state": "homeless"},
    {"kind": "sexual_abuse", "coercive_or_abusive": True},
    {"kind": "caring_responsibilities", "impact_on_carer": True},
    {"kind": "suicide", "plan": False, "timeframe": "immediate"},
    {"kind": "suicide", "plan": True, "timeframe": "within_30_days"},
    {"kind": "suicide", "plan": True, "timeframe": "none"},
    {"kind": "self_harm", "life_threatening": False},
    {"kind": "medication", "more_than_prescribed": False},
    {"kind": "harm_to_others", "might_harm": False},
    {"kind": "abuse", "position_of_trust": False, "contact_with_young_people": True},
    {"kind": "abuse", "position_of_trust": True, "contact_with_young_people": False, "can_block_safeguarding": False},
]


@pytest.mark.parametrize("concern", URGENT, ids=json.dumps)
def test_a_fact_of_immediate_risk_that_is_not_ruled_out_is_urgent(concern: dict[str, Any]) -> None:
    assert is_urgent(parsed(concerns=[concern]))
    assert is_urgent(parsed(concerns=[ROUTINE[0], concern]))


@pytest.mark.parametrize("concern", ROUTINE, ids=json.dumps)
def test_only_what_was_denied_is_routine(concern: dict[str, Any]) -> None:
    assert not is_urgent(parsed(concerns=[concern]))


def test_saying_safe_makes_nothing_routine() -> None:
    assert is_urgent(parsed(concerns=[{"kind": "suicide"}], safety={"says_safe": True}))
