"""An error names each field by the contract's path, and the reason, and never quotes the value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import reports
from schemas.disclosure import validate
from schemas.errors import Invalid, Problem, Unreadable
from tests.contract.examples import FULL

MARKER = "MARKER-07700900999"
PLACES: list[tuple[tuple[str | int, ...], Any]] = [
    (("disclosure_id",), [MARKER]),
    (("service",), MARKER),
    (("channel", "kind"), MARKER),
    (("channel", "reference"), {MARKER: MARKER}),
    (("disclosed_at",), MARKER),
    (("assessment", "assessor"), MARKER),
    (("subject", "phone"), MARKER),
    (("subject", "email"), [MARKER]),
    (("subject", "date_of_birth"), MARKER),
    (("subject", "age"), MARKER),
    (("subject", "age_band"), MARKER),
    (("subject", "adult_at_risk", "at_risk_of_harm"), MARKER),
    (("subject", "location", "postcode"), [MARKER]),
    (("subject", "professionals", 1, "role"), MARKER),
    (("concerns", 0, "kind"), MARKER),
    (("concerns", 0, "timeframe"), MARKER),
    (("concerns", 8, "impact_on_carer"), MARKER),
    (("safety", "unclear"), MARKER),
    (("contact", "channels", 1), MARKER),
    (("contact", "safe_to_contact"), MARKER),
    (("involvement", "view"), MARKER),
    (("summary",), [MARKER]),
]


def contract_path(place: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def disclosure_with(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    fields: dict[str, Any] = FULL["Disclosure"].model_dump(mode="json")
    inner: Any = fields
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return fields


@pytest.mark.parametrize(("place", "value"), PLACES, ids=[contract_path(place) for place, _ in PLACES])
def test_the_field_is_named_in_the_contracts_path_and_its_value_never(place: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        validate(disclosure_with(place, value))
    assert [problem.field for problem in caught.value.problems] == [contract_path(place)]
    assert MARKER not in str(caught.value)
    assert MARKER not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_a_name_that_may_be_a_persons_own_words_is_not_shown_either() -> None:
    with pytest.raises(Invalid) as caught:
        validate(disclosure_with(("subject", MARKER), 1))
    assert MARKER not in str(caught.value)
    assert str(caught.value).startswith("subject.")


OF_SUBJECT = "account, phone, email, date_of_birth, age, age_band, adult_at_risk, location, professionals"


@pytest.mark.parametrize("key", [447700900611, 4.4770090061, b"447700900611", (447700900611,), None, True], ids=repr)
@pytest.mark.parametrize("place", [(), ("subject",), ("subject", "professionals", 1), ("concerns", 0)], ids=str)
def test_a_name_that_is_no_text_is_not_shown(place: tuple[str | int, ...], key: Any) -> None:
    with pytest.raises(Invalid) as caught:
        validate(disclosure_with((*place, key), 1))
    (problem,) = caught.value.problems
    assert problem.field == contract_path((*place, "(a name that is not shown)"))
    assert problem.reason.startswith("is not a field of this record: names must be text; allowed: ")
    assert "4770090061" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        # `location` and `name` are fields of other parts.
        (("relation",), "; allowed: disclosure_id, service, channel, disclosed_at, assessment, subject, concerns, "),
        (("subject", "name"), f"; allowed: {OF_SUBJECT}"),
        (("subject", "Age"), f", but age is; allowed: {OF_SUBJECT}"),
        (("subject", "professionals", 1, "roles"), ", but role is; allowed: role, name, organisation, address"),
        (("subject", "location", "lat"), "; allowed: text, postcode, latitude, longitude"),
        (("concerns", 0, "plans"), ", but plan is; allowed: immediate_danger, kind, thoughts, plan, means, intent, "),
        (("concerns", 8, "plan"), "; allowed: immediate_danger, kind, impact_on_carer, impact_on_cared_for"),
    ],
    ids=lambda given: contract_path(given) if isinstance(given, tuple) else "",
)
def test_an_unknown_name_is_answered_with_the_names_that_are_allowed_there(
    place: tuple[str | int, ...], reason: str
) -> None:
    with pytest.raises(Invalid) as caught:
        validate(disclosure_with(place, 1))
    (problem,) = caught.value.problems
    assert problem.field == contract_path((*place[:-1], "(a name that is not shown)"))
    assert problem.reason.startswith(f"is not a field of this record{reason}")


@pytest.mark.parametrize("name", ["medication", "suicide"])
def test_the_name_of_a_kind_is_a_name_like_any_other(name: str) -> None:
    for place in (("subject", "professionals", 1), ("concerns", 0)):
        with pytest.raises(Invalid) as caught:
            validate(disclosure_with((*place, name), 1))
        assert [each.field for each in caught.value.problems] == [
            f"{contract_path(place)}.(a name that is not shown)",
        ]


def test_many_unknown_names_make_a_short_error() -> None:
    fields = disclosure_with(("summary",), "x")
    for number in range(500):
        fields["subject"][f"agee{number}" * 8] = number
    with pytest.raises(Invalid) as caught:
        validate(fields)
    assert len(str(caught.value)) < 16_000


def test_every_problem_is_reported_and_not_the_first_alone() -> None:
    fields = disclosure_with(("service",), MARKER)
    del fields["disclosed_at"]
    with pytest.raises(Invalid) as caught:
        validate(fields)
    assert caught.value.problems == (
        Problem("service", "must be one of: forum, text_line"),
        Problem("disclosed_at", "is required"),
    )
    assert str(caught.value) == "service: must be one of: forum, text_line; disclosed_at: is required"


def test_a_list_whose_only_entry_is_refused_is_not_called_empty_as_well() -> None:
    with pytest.raises(Invalid) as caught:
        validate(disclosure_with(("concerns",), [{"kind": MARKER}]))
    (problem,) = caught.value.problems
    assert problem.field == "concerns[0].kind"
    assert problem.reason.startswith("must be one of: suicide, self_harm, ")


def test_other_records_are_reported_in_the_same_way() -> None:
    fields = FULL["Report"].model_dump()
    with pytest.raises(ValidationError) as caught:
        reports.Report.model_validate({**fields, "agency": MARKER})
    invalid = Invalid.from_validation(caught.value)
    assert str(invalid) == "agency: must be one of: 999, 101, social_worker, care_team"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_the_content_of_a_text_field_is_never_quoted(value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        validate(disclosure_with(("subject", "email"), [MARKER, value]))
    assert str(caught.value) == "subject.email: must be text"


def test_unreadable_is_a_kind_of_invalid_and_both_are_value_errors() -> None:
    assert issubclass(Unreadable, Invalid)
    assert issubclass(Invalid, ValueError)
