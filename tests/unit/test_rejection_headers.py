"""The header names of a rejected record are unique, have their prefix, and a reason has its limit."""

from schemas import rejection
from schemas.errors import Invalid, Problem

HEADERS = {
    name: value
    for name, value in vars(rejection).items()
    if name.startswith("REJECTED_") and value != rejection.REJECTED_PREFIX
}


def test_names_are_unique_and_plain_text_with_the_prefix() -> None:
    assert len(set(HEADERS.values())) == len(HEADERS) == 15
    for name, value in HEADERS.items():
        assert type(value) is str
        assert value == name.lower().replace("_", "-")
        assert value.startswith(rejection.REJECTED_PREFIX)


def test_a_reason_of_many_problems_is_cut() -> None:
    many = Invalid(Problem(f"concerns[{n}].kind", "is not a known kind") for n in range(100))
    assert rejection.reason_of(many) == str(many)[:1_000]
    assert rejection.reason_of(Invalid.of("age", "is out of range")) == "age: is out of range"


def test_the_first_field_is_named() -> None:
    assert rejection.first_field_of(Invalid((Problem("a", "x"), Problem("b", "y")))) == "a"
    assert rejection.first_field_of(Invalid(())) == ""
