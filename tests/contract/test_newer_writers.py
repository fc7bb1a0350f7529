"""Today's ADMIT rejects a record of a newer schema whole and keeps nothing of it; the next release reads it.

A field that is not known may change the decision. So it is not guessed away, also where it could be skipped.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from fastavro import parse_schema

from schemas import codec
from schemas.avro_registry import HEADER_BYTES, READERS, WRITERS, Reader, header_of, sources
from schemas.codec import decode, encode
from schemas.topics import TopicName
from tests.disclosures import disclosure
from tests.next_release import TAGS, newer_schema, written_by
from tests.turns import admit_lane, on, why

URGENT = TopicName.FORUM_DISCLOSURES_URGENT
UNKNOWN = "value: is of an unknown schema"
#: Optional fields of each form that Avro has for one, each with a value.
FIELDS: dict[str, tuple[Mapping[str, Any], Any]] = {
    "a list": (TAGS, ["looked-after"]),
    "a flag": ({"name": "drill", "type": "boolean", "default": False}, True),
    "text or null": ({"name": "nation", "type": ["null", "string"], "default": None}, "wales"),
    "an enum": (
        {"name": "urgency", "type": {"type": "enum", "name": "Urgency", "symbols": ["low", "high"]}, "default": "low"},
        "high",
    ),
    "a record": (
        {
            "name": "reporter",
            "type": ["null", {"type": "record", "name": "Reporter", "fields": [{"name": "role", "type": "string"}]}],
            "default": None,
        },
        {"role": "friend"},
    ),
}
PLACES = (0, 6, None)
every_newer_record = pytest.mark.parametrize(
    ("field", "value", "place"),
    [(field, value, place) for field, value in FIELDS.values() for place in PLACES],
    ids=[f"{name}, {where}" for name in FIELDS for where in ("first", "among the others", "last")],
)


def today(**changes: Any) -> dict[str, Any]:
    return disclosure(**changes).model_dump()


@every_newer_record
@pytest.mark.parametrize("given", [True, False], ids=["given", "as by default"])
def test_a_newer_record_is_rejected_whole_and_its_id_is_still_free(
    field: Mapping[str, Any], value: Any, place: int | None, given: bool
) -> None:
    name = field["name"]
    newer = written_by(newer_schema(field, place), {**today(), name: value if given else field["default"]})
    lane = admit_lane(lambda _: None)
    turn = lane.work(newer, topic=URGENT)
    assert why(turn) == [UNKNOWN]
    assert turn.rejects[0][0].value == newer
    (review,) = on(turn, TopicName.ADMITTED_URGENT)
    assert review["reason"] == UNKNOWN
    assert len(turn.outputs) == 1
    # After the upgrade the same id is admitted, as the first of its id.
    assert len(on(lane.work(encode("Disclosure", today()), topic=URGENT), TopicName.IDENTITY_URGENT)) == 1


@every_newer_record
def test_a_release_that_knows_the_schema_reads_it_and_every_older_record(
    monkeypatch: pytest.MonkeyPatch, field: Mapping[str, Any], value: Any, place: int | None
) -> None:
    name, newer = field["name"], newer_schema(field, place)
    older, written = encode("Disclosure", today()), written_by(newer, {**today(), name: value})
    known = decode(older, "Disclosure")[1]
    parsed: Any = parse_schema(newer)
    before = {header: each for header, each in READERS.items() if each.name == "Disclosure"}
    readers = {header: Reader(each.name, each.written, parsed) for header, each in before.items()}
    monkeypatch.setattr(codec, "READERS", {**readers, header_of(newer): Reader("Disclosure", parsed, None)})
    writer = replace(WRITERS["Disclosure"], header=header_of(newer), schema=parsed)
    monkeypatch.setattr(codec, "WRITERS", {"Disclosure": writer})
    assert decode(written, "Disclosure")[1] == {**known, name: value}
    assert decode(older, "Disclosure")[1] == {**known, name: field["default"]}


@pytest.mark.parametrize(("field", "value"), FIELDS.values(), ids=FIELDS)
def test_a_newer_body_under_todays_header_is_no_disclosure_of_today(field: Mapping[str, Any], value: Any) -> None:
    """A writer that keeps the header of the older schema has a fault; its record is not read as an older one."""
    newer = written_by(newer_schema(field), {**today(), field["name"]: value})
    turn = admit_lane(lambda _: None).work(WRITERS["Disclosure"].header + newer[HEADER_BYTES:], topic=URGENT)
    assert why(turn) == ["value: has bytes left over"]


def test_words_about_a_schema_do_not_make_it_newer() -> None:
    """The fingerprint is of the canonical form: documentation and the order of attributes are not in it."""
    same = sources()["Disclosure"]
    same["doc"] = "Other words."
    same["fields"][0]["doc"] = "Other words."
    assert written_by(same, today()) == encode("Disclosure", today())
