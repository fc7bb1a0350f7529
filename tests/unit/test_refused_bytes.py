"""Where the SDK writes bytes that a door refused, and how a first part is marked."""

from datetime import UTC, datetime

import pytest

from schemas.disclosure import MAX_DISCLOSURE_BYTES
from schemas.errors import Invalid
from schemas.rejection import Cut, cut_off
from schemas.topics import MAX_VALUE_BYTES, TopicName, rejected
from schemas.vocabulary import Service
from services.sdk.refused import FIRST_PART_BYTES, Refused, write_refused
from tests.disclosures import raw

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
URGENT = TopicName.TEXT_LINE_DISCLOSURES_URGENT
ROUTINE = TopicName.TEXT_LINE_DISCLOSURES
#: A line whose concerns can be read and rule out an immediate risk.
CALM = raw(service="text_line", disclosed_at="yesterday", concerns=[{"kind": "pregnancy"}])


Written = list[tuple[str, bytes, dict[str, bytes]]]


def written(raw_bytes: bytes, *, is_whole: bool = True, length: int | None = None) -> Written:
    """Return topic, value and headers of each record."""
    records: Written = []
    refused = Refused(
        raw_bytes, cut_off(), "gateway", Service.TEXT_LINE, is_proven=True, is_whole=is_whole, length=length
    )
    write_refused(refused, [], NOW, lambda topic, _, value, headers: records.append((topic, value, dict(headers))))
    return records


def test_whole_bytes_that_may_be_an_emergency_go_to_the_urgent_topic_alone() -> None:
    assert written(b"{") == [(URGENT, b"{", {"refused-by": b"gateway"})]


@pytest.mark.parametrize(("length", "said"), [(700, b"700"), (None, b"unknown")])
def test_a_first_part_on_the_urgent_topic_says_so(length: int | None, said: bytes) -> None:
    assert written(b"{", is_whole=False, length=length) == [
        (URGENT, b"{", {"refused-by": b"gateway", "refused-length": said})
    ]


def test_of_what_is_too_large_a_person_gets_the_first_part_and_the_whole_is_kept() -> None:
    large = b"x" * (MAX_DISCLOSURE_BYTES + 2)
    asked, kept = written(large)
    assert asked == (URGENT, large[:FIRST_PART_BYTES], {"refused-by": b"gateway", "refused-length": b"%d" % len(large)})
    assert kept[:2] == (rejected(URGENT), large)
    assert "rejected-length" not in kept[2]


def test_of_what_is_too_large_to_keep_only_the_first_part_is_kept() -> None:
    huge = b"x" * MAX_VALUE_BYTES
    assert [each[:2] for each in written(huge, is_whole=False)] == [(URGENT, huge[:FIRST_PART_BYTES])]
    assert [each[:2] for each in written(huge + b"x")] == [(URGENT, huge[:FIRST_PART_BYTES])]


@pytest.mark.parametrize(
    ("exercise", "is_proven", "says", "is_marked"),
    [
        (True, True, {}, True),
        (False, True, {}, False),
        # A credential's word counts, else the record's own.
        (False, True, {"exercise": True}, False),
        (False, False, {"exercise": True}, True),
        (False, False, {}, False),
    ],
)
def test_a_refused_exercise_is_marked_wherever_it_is_kept(
    *, exercise: bool, is_proven: bool, says: dict[str, bool], is_marked: bool
) -> None:
    headers: dict[str, dict[str, bytes]] = {}

    def write(topic: str, _: bytes, __: bytes, given: list[tuple[str, bytes]]) -> None:
        headers[topic] = dict(given)

    large = raw("d-1", service="text_line", disclosed_at="x", summary="x" * MAX_DISCLOSURE_BYTES, **says)
    calm = raw("d-1", service="text_line", disclosed_at="yesterday", concerns=[{"kind": "pregnancy"}], **says)
    for line in (large, calm):
        write_refused(Refused(line, cut_off(), "gateway", None, is_proven=is_proven, exercise=exercise), [], NOW, write)
    marks = {topic: [name for name in given if name.endswith("-exercise")] for topic, given in headers.items()}
    # The first part on the urgent topic, the whole beside it, and what is routine.
    assert [len(each) for each in marks.values()] == [int(is_marked)] * 3


def test_what_cannot_be_an_emergency_is_kept_and_a_first_part_marked() -> None:
    ((topic, value, headers),) = written(CALM)
    assert (topic, value, "rejected-length" in headers) == (rejected(ROUTINE), CALM, False)
    ((topic, value, headers),) = written(CALM, is_whole=False, length=9_999)
    assert (topic, value) == (rejected(ROUTINE), CALM)
    assert (headers["rejected-length"], headers["rejected-kept"]) == (b"9999", b"%d" % len(CALM))
    assert headers["rejected-reason"] == str(cut_off()).encode()
    assert written(CALM + b" " * MAX_VALUE_BYTES) == []


@pytest.mark.parametrize(
    ("value", "length", "words"),
    [
        (b"words", b"5242880", "cut: first 5 of 5,242,880 bytes"),
        (b"words", b"unknown", "cut: first 5 bytes, the rest did not come"),
        (b"words", b"+447700900123", "cut: first 5 bytes, the rest did not come"),
        (b"words", b"9" * 40, "cut: first 5 bytes, the rest did not come"),
        (b"words", b"5", "no record: the 5 bytes of a batch that cannot be read"),
    ],
)
def test_a_cut_is_told_in_words_and_never_in_those_of_a_header(value: bytes, length: bytes, words: str) -> None:
    assert str(Cut.of(value, length)) == words


def test_what_is_whole_is_not_cut() -> None:
    assert Cut.of(b"words", None) is None
    assert Cut.of(None, b"5") is None


def test_a_problem_of_the_whole_is_no_field_of_the_contract() -> None:
    assert isinstance(cut_off(), Invalid)
    assert [problem.field for problem in cut_off().problems] == ["disclosure"]
