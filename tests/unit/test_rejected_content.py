"""What staff can read of a rejected record, and which bytes say nothing to a person."""

import base64
import gzip
import json
from collections.abc import Mapping

import pytest

from schemas.codec import encode
from schemas.refused_bytes import json_fields
from schemas.rejection import Cut
from services.cli.paragraphs import broken
from services.rejected_content import can_be_shown, decoded, has_sealed_part, named_id
from services.rejected_records import Place, RejectedRecord
from services.review.sealed_words import as_it_came, came_fields
from tests.disclosures import DAY_LINES, disclosure, id_of, raw
from tests.turns import admitted

AVRO = encode("Disclosure", disclosure(summary="He has a knife.\nIt is tonight.\x1b[2J").model_dump())
#: Bytes that a person cannot read, by what they are.
UNREADABLE: Mapping[str, bytes] = {
    "Avro of a newer schema": AVRO[:2] + bytes(8) + AVRO[10:],
    "malformed Avro": AVRO + b"\0",
    "cut Avro": AVRO[:-9],
    "Avro without its mark": AVRO[10:],
    "Avro of a registry": bytes(5) + AVRO[10:],
    "gzip": gzip.compress(raw()),
    "gzip as text": gzip.compress(raw()).decode("utf-8", "replace").encode(),
    "UTF-16": raw().decode().encode("utf-16"),
    "UTF-16 without a mark": raw().decode().encode("utf-16-le"),
    "UTF-32": raw().decode().encode("utf-32-be"),
    "zeros": bytes(100),
    "escapes": b"\x1b[2J" * 20,
    "one zero": b"\0",
    "nothing": b"",
    "blanks": b" \t\r\n" * 30,
    "fillers": "\u3164".encode() * 80,
    "blanks of braille": "\u2800".encode() * 80,
    "joiners": "\u200d".encode() * 80,
    "tags": "\U000e0041".encode() * 80,
    "selectors": "\ufe00\U000e0101".encode() * 40,
    "selectors after a word": b"hello" + "\U000e0101\U000e0110".encode() * 40,
    "joiners after a word": b"hello" + "\u200d\u200c".encode() * 40,
    "marks alone": b"?!... --- ...",
    "base64": base64.b64encode(raw()),
    "base64 in lines": base64.encodebytes(raw()),
    "base64 for addresses": base64.urlsafe_b64encode(gzip.compress(raw())),
    "base64 of gzip": base64.b64encode(gzip.compress(raw())),
    "short base64": base64.b64encode(b"He has a knife."),
    "base32": base64.b32encode(raw()),
    "base85": base64.b85encode(raw()),
    "ascii85": base64.a85encode(raw(), adobe=True),
    "hex": raw().hex().encode(),
    "hex in pairs": raw().hex(" ").encode(),
    "hex of gzip in lines": gzip.compress(raw()).hex("\n", 16).upper().encode(),
    "hex of digits alone": b"31323334" * 9,
    "hex of letters": b"de ad be ef 00 ca fe ba be",
    "base64 as JSON": json.dumps(base64.b64encode(raw()).decode()).encode(),
    "base64 in JSON": json.dumps({"disclosure": base64.b64encode(raw()).decode()}).encode(),
    "base64 in JSON in lines": json.dumps({"lines": base64.encodebytes(raw()).decode().split()}).encode(),
    "bytes in JSON": json.dumps({"type": "Buffer", "data": list(raw())}).encode(),
    "JSON of blanks": json.dumps({"": "\u3164 \u2800"}).encode(),
}
READABLE: Mapping[str, bytes] = {
    "a record": AVRO,
    "a line": raw(),
    "a cut line": raw()[:60],
    "words": b"not a record",
    "a few escapes": b"\x1b[2Jnot a record",
    "tabs and line breaks": b"\ta\r\n\tb\r\n" * 9,
    "a mark of order": b"\xef\xbb\xbf" + raw(),
    "Persian and emoji": "\u0646\u200c\u0646 \U0001f469\u200d\U0001f680".encode() * 9,
    "one damaged character": "He has a knife, and \ufffd said so.".encode(),
    "JSON that is not UTF-8": '{"summary": "caf\u00e9"}'.encode("cp1252"),
    "a line that is not UTF-8": raw(summary="TEXT").replace(b"TEXT", b"caf\xe9"),
    "a name twice, not UTF-8": raw()[:-1] + b', "summary": "caf\xe9"}',
    "JSON with a tab": raw().replace(b"words", b"wo\trds"),
    "padded JSON": b"\xef\xbb\xbf" * 2 + raw() + b"\0\x1a",
    "empty JSON": b"{}",
    "a name": b'{"a": 1}',
    "letters": b"I am ok",
    "a reference": b"Call 07700900123 at 21:00, ref 8f3a2b, forum:39117",
    "Chinese": "\u4ed6\u6709\u4e00\u628a\u5200\u4eca\u665a".encode() * 30,
    "escaped Chinese": json.dumps({"summary": "\u4ed6\u6709\u4e00\u628a\u5200" * 30}).encode(),
    "Hindi": "\u0909\u0938\u0915\u0947 \u092a\u093e\u0938 \u091a\u093e\u0915\u0942 \u0939\u0948".encode(),
    "Russian": "\u0423 \u043d\u0435\u0433\u043e \u043d\u043e\u0436".encode(),
    "hearts": "I \u2764\ufe0f mum".encode(),
    "a long reference": raw(channel={"kind": "thread", "reference": "a1B2" * 30}),
    **{f"line {number} of the day": line for number, line in enumerate(DAY_LINES[:5])},
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
def test_bytes_that_say_nothing_to_a_person_are_not_shown(value: bytes) -> None:
    assert not can_be_shown(value)
    assert "its bytes are no text and no record known here" in "\n".join(broken(as_it_came(value)))


@pytest.mark.parametrize("value", READABLE.values(), ids=READABLE)
def test_text_and_records_are_shown(value: bytes) -> None:
    assert can_be_shown(value)
    assert "no record known here" not in "\n".join(broken(as_it_came(value)))


def test_a_record_is_shown_as_lines_with_its_line_breaks() -> None:
    lines = list(broken(as_it_came(AVRO)))
    at = lines.index("    summary: He has a knife.")
    assert lines[at + 1] == r"      It is tonight.\x1b[2J"
    assert "  Disclosure:" in lines
    assert "      assessor: moderator" in lines
    assert not any("{" in line.replace("{}", "") for line in lines)


@pytest.mark.parametrize(
    "value",
    [
        raw(summary="TEXT").replace(b"TEXT", b"caf\xe9 \xed\xa0\xbd\xed\xb8\x80"),
        raw(summary="one\ttwo").replace(b"\\t", b"\t"),
        raw() + b"\0",
        raw() + b"\x1a",
        b"\xef\xbb\xbf" * 2 + raw(),
    ],
    ids=["bytes that are not UTF-8", "tab", "NUL", "Ctrl-Z", "two marks of order"],
)
def test_json_is_shown_as_the_doors_read_it(value: bytes) -> None:
    assert decoded(value) == ("JSON", json_fields(value))
    lines = list(broken(as_it_came(value)))
    assert f'    "disclosure_id": "{id_of("d-1")}",' in lines
    assert named_id(value) == id_of("d-1")


def test_a_character_of_two_halves_and_a_damaged_one_are_shown_as_read() -> None:
    value = raw(summary="TEXT").replace(b"TEXT", b"caf\xe9") + b" "
    assert '    "summary": "caf\ufffd"' in list(broken(as_it_came(value)))
    halves = raw(summary="TEXT").replace(b"TEXT", b"\xed\xa0\xbd\xed\xb8\x80")
    assert '    "summary": "\U0001f600"' in list(broken(as_it_came(halves)))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_is_shown_with_its_line_breaks_and_nothing_else_is_unescaped(end: str) -> None:
    lines = list(broken(as_it_came(json.dumps({"summary": f"one{end}two \\n\x1b \u202e"}).encode())))
    assert lines[-3:] == ['    "summary": "one', r'      two \\n\u001b \u202e"', "  }"]


@pytest.mark.parametrize("value", [b'{"a": 1, "a": 2}', b'{"b": [{"a": 1, "a": 2}]}', b"[" * 100_000, b"{", b"words"])
def test_of_two_equal_names_both_are_shown(value: bytes) -> None:
    assert decoded(value) is None
    assert value.decode() in [line.strip() for line in broken(as_it_came(value))]
    assert came_fields(value)["text"] == value.decode()


def test_all_of_it_is_in_the_json_too() -> None:
    assert came_fields(None) == {
        "is_kept": False,
        "is_whole": False,
        "cut": None,
        "is": None,
        "fields": None,
        "text": None,
        "sections": [],
    }
    cut = came_fields(b"words", Cut(5, 9), sections=[None])
    assert (cut["is_whole"], cut["cut"], cut["text"], cut["sections"]) == (
        False,
        "cut: first 5 of 9 bytes",
        "words",
        [None],
    )
    whole = came_fields(AVRO)
    assert (whole["is"], whole["fields"]["disclosure_id"], whole["text"]) == ("Disclosure", id_of("d-1"), None)


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (AVRO, id_of("d-1")),
        (admitted(), id_of("d-1")),
        (raw(disclosure_id=id_of("d-1").upper()), id_of("d-1")),
        # Another name that is given twice hides no id.
        (raw()[:-1] + b', "summary": 1, "summary": 2}', id_of("d-1")),
        (b'{"disclosure_id": "a", "disclosure_id": "b"}', None),
        (b'[{"disclosure_id": "a"}]', None),
        (b'{"disclosure_id": ["a"]}', None),
        (b"words", None),
        (raw().replace(b"words", b"wo\trds"), id_of("d-1")),
        (raw().replace(b"words", b"wo\nrds"), id_of("d-1")),
        (raw() + b"\0\x1a", id_of("d-1")),
        (b"\xef\xbb\xbf" * 2 + raw(), id_of("d-1")),
        # JSON that is cut or damaged, with an id of its own or with that of another text.
        (raw()[:-9], id_of("d-1")),
        (raw(summary=json.dumps({"disclosure_id": id_of("d-2")}))[:-1], id_of("d-1")),
        (b'{"disclosure_id": "%s", "disclosure_id": "%s"' % (id_of("d-1").encode(), id_of("d-2").encode()), None),
    ],
    ids=[
        *("Avro", "admitted", "JSON", "a name twice", "the id twice", "a list", "no text", "no JSON"),
        *("tab", "line break", "padding", "two marks of order", "cut", "an id in a text", "two ids in damaged JSON"),
    ],
)
def test_a_mended_record_is_compared_by_the_id_that_it_names(value: bytes, id_: str | None) -> None:
    assert named_id(value) == id_


def test_a_record_of_a_lane_has_a_sealed_part() -> None:
    assert has_sealed_part(admitted())
    assert not any(map(has_sealed_part, (AVRO, raw(), b"words")))


@pytest.mark.parametrize(
    ("value", "why", "is_exercise"),
    [
        (b"{", {}, False),
        (b"{", {"exercise": "true"}, True),
        (encode("Disclosure", disclosure(exercise=True).model_dump()), {}, True),
        (AVRO, {}, False),
        # A door that knew its sender says what it is, whatever is in it.
        (raw(exercise=True), {}, False),
    ],
    ids=["no mark", "mark", "a service's own word", "real", "a line's word"],
)
def test_a_rejected_exercise_is_known_by_its_mark_or_its_services_word(
    value: bytes, why: dict[str, str], is_exercise: bool
) -> None:
    assert RejectedRecord(Place("topic", 0, 0), why, None, value, ()).is_exercise is is_exercise
