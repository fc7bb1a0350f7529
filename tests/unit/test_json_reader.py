"""The reader of JSON at every door: what it reads all the same, and the limits that come before any model's work."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.disclosure import MAX_DISCLOSURE_BYTES, MAX_LINE_BYTES, encode_disclosure, parse_json
from schemas.errors import HIDDEN_NAME, Invalid
from schemas.json_reader import MAX_PARTS, PADDING, is_blank, read_json
from schemas.policy import load_policies
from schemas.refused_bytes import json_fields
from schemas.topics import TopicName
from services.cli.decide import as_json, decisions
from services.cli.disclosure_lines import read_lines
from services.sdk.addressing import intended_topic
from tests.disclosures import ROUTINE, fields, id_of, raw
from tests.doors.published import problems_of

TOO_LARGE = "disclosure: is larger than 262144 bytes"
POLICIES = load_policies()
ANY_PADDING = st.text(st.sampled_from(PADDING), max_size=6)


def decided(line: bytes) -> list[str]:
    """Return what `confide decide` prints of a file of this line: its errors, none for a decision."""
    made = decisions(read_lines(io.BytesIO(line + b"\n")), None, POLICIES, as_json)
    return [each for _, each in made if isinstance(each, str)]


@given(ANY_PADDING, ANY_PADDING)
def test_padding_at_the_ends_is_passed_over(before: str, after: str) -> None:
    line = before.encode() + raw() + after.encode()
    assert parse_json(line) == parse_json(raw())
    assert json_fields(line) == fields()


@pytest.mark.parametrize("between", ["\ufeff", "\0", "\x1a", "\v"])
def test_padding_inside_the_object_is_not_json(between: str) -> None:
    assert problems_of(raw().replace(b"{", b"{" + between.encode(), 1)) == ("line: is not JSON",)


@given(ANY_PADDING, ANY_PADDING)
def test_padded_lines_of_a_file_are_read_and_padding_alone_is_no_line(before: str, after: str) -> None:
    before, after = before.replace("\n", ""), after.replace("\n", "")
    content = before.encode() + raw() + after.encode() + b"\n" + after.encode()
    (line,) = read_lines(io.BytesIO(content))
    assert parse_json(line.raw) == parse_json(raw())


def test_a_file_with_a_damaged_first_line_that_is_padded_is_read() -> None:
    content = (b"\xef\xbb\xbf\xef\xbb\xbf" + raw()[:-1] + b"\n") * 2
    assert len(list(read_lines(io.BytesIO(content)))) == 2


@given(st.text(st.characters(max_codepoint=0x1F), max_size=20))
def test_control_characters_in_text_are_read_as_they_are(text: str) -> None:
    line = raw(summary="TEXT").replace(b"TEXT", text.encode())
    assert parse_json(line).summary == text
    assert json_fields(line)["summary"] == text


def test_line_breaks_in_text_are_kept() -> None:
    assert parse_json(raw(summary="TEXT").replace(b"TEXT", b"one\r\n\ttwo\n")).summary == "one\r\n\ttwo\n"


@pytest.mark.parametrize(
    "line",
    [
        raw(concerns=ROUTINE).replace(b"words", b"wo\trds"),
        raw(concerns=ROUTINE) + b"\0",
        b"\xef\xbb\xbf" * 2 + raw()[:-1],
    ],
    ids=["tab", "NUL", "cut off"],
)
def test_refused_bytes_are_sent_where_their_fields_say(line: bytes) -> None:
    is_read = line.endswith((b"}", b"\0"))
    assert json_fields(line).get("disclosure_id") == (id_of("d-1") if is_read else None)
    expected = TopicName.FORUM_DISCLOSURES if is_read else TopicName.FORUM_DISCLOSURES_URGENT
    assert intended_topic(line, None) is expected


@pytest.mark.parametrize("content", [b"", b" ", b"\0", b"\x1a", b"\xef\xbb\xbf \r"])
def test_padding_alone_is_blank(content: bytes) -> None:
    assert is_blank(content)


@pytest.mark.parametrize("content", [b"{", b"x", b"\xff", b'"', b"\0{"])
def test_what_has_more_than_padding_is_not_blank(content: bytes) -> None:
    assert not is_blank(content)


def filled(part: bytes, begin: bytes = b"[", end: bytes = b"]") -> bytes:
    """Return a list, or what `begin` and `end` make of it, of as many parts as the largest line holds."""
    return begin + b",".join([part] * ((MAX_LINE_BYTES - 3_000) // (len(part) + 1))) + end


def holding(name: str, list_: bytes) -> bytes:
    """Return a disclosure with this list in the place of the field."""
    if name == "professionals":
        return raw(subject={"account": "a", name: "LIST"}).replace(b'"LIST"', list_)
    return raw(**({"contact": {name: "LIST"}} if name == "channels" else {name: "LIST"})).replace(b'"LIST"', list_)


ITEMS = [b"1", b"null", b'"sms"', b'""', b"1.5", b'"\\ud83d"']


@pytest.mark.parametrize("item", ITEMS, ids=bytes.decode)
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("channels", "contact.channels: has too many entries: at most 20"),
        ("professionals", "subject.professionals: has too many entries: at most 50"),
        ("concerns", "concerns: has too many entries: at most 50"),
    ],
)
def test_the_length_of_a_list_is_checked_before_its_items(name: str, problem: str, item: bytes) -> None:
    assert problems_of(holding(name, filled(item))) == (problem,)


@pytest.mark.parametrize("name", ["channels", "professionals", "concerns"])
@pytest.mark.parametrize("item", [b"[]", b"[[1]]", b"{}", b'{"a":1}', b'{"kind":"suicide"}'], ids=bytes.decode)
def test_the_parts_of_a_line_are_counted_before_any_is_made(name: str, item: bytes) -> None:
    problem = f"line: has more names and lists than a disclosure can have: at most {MAX_PARTS}"
    assert problems_of(holding(name, filled(item))) == (problem,)
    assert problems_of(filled(item, b'{"concerns":{"a":[', b"]}}")) == (problem,)


def test_the_names_of_one_object_are_counted_too() -> None:
    problem = f"line: has more names and lists than a disclosure can have: at most {MAX_PARTS}"
    assert problems_of(json.dumps({f"x{n}": n for n in range(80_000)}).encode()) == (problem,)
    assert problems_of(json.dumps(fields(subject={f"x{n}": n for n in range(80_000)})).encode()) == (problem,)


def test_text_is_not_counted_as_parts() -> None:
    text = '[{:"\\ "\\' * 5_000
    assert parse_json(raw(summary=text)).summary == text


@pytest.mark.parametrize("line", [b"[" * 3_000, b'{"a":' * 3_000, b"[:" * 3_000, b'["' + b'\\"' * 700_000 + b"\\"])
def test_many_parts_that_do_not_end_are_not_json(line: bytes) -> None:
    assert problems_of(line) == ("line: is not JSON",)


def test_the_largest_disclosure_has_fewer_names_than_the_limit() -> None:
    professional = {"role": "social_worker", "name": "n", "organisation": "o", "address": "a"}
    abuse: dict[str, Any] = dict.fromkeys(
        ("position_of_trust", "contact_with_young_people", "can_block_safeguarding", "ongoing")
    )
    concern = {"kind": "abuse", "immediate_danger": None, **abuse}
    line = raw(subject={"account": "a", "professionals": [professional] * 50}, concerns=[concern] * 50)
    assert problems_of(line) == ()
    assert line.count(b":") + line.count(b"{") < MAX_PARTS / 2


def test_a_number_is_not_read_digit_by_digit() -> None:
    """The time that Python takes to read one is quadratic in its digits."""
    line = raw(subject={"account": "a", "age": 77})
    assert problems_of(line.replace(b"77", b"7" * 400)) == ()
    for digits in (401, 4_300, 5_000):
        assert problems_of(line.replace(b"77", b"7" * digits)) == ("line: is not JSON",)
    assert parse_json(raw(summary="7" * 5_000)).summary == "7" * 5_000


#: Text in a line, and how many bytes of the record it becomes: more, as many, and fewer.
PIECES = {
    b"\xff": 3,
    b"\xed\xa0\xbd": 3,
    b"x": 1,
    "\u00e9".encode(): 2,
    "\U0001f600".encode(): 4,
    rb"\u0001": 1,
    rb"\ud83d": 3,
    rb"\ud83d\ude00": 4,
    rb"\n": 1,
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PIECES)), st.integers(-2, 2), st.booleans())
def test_the_size_of_the_record_is_what_counts_at_every_door(piece: bytes, more: int, is_text: bool) -> None:
    # Of the same length as the longest texts, so that its length has as many bytes.
    without = len(encode_disclosure(parse_json(raw(summary="x" * 200_000)))) - 200_000
    count = (MAX_DISCLOSURE_BYTES - without) // PIECES[piece] + more
    line = raw(summary="TEXT").replace(b"TEXT", piece * count)
    is_larger = without + count * PIECES[piece] > MAX_DISCLOSURE_BYTES
    given_ = line.decode("utf-8", "replace") if is_text and piece != b"\xed\xa0\xbd" else line
    assert problems_of(given_) == ((TOO_LARGE,) if is_larger else ())
    assert decided(line) == ([TOO_LARGE] if is_larger else [])


@pytest.mark.parametrize("over", [0, 1])
def test_a_line_that_is_longer_than_the_gateway_reads_is_too_large_at_every_door(over: int) -> None:
    line = raw() + b" " * (MAX_LINE_BYTES - len(raw()) + over)
    assert problems_of(line) == ((TOO_LARGE,) if over else ())
    assert decided(line) == ([TOO_LARGE] if over else [])


def test_a_value_of_names_given_twice_is_read_nowhere() -> None:
    line = b'{"disclosure_id": "%s", "plan": 1, "plan": 2}' % id_of("d-1").encode()
    assert json_fields(line) == {}
    with pytest.raises(Invalid, match=r"^\(a name that is not shown\): is given twice$"):
        read_json(line)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b'{"service": 1, "service": 2}', "service"),
        (b'{"subject": {"age": 15, "age": 16}}', "subject.age"),
        (b'{"concerns": [{}, {}, {}, {"plan": 1, "plan": 2}]}', "concerns[3].plan"),
        (b'{"subject": {"professionals": [{"role": 1, "role": 1}]}}', "subject.professionals[0].role"),
        # The outer one comes first, and the first of several.
        (b'{"subject": {"age": 1, "age": 2}, "summary": 1, "summary": 2}', "summary"),
        (b'{"concerns": [{"plan": 1, "plan": 2}, {"means": 1, "means": 2}]}', "concerns[0].plan"),
        (b'{"Ada": {"age": 1, "age": 2}}', f"{HIDDEN_NAME}.age"),
        (b'{"subject": {"Ada": 1, "Ada": 2}}', f"subject.{HIDDEN_NAME}"),
        (b'[{"age": 1, "age": 2}]', "[0].age"),
    ],
    ids=str,
)
def test_a_name_that_is_given_twice_is_named_with_its_path(line: bytes, field: str) -> None:
    assert problems_of(line) == (f"{field}: is given twice",)


def test_the_path_of_a_name_that_is_given_twice_is_bounded() -> None:
    deep = b'{"Ada":' * 900 + b'{"age": 1, "age": 2}' + b"}" * 900
    (problem,) = problems_of(deep)
    assert problem == f"{'.'.join([HIDDEN_NAME] * 8)}: is given twice"
    wide = b'{"a": [%s], "age": 1, "age": 2}' % b",".join([b"1"] * 500_000)
    assert problems_of(wide) == ("age: is given twice",)
