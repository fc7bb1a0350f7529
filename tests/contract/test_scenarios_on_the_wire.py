"""Every line of the played day crosses the wire unchanged, and every bad line is refused by the field at fault."""

import json
from pathlib import Path

import pytest

from schemas import codec
from schemas.disclosure import parse_json, validate
from schemas.errors import Invalid
from tests.disclosures import BAD_FIELDS

SCENARIOS = Path(__file__).parents[1] / "data" / "scenarios"
DAY = (SCENARIOS / "day.jsonl").read_bytes().splitlines()
BAD = (SCENARIOS / "bad.jsonl").read_bytes().splitlines()


def test_all_lines_are_here() -> None:
    assert (len(DAY), len(BAD)) == (65, len(BAD_FIELDS))


@pytest.mark.parametrize("line", range(1, 66))
def test_a_line_of_the_day_is_the_same_behind_the_wire(line: int) -> None:
    disclosure = parse_json(DAY[line - 1])
    name, fields = codec.decode(codec.encode("Disclosure", disclosure.model_dump()), "Disclosure")
    assert name == "Disclosure"
    assert validate(fields) == disclosure
    assert json.loads(validate(fields).model_dump_json(exclude_unset=True)).keys() >= json.loads(DAY[line - 1]).keys()


@pytest.mark.parametrize("line", range(1, 66))
def test_nothing_that_a_line_says_is_lost_on_the_wire(line: int) -> None:
    said = json.loads(DAY[line - 1])
    fields = codec.decode(codec.encode("Disclosure", parse_json(DAY[line - 1]).model_dump()), "Disclosure")[1]
    assert [{**concern, **told} for concern, told in zip(fields["concerns"], said["concerns"], strict=True)] == fields[
        "concerns"
    ]
    for half in ("account", "phone", "email", "age", "age_band", "adult_at_risk", "location", "professionals"):
        assert fields["subject"][half] == said["subject"][half]


@pytest.mark.parametrize(("line", "field"), list(enumerate(BAD_FIELDS)))
def test_a_bad_line_is_refused_by_the_field_at_fault(line: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(BAD[line])
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("line", range(len(BAD_FIELDS)))
def test_no_error_of_a_bad_line_repeats_what_identifies(line: int) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(BAD[line])
    told = str(caught.value)
    assert not any(part in told for part in ("0770", "+44", "900", "text_line:", "02-30", "sms-bad"))
