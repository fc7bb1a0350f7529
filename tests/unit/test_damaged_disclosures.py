"""Damage that changes no fact sinks no disclosure; what cannot be read is an error that quotes no input.

The names `B01` and so on are those of `tests/cases`, the kinds of faults that were found in public reports.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, MAX_LINE_BYTES, Disclosure, parse_json, validate
from schemas.errors import MAX_PROBLEMS, Invalid
from schemas.fields import EMPTY_BIRTH
from schemas.json_reader import MAX_PARTS
from schemas.sealed import SealedDetails
from services.agency_profiles.projection import identifiers
from streams.domain.admission import details_fields, readable
from streams.domain.identifier_forms import account_form, email_form, notes_of, phone_form
from streams.domain.tokens import tokens_of
from tests.disclosures import fields, raw

MARKER = "Jane Roe 07700900999"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_TIME = "is not a time in ISO 8601, such as 2026-02-03T21:04:11Z"


def refused(line: bytes | str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse_json(line)
    return caught.value


def verdict_of(read: Callable[[], Disclosure]) -> Disclosure | str:
    """Return the disclosure, or the error as text."""
    try:
        return read()
    except Invalid as invalid:
        return str(invalid)


def with_text(escaped: str) -> bytes:
    """Return a disclosure whose summary has this JSON text, escapes included."""
    return raw(summary="TEXT").replace(b"TEXT", escaped.encode())


@pytest.mark.parametrize(
    "text", ["20260203", "2026", "1770152651", "1770152651000", "1e9", "20260203T210411Z", "2026-02-03", " ", ""]
)
@pytest.mark.parametrize("field", ["disclosed_at", "assessment.assessed_at"])
def test_b01_text_of_digits_is_no_time(field: str, text: str) -> None:
    given_ = fields()
    part, _, name = field.rpartition(".")
    (given_[part] if part else given_)[name] = text
    assert str(refused(json.dumps(given_))) == f"{field}: {_NO_TIME}"


@pytest.mark.parametrize(
    "text", ["20090228", "2009", "1235779200", "2009-02-28T00:00:00Z", "28/02/2009", "2009-02- 28"]
)
def test_b01_text_of_digits_is_no_date_of_birth(text: str) -> None:
    invalid = refused(raw(subject={"account": "a", "date_of_birth": text}))
    assert str(invalid) == "subject.date_of_birth: is not a date in ISO 8601, such as 2009-02-28"


@given(st.text("0123456789.eE+-", max_size=24))
def test_b01_no_text_of_digits_is_guessed(text: str) -> None:
    assume(text and _DAY.fullmatch(text) is None)
    assessment = {"assessed_at": text, "assessor": "moderator"}
    line = raw(disclosed_at=text, assessment=assessment, subject={"account": "a", "date_of_birth": text})
    problems = ["disclosed_at", "assessment.assessed_at", "subject.date_of_birth"]
    assert [problem.field for problem in refused(line).problems] == problems


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-02-03T21:04:11Z", datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)),
        ("2026-02-03t21:04:11z", datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)),
        ("2026-02-03 22:04:11+01:00", datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)),
        ("2026-02-03T22:04:11+0100", datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)),
        ("2026-02-03T21:04Z", datetime(2026, 2, 3, 21, 4, tzinfo=UTC)),
        ("2026-02-03T21:04:11.5Z", datetime(2026, 2, 3, 21, 4, 11, 500_000, tzinfo=UTC)),
        ("2026-02-03T21:04:11,123456789Z", datetime(2026, 2, 3, 21, 4, 11, 123_456, tzinfo=UTC)),
        ("2026-02-03T21:04:11.1234567890123Z", datetime(2026, 2, 3, 21, 4, 11, 123_456, tzinfo=UTC)),
        ("\ufeff2026-02-03T21:04:11Z\r\n", datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2017-01-01T00:59:60.25+01:00", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_it_was_written(written: str, read: datetime) -> None:
    assert parse_json(raw(disclosed_at=written)).disclosed_at == read


@pytest.mark.parametrize(
    "written",
    [
        "2026-02-03T10:15:60Z",
        "2026-02-03T10:15:00+01:99",
        "2026-02-03T24:00:00Z",
        "2026-02-03T21:04:61Z",
        "2026-02-30T21:04:11Z",
    ],
)
def test_a_second_or_day_that_does_not_exist_is_no_time(written: str) -> None:
    assert str(refused(raw(disclosed_at=written))) == f"disclosed_at: {_NO_TIME}"


@pytest.mark.parametrize(("written", "read"), [("15.0", 15), ("1.5e1", 15), ("15", 15), ("0.0", 0)])
def test_a_whole_number_may_have_a_decimal_point(written: str, read: int) -> None:
    assert parse_json(raw(subject={"account": "a", "age": 77}).replace(b"77", written.encode())).subject.age == read


@pytest.mark.parametrize("written", ["15.5", '"15"', "true", "1e400"])
def test_what_is_no_whole_number_is_no_age(written: str) -> None:
    line = raw(subject={"account": "a", "age": 77}).replace(b"77", written.encode())
    assert [problem.field for problem in refused(line).problems] == ["subject.age"]


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (r"help me \ud83d", "help me \ufffd"),
        (r"\udc00 help", "\ufffd help"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\ud83d x \ude00", "\ufffd x \ufffd"),
    ],
)
def test_b07_half_an_emoji_is_replaced(escaped: str, read: str) -> None:
    assert parse_json(with_text(escaped)).summary == read


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (b"caf\xe9", "caf\ufffd"),
        (b"\xed\xa0\xbd", "\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\U0001f600"),
        ("caf\u00e9".encode(), "caf\u00e9"),
    ],
    ids=["latin-1", "half of a pair in CESU-8", "a pair in CESU-8", "UTF-8"],
)
def test_b07_bytes_that_are_not_utf_8_are_replaced(stored: bytes, read: str) -> None:
    assert parse_json(raw(summary="TEXT").replace(b"TEXT", stored)).summary == read


@given(st.text(st.characters(categories=["Cs"]) | st.characters(), max_size=40))
def test_b07_any_free_text_is_read_and_can_be_written(text: str) -> None:
    disclosure = parse_json(json.dumps(fields(summary=text)))
    written = encode("Disclosure", disclosure.model_dump())
    assert validate(decode(written, "Disclosure")[1]) == disclosure
    assert disclosure.summary == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def test_b07_a_damaged_account_sinks_no_disclosure_and_is_nobodys() -> None:
    read = parse_json(raw(subject={"account": "ACCOUNT"}).replace(b"ACCOUNT", rb"june\ud83d")).subject
    assert (read.account, account_form("june\ufffd"), account_form("june")) == ("june\ufffd", None, "june")
    assert notes_of(read.account, None, None) == [
        "subject.account: is damaged, too long, or a word or a blank for no account; it joins no disclosures"
    ]


@pytest.mark.parametrize(
    "written", ["+44 7700 900123", " +447700900123\n", "\u202a+44-7700-900-123\u202c", "+44 (0)7700\u00a0900.123"]
)
def test_what_is_written_between_the_digits_of_a_phone_sinks_no_disclosure(written: str) -> None:
    phone = parse_json(raw(subject={"phone": written})).subject.phone
    assert phone is not None
    assert set(phone) <= set("+0123456789")
    assert phone_form(phone) == "+447700900123"


def test_b12_a_byte_order_mark_is_passed_over() -> None:
    assert parse_json(b"\xef\xbb\xbf" + raw()) == parse_json("\ufeff" + raw().decode()) == parse_json(raw())


def test_an_email_that_is_no_address_sinks_no_disclosure() -> None:
    assert parse_json(raw(subject={"account": "a", "email": "none given"})).subject.email == "none given"


@pytest.mark.parametrize("name", [MARKER, "[/b]", "x" * 100_000])
def test_b06_a_doubled_name_that_is_not_the_contracts_is_not_shown(name: str) -> None:
    doubled = raw()[:-1] + f", {json.dumps(name)}: 1, {json.dumps(name)}: 2}}".encode()
    assert str(refused(doubled)) == "(a name that is not shown): is given twice"


@pytest.mark.parametrize("place", [(), ("subject",), ("assessment",), ("concerns", 0), ("contact",)])
def test_b06_no_unknown_name_is_shown_at_any_depth(place: tuple[str | int, ...]) -> None:
    given_: Any = fields(contact={})
    part = given_
    for step in place:
        part = part[step]
    part[MARKER] = MARKER
    assert MARKER not in str(refused(json.dumps(given_)))


@pytest.mark.parametrize("name", [f"plan {MARKER[-6:]}", "date_of_birth 2009-02-28", "account\x1b[2J", "Plan"])
def test_b06_a_name_that_resembles_the_contracts_is_not_shown_either(name: str) -> None:
    said = str(refused(json.dumps({**fields(), name: 1})))
    assert name not in said
    assert said.isprintable()


def test_an_error_names_a_bounded_number_of_problems() -> None:
    invalid = refused(json.dumps({**fields(), **{f"{MARKER} {n}": n for n in range(1_000)}}))
    assert len(invalid.problems) == MAX_PROBLEMS + 1
    assert str(invalid.problems[-1]) == f"line: has {1_000 - MAX_PROBLEMS} more faults"


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({f"concern{'s' * 30}{n}": n for n in range(4_000)}).encode(),
        json.dumps({f"x{n}": n for n in range(15_000)}).encode(),
        json.dumps({f"concern{n}": n for n in range(MAX_PARTS - 1)}).encode(),
        json.dumps({f"x{n}": n for n in range(80_000)}).encode(),
        raw(contact={"channels": [1] * 500_000}),
        raw(subject={"account": "a", "professionals": [{}] * 300_000}),
        raw(concerns=[[]] * 300_000),
        b"[" + b",".join([b"9" * 4_300] * 350) + b"]",
        b'"%b"' % (b"9" * 1_500_000),
        json.dumps(fields(concerns=[{"kind": "suicide", **{f"pla{n}": 1 for n in range(12_000)}}])).encode(),
        b'{"a":' * 40_000,
        b"[" * 240_000,
        b"9" * 240_000,
        raw(summary="\\ud83d" * 30_000),
    ],
    ids=[
        "long names",
        "many names",
        "as many names as are read",
        "names of 1.5 MiB",
        "channels of 1.5 MiB",
        "professionals of 1.5 MiB",
        "concerns of 1.5 MiB",
        "numbers of 1.5 MiB",
        "text of 1.5 MiB",
        "names in a concern",
        "nested objects",
        "nested lists",
        "digits",
        "halves",
    ],
)
def test_work_before_an_error_is_bounded(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def close(name: str, *_: Any) -> list[str]:
        compared.append(name)
        return []

    monkeypatch.setattr("schemas.errors.get_close_matches", close)
    assert len(line) <= MAX_LINE_BYTES
    verdict = verdict_of(lambda: parse_json(line))
    assert not isinstance(verdict, str) or len(verdict) < 16_000
    # The comparison takes quadratic time: a body of 240 kB kept a gateway busy for 9.5 s.
    assert len(compared) <= MAX_PROBLEMS
    assert all(len(name) <= 64 for name in compared)


@pytest.mark.parametrize("text", ["\u0315" * 65_000 + "\u0316" * 65_000, "a" * 260_000, "\ufdfa" * 80_000])
def test_work_on_an_accepted_identifier_is_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    normalised: list[int] = []

    def normalize(_: str, each: str) -> str:
        normalised.append(len(each))
        return each

    monkeypatch.setattr("streams.domain.identifier_forms.unicodedata", SimpleNamespace(normalize=normalize))
    assert email_form(text) is None
    # Normalising takes quadratic time in the number of marks: 169 ms for 8,000 of them.
    assert max(normalised, default=0) <= 1_000


@pytest.mark.parametrize("escaped", [True, False])
def test_a_line_may_be_longer_than_its_record(escaped: bool) -> None:
    line = json.dumps(fields(summary="\u00e9" * 60_000), ensure_ascii=escaped).encode()
    assert (len(line) > MAX_DISCLOSURE_BYTES) is escaped
    assert len(parse_json(line).summary or "") == 60_000


def test_a_record_that_is_too_large_is_refused_at_each_door() -> None:
    assert str(refused(raw(summary="x" * MAX_DISCLOSURE_BYTES))) == "disclosure: is larger than 262144 bytes"


def both(changes: dict[str, Any]) -> tuple[Disclosure | str, Disclosure | str]:
    """Return what the door for JSON makes of a disclosure, and what the door for decoded Avro makes of it."""
    given_ = fields(**changes)
    return verdict_of(lambda: parse_json(json.dumps(given_))), verdict_of(lambda: validate(given_))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"disclosed_at": "20260203"},
        {"disclosed_at": "2016-12-31T23:59:60Z"},
        {"subject": {"account": "a", "age": 15.0}},
        {"subject": {"account": "a", "email": "none given"}},
        {"subject": {"account": "a", "date_of_birth": "0001-01-01"}},
        {"service": MARKER},
        {"concerns": [{"kind": MARKER}]},
        {MARKER: 1},
    ],
)
def test_both_doors_give_one_verdict(changes: dict[str, Any]) -> None:
    one, other = both(changes)
    assert one == other
    assert MARKER not in str(one)


def test_a_date_of_birth_is_read() -> None:
    born = parse_json(raw(subject={"account": "a", "date_of_birth": "2009-02-28"})).subject.date_of_birth
    assert born == date(2009, 2, 28)


@pytest.mark.parametrize("name", ["account", "phone", "email", "date_of_birth"])
def test_a_blank_field_of_a_form_counts_as_absent(name: str) -> None:
    subject = {"account": "a", "phone": "+447700900123", "email": "a@example.org", "date_of_birth": "2009-02-28"}
    read = parse_json(raw(subject={**subject, name: ""}))
    assert getattr(read.subject, name) == (EMPTY_BIRTH if name == "date_of_birth" else "")
    kinds = [token.partition(":")[0] for token in tokens_of(read, key=b"k" * 32, version="1")]
    assert kinds == [each for each in ("account", "phone", "email") if each != name]
    notes = readable(read, datetime(2026, 2, 3, 22, tzinfo=UTC)).notes
    # The policy notes a date of birth, beside those that cannot be true.
    assert notes == (() if name == "date_of_birth" else (f"subject.{name}: is empty; it counts as absent",))
    assert "" not in [each for values in identifiers([sealed(read)]).values() for each in values]


@given(st.dictionaries(st.sampled_from(["account", "phone", "email"]), st.sampled_from(["", None])))
def test_a_disclosure_with_blank_identifiers_alone_has_none(subject: dict[str, Any]) -> None:
    assert str(refused(raw(subject=subject))) == "subject: needs at least one identifier: account, phone or email"


def sealed(read: Disclosure) -> SealedDetails:
    return SealedDetails.model_validate(details_fields(read.model_dump()))
