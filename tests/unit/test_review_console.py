"""The console: its index and texts of reviews, and the outcomes that it sends."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from schemas.codec import decode
from schemas.policy import load_policies
from schemas.policy.duty import load_duty
from schemas.records import Decision
from schemas.rejection import Cut
from schemas.reviews import ReviewOutcome
from schemas.sealed import SealedDetails
from schemas.topics import CATALOGUE, TopicName
from schemas.vocabulary import Service
from services.review.errors import NoSuchReview
from services.review.review_index import Known, ReviewIndex
from services.review.sealed_words import as_it_came, disclosed
from services.review.send_outcome import signed
from services.review.words import described, fields_of, settling_options, table
from streams.domain.ids import decision_id
from streams.domain.reviews import authenticate
from streams.domain.staff import StaffDirectory
from streams.runtime import Output
from tests.contract.examples import FULL
from tests.decide_reviews import MINUTE, VOLUNTEER, concern
from tests.disclosures import id_of
from tests.review_outcomes import LEAD, STAFF_KEYS, SUPERVISOR, outcome
from tests.turns import MARKERS, NOW, PARTITION, Lane, admit_lane, admitted, assert_names_nobody
from tests.turns import disclosed as disclosed_as


def index_of(lane: Lane) -> ReviewIndex:
    index = ReviewIndex()
    for output in lane.outputs:
        if output.topic == TopicName.REVIEWS:
            index.take(PARTITION, *decode(output.value or b"", *CATALOGUE[TopicName.REVIEWS].carries))
    return index


def only(lane: Lane) -> Known:
    (known,) = index_of(lane).reviews(NOW)
    return known


def decision_of(outputs: list[Output]) -> Decision:
    (value,) = [output.value for output in outputs if output.topic == TopicName.DECISIONS]
    return Decision.model_validate(decode(value or b"", "Decision")[1])


def text(lines: Iterator[str]) -> str:
    return "\n".join(lines)


def test_an_escalated_review_is_one_overdue_since_its_first_deadline(lane: Lane) -> None:
    lane.work(admitted(assessment=VOLUNTEER))
    lane.pass_time(NOW + 5 * MINUTE)
    lane.pass_time(NOW + 10 * MINUTE)
    known = only(lane)
    assert (known.latest.escalation, known.latest.on_duty) == (2, LEAD)
    assert known.overdue(NOW + 12 * MINUTE) == 7 * MINUTE
    assert known.overdue(NOW) == timedelta(0)
    header, row = table([known], NOW + 12 * MINUTE)
    assert row.split()[:3] == [known.latest.review_id, "confirmation", "emergency"]
    assert "7 min" in row
    assert row.index(LEAD) == header.index("ASKED NOW")
    said = fields_of(known, NOW + 12 * MINUTE)
    assert (said["overdue_seconds"], said["escalation"], said["on_duty"], said["settled"]) == (420, 2, LEAD, None)
    assert "section" not in said


def test_reviews_are_ordered_by_due_time_and_settled_ones_are_only_among_all(lane: Lane) -> None:
    lane.work(admitted("d-1", concerns=concern("homelessness", state=None)), admitted("d-2", assessment=VOLUNTEER))
    index = index_of(lane)
    pressing, other = index.reviews(NOW)
    assert [known.latest.disclosure_id for known in (pressing, other)] == [id_of("d-2"), id_of("d-1")]
    lane.work(outcome(pressing.latest.review_id), topic=TopicName.REVIEW_OUTCOMES)
    index = index_of(lane)
    assert [known.latest.disclosure_id for known in index.reviews(NOW)] == [id_of("d-1")]
    _, settled = index.reviews(NOW, settled_too=True)
    assert fields_of(settled, NOW + 9 * MINUTE)["settled"]["by"] == LEAD
    assert settled.overdue(NOW + 9 * MINUTE) == timedelta(0)
    assert f"settled by {LEAD}" in text(table([settled], NOW))


def test_a_review_that_is_asked_anew_after_its_end_is_open_from_then_on(lane: Lane) -> None:
    lane.work(admitted(assessment=VOLUNTEER))
    first = only(lane)
    lane.work(outcome(first.latest.review_id), topic=TopicName.REVIEW_OUTCOMES)
    index = index_of(lane)
    again = first.latest.model_dump() | {"deadline": NOW + 60 * MINUTE, "requested_at": NOW + 55 * MINUTE}
    index.take(PARTITION, "ReviewRequested", again)
    (known,) = index.reviews(NOW)
    assert known.overdue(NOW + 61 * MINUTE) == MINUTE


def test_a_review_is_found_by_how_its_id_alone_begins(lane: Lane) -> None:
    lane.work(admitted("d-1", assessment=VOLUNTEER), admitted("d-2", assessment=VOLUNTEER))
    index = index_of(lane)
    for known in index.reviews(NOW):
        assert index.find(known.latest.review_id[:13]) == known
    with pytest.raises(NoSuchReview, match="2 reviews have an id that begins with"):
        index.find("")
    with pytest.raises(NoSuchReview, match="there is no review zz"):
        index.find("zz")


def test_a_review_is_shown_in_the_clauses_words_and_names_no_person(lane: Lane) -> None:
    turn = lane.work(admitted(assessment=VOLUNTEER, concerns=concern("suicide", plan=True, timeframe=None)))
    policies = load_policies()
    said = text(described(only(lane), decision_of(turn.outputs), policies, NOW + 6 * MINUTE))
    assert "a fact is missing" in said
    assert "(overdue by 1 min)" in said
    assert "--fact concerns[0].timeframe=…" in said
    assert "What is still open (policy 2025-01-01):" in said
    assert policies.latest.words_of("IR-1").staff in said
    assert not any(marker in said for marker in MARKERS)


def test_a_proposal_names_the_agencies(lane: Lane) -> None:
    turn = lane.work(admitted(assessment=VOLUNTEER))
    said = text(described(only(lane), decision_of(turn.outputs), load_policies(), NOW))
    assert "Proposed: emergency, to 999 ambulance (IR-1)." in said


def test_a_rejected_record_is_shown_with_its_place_and_as_it_came(lane: Lane) -> None:
    lane.work(b"\x1b[2Jnot a record", topic=TopicName.ADMITTED_URGENT)
    known = only(lane)
    said = text(described(known, None, load_policies(), NOW))
    assert "Rejected: value: is not a single-object encoded record" in said
    assert f"safeguarding.admitted.urgent.v1.rejected, partition {PARTITION} (offset 0 " in said
    assert known.key == known.latest.review_id.encode()
    # Control characters are shown, not executed.
    assert text(as_it_came(b"\x1b[2Jnot a record")).endswith("  \\x1b[2Jnot a record")
    assert "no longer kept" in text(as_it_came(None))
    said = text(as_it_came(b"words", Cut(5, 5 << 20)))
    assert "The record as it came, cut: first 5 of 5,242,880 bytes:\n  words" in said


def test_a_conflict_is_shown_with_the_first_disclosure(lane: Lane) -> None:
    admitted_turn = admit_lane(lambda _: None).work(disclosed_as(), disclosed_as(summary="Other words."))
    lane.work(*(output.value for output in admitted_turn.outputs if output.topic == TopicName.ADMITTED_URGENT))
    known = only(lane)
    said = text(described(known, None, load_policies(), NOW))
    assert "its service used the id before, with other content" in said
    assert f"(offset 1 of {TopicName.FORUM_DISCLOSURES})" in said
    first = decision_id(Service.FORUM, id_of("d-1"))
    assert f"The first one under {id_of('d-1')} counts: offset 0 of" in said
    assert f"decision {first}." in said
    assert "--entered-again ID" in text(settling_options(known, None, load_policies(), NOW))


def test_what_was_sealed_is_shown_whole() -> None:
    details = FULL["SealedDetails"]
    assert isinstance(details, SealedDetails)
    said = text(disclosed(details))
    for part in ("+447700900123", "by the bandstand", "ZZ99 1AB", "duty@council.example", "The assessor's words"):
        assert part in said


def test_a_signed_outcome_is_authentic_and_names_no_person(lane: Lane) -> None:
    lane.work(admitted(assessment=VOLUNTEER))
    said: dict[str, Any] = {
        "review_id": only(lane).latest.review_id,
        "by": SUPERVISOR,
        "role": "clinical_supervisor",
        "decided_at": NOW,
        "decision": "confirm",
        "signature": b"",
    }
    given = signed(ReviewOutcome.model_validate(said), STAFF_KEYS[SUPERVISOR])
    authenticate(given, given.model_dump(), StaffDirectory(load_duty(), STAFF_KEYS))
    assert_names_nobody(lane.work(outcome(given.review_id), topic=TopicName.REVIEW_OUTCOMES))
