"""Every line of the played day is unchanged after encoding and decoding, and every bad line names its wrong field."""

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
def test_a_line_of_the_day_is_the_same_after_the_wire(line: int) -> None:
    disclosure = parse_json(DAY[line - 1])
    name, fields = codec.decode(codec.encode("Disclosure", disclosure.model_dump()), "Disclosure")
    assert name == "Disclosure"
    assert validate(fields) == disclosure
    assert json.loads(validate(fields).model_dump_json(exclude_unset=True)).keys() >= json.loads(DAY[line - 1]).keys()


@pytest.mark.parametrize("line", range(1, 66))
def test_every_field_of_a_line_is_on_the_wire(line: int) -> None:
    written = json.loads(DAY[line - 1])
    fields = codec.decode(codec.encode("Disclosure", parse_json(DAY[line - 1]).model_dump()), "Disclosure")[1]
    for concern, written_concern in zip(fields["concerns"], written["concerns"], strict=True):
        assert {**concern, **written_concern} == concern
    for part in ("account", "phone", "email", "age", "age_band", "adult_at_risk", "location", "professionals"):
        assert fields["subject"][part] == written["subject"][part]


@pytest.mark.parametrize(("line", "field"), list(enumerate(BAD_FIELDS)))
def test_a_bad_line_is_refused_by_the_field_at_fault(line: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(BAD[line])
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("line", range(len(BAD_FIELDS)))
def test_the_error_of_a_bad_line_quotes_no_identifier(line: int) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(BAD[line])
    text = str(caught.value)
    assert not any(part in text for part in ("0770", "+44", "900", "text_line:", "02-30", "sms-bad"))
