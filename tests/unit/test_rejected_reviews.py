"""Reviews of rejected records: one for a sender and hour, its generations, and its end by itself."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.codec import encode
from schemas.topics import TopicName
from schemas.vocabulary import Service
from streams.agents import rejected_reviews
from streams.domain.ids import later_review_id, rejected_review_id, sender_of
from streams.runtime import Turn
from tests.decide_reviews import MINUTE, answered, decide, reviews, settled
from tests.disclosures import id_of
from tests.review_outcomes import outcome
from tests.turns import NOW, Lane, on, why

TOPIC = TopicName.FORUM_DISCLOSURES_URGENT
FIRST = rejected_review_id(sender_of(Service.FORUM, exercise=False), NOW)
ENTERED: dict[str, Any] = {"decision": "entered_again", "entered_under": [id_of("d-9")]}


@pytest.fixture
def lane() -> Lane:
    return Lane(decide())


def rejected(offset: int, *, review_id: str = FIRST, **more: Any) -> bytes:
    place = {"topic": TOPIC, "partition": 1, "offset": offset}
    why = {"field": "concerns", "reason": "concerns: needs at least one", "rejected_at": NOW}
    return encode("UrgentRejected", {"review_id": review_id, **place, **why, **more})


def accepted(name: str) -> bytes:
    fields = {"review_id": FIRST, "disclosure_id": id_of(name), "accepted_at": NOW + MINUTE}
    return encode("RejectedAccepted", fields)


def offsets(review: dict[str, Any]) -> list[int]:
    return [each["offset"] for each in review["rejected_records"]]


def ends(turn: Turn) -> list[tuple[str, str | None, int | None]]:
    return [(each["decision"], each["by"], each["records"]) for each in settled(turn)]


def test_the_records_of_one_sender_and_hour_are_one_review_with_the_deadline_of_the_first(lane: Lane) -> None:
    (first,) = reviews(lane.work(rejected(0)))
    turn = lane.work(rejected(1), now=NOW + 4 * MINUTE)
    (second,) = reviews(turn)
    assert (first["review_id"], second["review_id"]) == (FIRST, FIRST)
    assert offsets(second) == [0, 1]
    assert first["deadline"] == second["deadline"] == NOW + 5 * MINUTE
    # Its alarm is raised already.
    assert [output.topic for output in turn.outputs] == [TopicName.REVIEWS]
    assert lane.timers == {b"r:" + FIRST.encode(): NOW + 5 * MINUTE}


def test_a_record_that_comes_while_the_review_is_escalated_is_added_to_it(lane: Lane) -> None:
    lane.work(rejected(0))
    lane.pass_time(NOW + 5 * MINUTE)
    (review,) = reviews(lane.work(rejected(1), now=NOW + 6 * MINUTE))
    assert (review["escalation"], review["deadline"], offsets(review)) == (1, NOW + 10 * MINUTE, [0, 1])


@pytest.mark.parametrize(
    ("service", "exercise", "later"),
    [(Service.TEXT_LINE, False, 0), (Service.FORUM, True, 0), (Service.FORUM, False, 1)],
    ids=["other service", "its exercises", "other hour"],
)
def test_another_sender_or_hour_has_another_review(lane: Lane, service: Service, exercise: bool, later: int) -> None:
    other = rejected_review_id(sender_of(service, exercise=exercise), NOW + timedelta(hours=later))
    assert len({each["review_id"] for each in reviews(lane.work(rejected(0), rejected(1, review_id=other)))}) == 2


def test_the_review_of_an_exercise_is_marked_as_one(lane: Lane) -> None:
    (review,) = reviews(lane.work(rejected(0, exercise=True)))
    assert review["exercise"] is True
    assert lane.timers != {}


def test_an_outcome_covers_the_records_that_were_shown_and_the_next_review_asks_about_the_others(lane: Lane) -> None:
    lane.work(rejected(0), rejected(1), rejected(2))
    turn = answered(lane, outcome(FIRST, records=2, **ENTERED))
    assert ends(turn) == [("entered_again", "safeguarding-lead-2", 2)]
    (review,) = reviews(turn)
    second = later_review_id(FIRST, 2)
    assert (review["review_id"], offsets(review)) == (second, [2])
    assert review["deadline"] == NOW + 5 * MINUTE
    raised = [(each["cause"], each["state"]) for each in on(turn, TopicName.ALARMS)]
    assert raised == [(f"review/{FIRST}", "cleared"), (f"review/{second}", "raised")]
    assert offsets(reviews(lane.work(rejected(3)))[0]) == [2, 3]


def test_a_record_after_the_outcome_opens_the_next_review_with_a_deadline_of_its_own(lane: Lane) -> None:
    lane.work(rejected(0))
    assert reviews(answered(lane, outcome(FIRST, records=1, **ENTERED))) == []
    later = NOW + 30 * MINUTE
    (review,) = reviews(lane.work(rejected(1), now=later))
    assert (review["review_id"], offsets(review)) == (later_review_id(FIRST, 2), [1])
    assert review["deadline"] == later + 5 * MINUTE


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (3, "records: is more than the review has; allowed: 1 to 2, those that were shown"),
        (None, "records: is required by entered_again here"),
    ],
)
def test_an_outcome_that_does_not_say_what_was_shown_is_rejected(lane: Lane, records: int | None, reason: str) -> None:
    lane.work(rejected(0), rejected(1))
    turn = answered(lane, outcome(FIRST, records=records, **ENTERED))
    assert why(turn) == [reason]
    assert turn.outputs == []


def test_a_full_review_is_followed_by_the_next_while_it_is_open(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_reviews, "RECORDS_OF_A_REVIEW", 2)
    turn = lane.work(*map(rejected, range(5)))
    last = {each["review_id"]: offsets(each) for each in reviews(turn)}
    assert last == {FIRST: [0, 1], later_review_id(FIRST, 2): [2, 3], later_review_id(FIRST, 3): [4]}
    assert len(lane.timers) == 3


def test_a_review_closes_by_itself_once_every_id_in_it_is_accepted(lane: Lane) -> None:
    lane.work(rejected(0, disclosure_id=id_of("d-1")), rejected(1, disclosure_id=id_of("d-2")))
    (review,) = reviews(lane.work(accepted("d-2")))
    assert [each["accepted_at"] for each in review["rejected_records"]] == [None, NOW + MINUTE]
    turn = lane.work(accepted("d-1"))
    assert ends(turn) == [("accepted", None, 2)]
    assert [each["state"] for each in on(turn, TopicName.ALARMS)] == ["cleared"]
    assert lane.timers == {}


def test_a_record_without_a_known_id_keeps_its_review_open(lane: Lane) -> None:
    lane.work(rejected(0, disclosure_id=id_of("d-1")), rejected(1))
    assert ends(lane.work(accepted("d-1"))) == []
    assert len(lane.timers) == 1


def test_an_id_is_looked_for_in_every_generation_that_is_open(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_reviews, "RECORDS_OF_A_REVIEW", 1)
    names = ("d-1", "d-2", "d-1")
    lane.work(*(rejected(offset, disclosure_id=id_of(name)) for offset, name in enumerate(names)))
    turn = lane.work(accepted("d-1"))
    assert {each["review_id"] for each in settled(turn)} == {FIRST, later_review_id(FIRST, 3)}
    assert list(lane.timers) == [b"r:" + later_review_id(FIRST, 2).encode()]


def test_nothing_is_asked_about_others_that_were_all_accepted(lane: Lane) -> None:
    lane.work(rejected(0), rejected(1, disclosure_id=id_of("d-1")))
    lane.work(accepted("d-1"))
    assert reviews(answered(lane, outcome(FIRST, records=1, **ENTERED))) == []
    assert lane.timers == {}


def test_a_review_that_cannot_be_read_is_followed_by_the_next(lane: Lane) -> None:
    lane.work(rejected(0, disclosure_id=id_of("d-1")))
    lane.state[b"r:" + FIRST.encode()] = b"damaged"
    assert lane.work(accepted("d-1")).outputs == []
    (review,) = reviews(lane.work(rejected(1)))
    assert (review["review_id"], offsets(review)) == (later_review_id(FIRST, 2), [1])


def test_what_staff_settled_is_not_opened_again_by_an_id_that_is_accepted_later(lane: Lane) -> None:
    lane.work(rejected(0, disclosure_id=id_of("d-1")))
    answered(lane, outcome(FIRST, "nothing_in_it", refusal="entered_in_error", records=1))
    assert lane.work(accepted("d-1")).outputs == []


def test_a_review_that_closed_by_itself_is_followed_by_the_next(lane: Lane) -> None:
    lane.work(rejected(0, disclosure_id=id_of("d-1")))
    lane.work(accepted("d-1"))
    (review,) = reviews(lane.work(rejected(1)))
    assert (review["review_id"], offsets(review)) == (later_review_id(FIRST, 2), [1])
