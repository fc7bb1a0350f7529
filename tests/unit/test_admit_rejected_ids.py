"""What ADMIT remembers of rejected records: the same bytes are one question, and an accepted id ends it."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.disclosure import disclosure_key
from schemas.partitioner import partition_for
from schemas.topics import TopicName
from schemas.vocabulary import Service
from streams.domain.ids import rejected_review_id, sender_of
from streams.runtime import Turn
from tests.disclosures import id_of
from tests.turns import NOW, Lane, admit_lane, disclosed, on, read

URGENT = TopicName.FORUM_DISCLOSURES_URGENT
REFUSED = (("refused-by", b"gateway"),)
FORUM = sender_of(Service.FORUM, exercise=False)
DRILL = sender_of(Service.FORUM, exercise=True)


@pytest.fixture
def lane() -> Lane:
    return admit_lane(lambda _: None)


def unreadable(name: str = "d-1", **changes: Any) -> bytes:
    """Return a disclosure that decodes and does not fit the contract: its phone is no number."""
    fields = decode(disclosed(name, **changes), "Disclosure")[1]
    return encode("Disclosure", {**fields, "subject": {**fields["subject"], "phone": "none"}})


def refused(name: str = "d-1") -> bytes:
    return b'{"disclosure_id": "%s", "concerns": []}' % id_of(name).encode()


def asked(turn: Turn) -> list[dict[str, Any]]:
    found = (read(output) for output in turn.outputs if output.topic == TopicName.ADMITTED_URGENT)
    return [fields for name, fields in found if name == "UrgentRejected"]


def taken(turn: Turn) -> list[tuple[str, str]]:
    found = (read(output) for output in turn.outputs if output.topic == TopicName.ADMITTED_URGENT)
    return [(fields["review_id"], fields["disclosure_id"]) for name, fields in found if name == "RejectedAccepted"]


def test_the_same_bytes_that_a_door_refused_in_the_same_hour_are_one_question(lane: Lane) -> None:
    bad = refused()
    assert len(asked(lane.work(bad, bad, topic=URGENT, headers=REFUSED))) == 1
    turn = lane.work(bad, topic=URGENT, now=NOW + timedelta(minutes=40), headers=REFUSED)
    assert (asked(turn), len(turn.rejects)) == ([], 1)
    (again,) = asked(lane.work(bad, topic=URGENT, now=NOW + timedelta(hours=1), headers=REFUSED))
    assert again["review_id"] == rejected_review_id(FORUM, NOW + timedelta(hours=1))


def test_what_is_sent_again_on_purpose_and_rejected_again_is_asked_about_again(lane: Lane) -> None:
    """`confide rejected replay` writes the record to its topic, and no door refuses it."""
    assert len(asked(lane.work(unreadable(), unreadable(), topic=URGENT))) == 2


def test_other_bytes_are_another_record_of_the_same_review(lane: Lane) -> None:
    one, other = asked(lane.work(unreadable("d-1"), unreadable("d-2"), topic=URGENT))
    assert one["review_id"] == other["review_id"] == rejected_review_id(FORUM, NOW)
    assert (one["offset"], other["offset"]) == (0, 1)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"", REFUSED),
        (b"{}", REFUSED),
        (b"[object Object]", REFUSED),
        (b'{"disclosure_id": "%s"}' % id_of("d-1").encode(), (*REFUSED, ("refused-length", b"5000"))),
    ],
    ids=["empty", "nothing in it", "no JSON", "cut"],
)
def test_bytes_that_may_be_about_several_persons_are_asked_about_each_time(
    lane: Lane, value: bytes, headers: Any
) -> None:
    assert len(asked(lane.work(value, value, topic=URGENT, headers=headers))) == 2


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (unreadable(), ()),
        (b'{"disclosure_id": "%s", "concerns": []}' % id_of("d-1").upper().encode(), REFUSED),
    ],
    ids=["Avro", "JSON refused at a door"],
)
def test_an_id_that_is_accepted_later_is_said_to_its_review_once(lane: Lane, value: bytes, headers: Any) -> None:
    (record,) = asked(lane.work(value, topic=URGENT, headers=headers))
    assert record["disclosure_id"] == id_of("d-1")
    turn = lane.work(disclosed("d-2"), disclosed("d-1"), disclosed("d-1"), topic=URGENT)
    assert taken(turn) == [(record["review_id"], id_of("d-1"))]
    assert taken(lane.work(disclosed("d-1"), topic=URGENT)) == []
    # Nothing waits for it any more.
    assert not any(name.startswith(b"w:") for name in lane.state)


def test_a_routine_disclosure_ends_no_question_about_what_may_be_urgent(lane: Lane) -> None:
    """Its sender may have left out what could not be read."""
    lane.work(unreadable(), topic=URGENT)
    routine = disclosed("d-1", concerns=[{"kind": "homelessness", "state": "homeless"}])
    assert taken(lane.work(routine, topic=URGENT)) == []
    assert taken(lane.work(disclosed("d-1"), topic=URGENT)) == []


def test_several_contents_under_one_id_wait_for_staff(lane: Lane) -> None:
    """Nobody knows which of them is accepted."""
    lane.work(unreadable(), unreadable(summary="Other words."), topic=URGENT)
    assert taken(lane.work(disclosed("d-1"), topic=URGENT)) == []


def test_an_id_is_said_to_the_reviews_of_each_hour_in_which_it_was_rejected(lane: Lane) -> None:
    lane.work(unreadable(), topic=URGENT)
    lane.work(unreadable(), topic=URGENT, now=NOW + timedelta(hours=1))
    turn = lane.work(disclosed("d-1"), topic=URGENT, now=NOW + timedelta(hours=1))
    hours = (NOW, NOW + timedelta(hours=1))
    assert taken(turn) == [(rejected_review_id(FORUM, hour), id_of("d-1")) for hour in hours]


def test_an_id_of_another_sender_ends_nothing(lane: Lane) -> None:
    lane.work(unreadable(), topic=URGENT)
    other = disclosed("d-1", service="text_line")
    assert taken(lane.work(other, topic=TopicName.TEXT_LINE_DISCLOSURES)) == []
    assert taken(lane.work(disclosed("d-1", exercise=True), topic=URGENT)) == []


def test_an_id_whose_acceptance_another_lane_sees_does_not_count() -> None:
    partitions = 4
    own = partition_for(disclosure_key(id_of("d-1")), partitions)
    (record,) = asked(admit_lane(lambda _: None, partitions, (own + 1) % partitions).work(unreadable(), topic=URGENT))
    assert record["disclosure_id"] is None
    (record,) = asked(admit_lane(lambda _: None, partitions, own).work(unreadable(), topic=URGENT))
    assert record["disclosure_id"] == id_of("d-1")


@pytest.mark.parametrize(
    ("value", "headers", "exercise"),
    [
        (unreadable(exercise=True), (), True),
        (unreadable(), (), False),
        (b"{", (*REFUSED, ("refused-exercise", b"true")), True),
        # The credential said nothing of an exercise, so the bytes' own word does not count.
        (b'{"exercise": true}', REFUSED, False),
    ],
    ids=["Avro", "Avro, real", "door", "door, real"],
)
def test_the_question_about_an_exercise_is_an_exercise(lane: Lane, value: bytes, headers: Any, exercise: bool) -> None:
    (record,) = asked(lane.work(value, topic=URGENT, headers=headers))
    assert record["exercise"] is exercise
    assert record["review_id"] == rejected_review_id(DRILL if exercise else FORUM, NOW)


def test_a_conflict_of_ids_waits_for_no_acceptance(lane: Lane) -> None:
    lane.work(disclosed("d-1"), disclosed("d-1", summary="Other."), topic=URGENT)
    assert on(lane.work(disclosed("d-1"), topic=URGENT), TopicName.ADMITTED_URGENT) == []
