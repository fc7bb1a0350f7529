"""The published JSON Schema, the Avro schema and the validator say the same of generated disclosures."""

import json
import random
from datetime import date, datetime
from io import BytesIO
from math import isfinite
from typing import Any

import pytest
from avro.io import BinaryDecoder, BinaryEncoder, DatumReader, DatumWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.avro_registry import HEADER_BYTES, WRITERS, sources
from schemas.codec import decode, encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, parse_json, validate
from schemas.errors import Invalid
from tests.avro_values import fields_of
from tests.contract.test_independent_avro import plain, schema_of
from tests.disclosures import DAY_LINES, fields, raw
from tests.doors.mutated import changed, mutated
from tests.doors.published import CANNOT_SAY, disagreement, problems_of, published

#: Lines that the published document allows; it is made once a test needs it.
LINES = st.deferred(lambda: published().lines())
MANY = settings(max_examples=100, deadline=None)


def differs(line: bytes) -> str | None:
    """Return how the published document and the validator disagree about a line."""
    return disagreement(line, problems_of(line))


@MANY
@given(LINES)
def test_what_the_document_allows_is_accepted(line: bytes) -> None:
    assert differs(line) is None


@MANY
@given(LINES, st.integers(0, 2**32))
def test_of_a_changed_disclosure_both_say_the_same(line: bytes, seed: int) -> None:
    assert differs(changed(random.Random(seed), line)) is None


@pytest.mark.parametrize("seed", range(3))
def test_of_a_changed_line_of_the_day_both_say_the_same(seed: int) -> None:
    assert [found for line in mutated(200, seed) if (found := differs(line)) is not None] == []


def test_most_of_what_is_generated_is_accepted() -> None:
    """A test of refusals alone would prove nothing of what is accepted."""
    accepted = []

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(LINES)
    def count(line: bytes) -> None:
        accepted.append(not problems_of(line))

    count()
    assert sum(accepted) > len(accepted) / 3


def with_subject(**subject: Any) -> bytes:
    return raw(subject={"account": "a", **subject})


PROFESSIONAL = {"role": "social_worker"}
#: Both sides of every limit: the line, and whether it is accepted.
EDGES: dict[str, tuple[bytes, bool]] = {
    "age 0": (with_subject(age=0), True),
    "age -1": (with_subject(age=-1), True),
    "age 130": (with_subject(age=130), True),
    "age 131": (with_subject(age=131), True),
    "age of 400 digits": (with_subject(age=-(10**399)), True),
    "age 1e300": (with_subject(age=1e300), True),
    "age 15.0": (with_subject(age=15.0), True),
    "age 15.5": (with_subject(age=15.5), False),
    "age as text": (with_subject(age="15"), False),
    "age true": (with_subject(age=True), False),
    "account of 256": (raw(subject={"account": "x" * 256}), True),
    "account of 257": (raw(subject={"account": "x" * 257}), True),
    "account of nothing": (raw(subject={"account": ""}), False),
    "account of 256 emoji": (raw(subject={"account": "\U0001f600" * 256}), True),
    "account with a damaged character": (raw(subject={"account": "a\ufffd"}), True),
    "no identifier": (raw(subject={"account": None, "age": 15}), False),
    "phone alone": (raw(subject={"phone": "+447700900123"}), True),
    "phone of 7 digits": (raw(subject={"phone": "+4477009"}), True),
    "phone of 6 digits": (raw(subject={"phone": "+447700"}), False),
    "phone of 15 digits": (raw(subject={"phone": "+" + "4" * 15}), True),
    "phone of 16 digits": (raw(subject={"phone": "+" + "4" * 16}), False),
    "phone with a line break": (raw(subject={"phone": "+447700900123\n"}), True),
    "phone with spaces and brackets": (raw(subject={"phone": "\u202a+44 (0)7700\u00a0900\u2011123\u202c"}), True),
    "phone with letters": (raw(subject={"phone": "+447700900123 ext 4"}), False),
    "phone without its country": (raw(subject={"phone": "07700 900123"}), False),
    "phone in Arabic digits": (raw(subject={"phone": "+44\u0667\u0667\u0660\u0660\u0669\u0660"}), False),
    "email that is none": (raw(subject={"email": "none"}), True),
    "email of nothing": (with_subject(email=""), True),
    "email of nothing alone": (raw(subject={"email": ""}), False),
    "phone of nothing": (with_subject(phone=""), True),
    "phone of nothing alone": (raw(subject={"phone": ""}), False),
    "account of nothing beside a phone": (raw(subject={"account": "", "phone": "+447700900123"}), True),
    "birth of nothing": (with_subject(date_of_birth=""), True),
    "birth of a space": (with_subject(date_of_birth=" "), True),
    "postcode of 16": (with_subject(location={"postcode": "x" * 16}), True),
    "postcode of 17": (with_subject(location={"postcode": "x" * 17}), True),
    "text of 2000": (with_subject(location={"text": "x" * 2_000}), True),
    "text of 2001": (with_subject(location={"text": "x" * 2_001}), True),
    "latitude 90": (with_subject(location={"latitude": 90}), True),
    "latitude 91": (with_subject(location={"latitude": 91}), True),
    "longitude -180.5": (with_subject(location={"longitude": -180.5}), True),
    "longitude of 400 digits": (with_subject(location={"longitude": 10**399}), True),
    "latitude 0 with longitude 0": (with_subject(location={"latitude": 0, "longitude": 0.0}), True),
    "latitude as text": (with_subject(location={"latitude": "53"}), False),
    "50 professionals": (with_subject(professionals=[PROFESSIONAL] * 50), True),
    "51 professionals": (with_subject(professionals=[PROFESSIONAL] * 51), False),
    "20 channels": (raw(contact={"channels": ["sms"] * 20}), True),
    "21 channels": (raw(contact={"channels": ["sms"] * 21}), False),
    "no concern": (raw(concerns=[]), False),
    "50 concerns": (raw(concerns=[{"kind": "pregnancy"}] * 50), True),
    "51 concerns": (raw(concerns=[{"kind": "pregnancy"}] * 51), False),
    "a fact of another kind": (raw(concerns=[{"kind": "pregnancy", "plan": True}]), False),
    "id in capital letters": (raw(disclosure_id="0B9C2F6E-6A0C-4F0E-9D8E-2B1F6F1F7A10"), True),
    "id without hyphens": (raw(disclosure_id="0b9c2f6e6a0c4f0e9d8e2b1f6f1f7a10"), False),
    "id with padding": (raw(disclosure_id="\ufeff0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10\r\n"), True),
    "id in braces": (raw(disclosure_id="{0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10}"), False),
    "time without its zone": (raw(disclosed_at="2026-02-03T21:04:11"), False),
    "time with a space": (raw(disclosed_at="2026-02-03 21:04+0100"), True),
    "time with padding": (raw(disclosed_at=" 2026-02-03T21:04:11Z\n"), True),
    "time with 12 decimals": (raw(disclosed_at="2026-02-03T21:04:11.123456789012Z"), True),
    "time with a space before its zone": (raw(disclosed_at="2026-02-03T21:04:11 Z"), False),
    "time of digits": (raw(disclosed_at="20260203"), False),
    "time as a number": (raw(disclosed_at=1_770_152_651), False),
    "hour 24": (raw(disclosed_at="2026-02-03T24:00:00Z"), False),
    "month 13": (raw(disclosed_at="2026-13-03T21:04:11Z"), False),
    "birth of digits": (with_subject(date_of_birth="20090228"), False),
    "birth with padding": (with_subject(date_of_birth="\u00a02009-02-28\ufeff"), True),
    "birth on day 32": (with_subject(date_of_birth="2009-01-32"), False),
    **{
        f"{name} of nothing": (
            raw(
                subject={"account": "a", **({name: ""} if name == "age_band" else {})},
                assessment={**fields()["assessment"], **({name: ""} if name == "confirmed_by" else {})},
                contact={name: ""} if name == "preferred" else {},
                involvement={name: ""} if name == "view" else {},
                concerns=[
                    {"kind": "homelessness", **({name: ""} if name in ("state", "immediate_danger") else {})},
                    {"kind": "suicide", **({name: ""} if name == "timeframe" else {})},
                ],
            ),
            True,
        )
        for name in ("age_band", "confirmed_by", "preferred", "view", "state", "immediate_danger", "timeframe")
    },
    "channel kind of nothing": (raw(channel={"kind": "", "reference": "r"}), False),
    "assessor of nothing": (raw(assessment={**fields()["assessment"], "assessor": ""}), False),
    "flag null": (raw(safety={"says_safe": None}), True),
    "flag as a number": (raw(safety={"says_safe": 1}), False),
    "summary as a number": (raw(summary=1), False),
    "no disclosure": (b"[]", False),
}


@pytest.mark.parametrize(("line", "accepted"), EDGES.values(), ids=EDGES)
def test_both_sides_of_a_limit(line: bytes, accepted: bool) -> None:
    assert (not problems_of(line), published().allows(line)) == (accepted, accepted)


PARTS = ("channel", "safety", "contact", "involvement", "summary")
SUBJECT_PARTS = ("adult_at_risk", "location", "professionals", "age", "date_of_birth", "age_band")


@pytest.mark.parametrize("name", [*PARTS, *SUBJECT_PARTS, "channels"])
@pytest.mark.parametrize("place", ["disclosure", "subject", "contact", "concern"])
def test_null_leaves_a_part_out_at_its_own_place_alone(name: str, place: str) -> None:
    """A name at another place is a mistake of the sender, whatever its value is."""
    own = "subject" if name in SUBJECT_PARTS else "contact" if name == "channels" else "disclosure"
    made = fields(contact={})
    holder = {"disclosure": made, "concern": made["concerns"][0]}.get(place) or made[place]
    holder[name] = None
    line = json.dumps(made).encode()
    assert (not problems_of(line), published().allows(line)) == (place == own, place == own)


#: A line for each reason for which the document allows what is refused.
UNSAID: dict[str, bytes] = {
    "is given twice": raw().replace(b"{", b'{"service": "forum", ', 1),
    "is larger than 262144 bytes": raw(summary="x" * MAX_DISCLOSURE_BYTES),
    "is not a time in ISO 8601, such as 2026-02-03T21:04:11Z": raw(disclosed_at="2026-02-30T21:04:11Z"),
    "is not a date in ISO 8601, such as 2009-02-28": with_subject(date_of_birth="2009-02-29"),
}


def test_each_thing_that_the_document_cannot_say_has_an_example() -> None:
    assert UNSAID.keys() == CANNOT_SAY.keys()


@pytest.mark.parametrize("reason", UNSAID)
def test_what_the_document_cannot_say_is_refused_all_the_same(reason: str) -> None:
    (problem,) = problems_of(UNSAID[reason])
    assert problem.endswith(reason)
    assert differs(UNSAID[reason]) is None
    if reason != "is given twice":
        assert published().allows(UNSAID[reason])


@MANY
@given(LINES)
def test_avro_carries_what_is_accepted_and_another_library_reads_it(line: bytes) -> None:
    if problems_of(line):
        return
    disclosure = parse_json(line)
    written = encode("Disclosure", disclosure.model_dump())
    assert validate(decode(written, "Disclosure")[1]) == disclosure
    schema, body = schema_of("Disclosure"), BytesIO(written[HEADER_BYTES:])
    assert DatumReader(schema, schema).read(BinaryDecoder(body)) == plain(disclosure.model_dump())
    assert not body.read()
    again = BytesIO()
    DatumWriter(schema).write(plain(disclosure.model_dump()), BinaryEncoder(again))
    assert again.getvalue() == written[HEADER_BYTES:]


def parts_of_avro() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for a disclosure of the day of which one part is any value that the Avro schema can hold."""
    days = st.sampled_from([parse_json(line).model_dump() for line in DAY_LINES[::7]])
    named: dict[str, st.SearchStrategy[Any]] = {}
    parts = [
        st.fixed_dictionaries({field["name"]: fields_of(field["type"], named)})
        for field in sources()["Disclosure"]["fields"]
    ]
    return st.tuples(days, st.one_of(parts)).map(lambda both: {**both[0], **both[1]})


def as_json(value: Any) -> Any:
    """Return a value of Avro as JSON has it."""
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def only_finite(value: Any) -> bool:
    """Return whether no number in the value is infinite: JSON has no such numbers."""
    if isinstance(value, dict):
        return all(map(only_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(only_finite, value))
    return not isinstance(value, float) or isfinite(value)


@MANY
@given(st.deferred(parts_of_avro).filter(only_finite))
def test_what_the_avro_schema_can_hold_has_the_verdict_of_the_other_doors(made: dict[str, Any]) -> None:
    """ADMIT reads what any library wrote by the Avro schema; nothing in it is another thing than the same in JSON."""
    stream = BytesIO()
    DatumWriter(schema_of("Disclosure")).write(plain(made), BinaryEncoder(stream))
    read = decode(WRITERS["Disclosure"].header + stream.getvalue(), "Disclosure")[1]
    line = json.dumps(made, default=as_json).encode()
    by_avro: Disclosure | tuple[str, ...]
    try:
        by_avro = validate(read)
    except Invalid as invalid:
        by_avro = tuple(map(str, invalid.problems))
    problems = problems_of(line)
    assert by_avro == (problems or parse_json(line))
    assert disagreement(line, problems) is None
