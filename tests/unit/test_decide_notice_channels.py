"""DECIDE writes no notice with a channel that is unsafe now, and removes such a channel from waiting notices."""

from datetime import datetime, timedelta
from typing import Any

from schemas.topics import TopicName
from streams.runtime import Turn
from tests.decide_reviews import HOUR, answered, decide
from tests.open_reports import PHONED, SECOND, delivered, undelivered
from tests.review_outcomes import outcome
from tests.turns import ADA, NOW, PARTITION, Lane, admitted, on

DAY = timedelta(days=1)


def says(lane: Lane, disclosure_id: str, safe: bool | None, *channels: str, now: datetime = NOW, **more: Any) -> Turn:
    """Decide a disclosure of the person that is reported, with these channels."""
    contact = {"channels": list(channels), "preferred": channels[0], "safe_to_contact": safe}
    at = more.pop("disclosed_at", now.isoformat())
    assessment = {"assessed_at": at, "assessor": "moderator", "confirmed_by": "safeguarding_lead"}
    value = admitted(disclosure_id, contact=contact, disclosed_at=at, assessment=assessment, now=now, **more)
    return lane.work(value, topic=TopicName.ADMITTED_URGENT, now=now)


def due(turn: Turn) -> list[tuple[str, list[str], str | None, str]]:
    notices = on(turn, TopicName.NOTIFICATIONS)
    return [(each["report_id"], each["channels"], each["withheld_because"], each["stands"]) for each in notices]


def reported(turn: Turn) -> dict[str, Any]:
    (report,) = on(turn, TopicName.REPORTS_999)
    return report


def test_a_channel_that_is_marked_unsafe_later_is_not_in_the_next_notice(lane: Lane) -> None:
    report = reported(says(lane, "d-1", True, "sms"))
    says(lane, "d-2", False, "sms", now=NOW + SECOND)
    turn = delivered(lane, report, "acknowledged", NOW + HOUR)
    assert due(turn) == [(report["report_id"], [], "not_safe_to_contact", "told")]


def test_a_notice_that_waits_is_written_again_with_the_channels_that_are_left(lane: Lane) -> None:
    report = reported(says(lane, "d-1", None, "sms", "thread"))
    turn = says(lane, "d-2", False, "sms", now=NOW + SECOND)
    again = next(output for output in turn.outputs if output.topic == TopicName.NOTIFICATIONS)
    assert (again.key, again.partition) == (ADA.encode(), PARTITION)
    first, second = due(turn)
    assert first == (report["report_id"], ["thread"], None, "telling")
    # The disclosure with that mark has its own notice, which is written once and withheld.
    assert second[1:] == ([], "not_safe_to_contact", "telling")


def test_every_notice_that_may_wait_is_written_again_in_any_state_of_its_report(lane: Lane) -> None:
    report = reported(says(lane, "d-1", True, "sms"))
    delivered(lane, report, "acknowledged", NOW + SECOND)
    withdrawn, review = undelivered_of(lane, "d-2")
    answered(lane, outcome(review["review_id"], "withdrawn", refusal="entered_in_error"))
    turn = says(lane, "d-3", False, "sms", now=NOW + 2 * SECOND)
    assert due(turn)[:-1] == [
        (report["report_id"], [], "not_safe_to_contact", "told"),
        (withdrawn["report_id"], [], "not_safe_to_contact", "not_told"),
    ]


def undelivered_of(lane: Lane, disclosure_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    report = reported(says(lane, disclosure_id, True, "sms"))
    turn = delivered(lane, report, "failed", reason="status_422")
    (review,) = [each for each in on(turn, TopicName.REVIEWS) if "asks" in each]
    return report, review


def test_a_mark_that_is_old_or_changes_nothing_writes_no_notice_again(lane: Lane) -> None:
    report = reported(says(lane, "d-1", True, "sms"))
    # An older mark, another channel, and a channel that the decision did not give.
    for disclosure_id, safe, channel, at in (
        ("d-2", False, "sms", NOW - DAY),
        ("d-3", False, "thread", NOW + SECOND),
        ("d-4", True, "sms", NOW + SECOND),
    ):
        again = due(says(lane, disclosure_id, safe, channel, disclosed_at=at.isoformat()))
        assert report["report_id"] not in {each[0] for each in again}


def test_a_channel_that_is_marked_safe_again_is_used(lane: Lane) -> None:
    report = reported(says(lane, "d-1", True, "sms"))
    says(lane, "d-2", False, "sms", now=NOW + SECOND)
    says(lane, "d-3", True, "sms", now=NOW + 2 * SECOND)
    assert due(delivered(lane, report, "acknowledged", NOW + HOUR)) == [(report["report_id"], ["sms"], None, "told")]


def test_the_marks_of_one_person_do_not_affect_another(lane: Lane) -> None:
    report = reported(says(lane, "d-1", True, "sms"))
    value = admitted("d-2", person="person-bob", contact={"channels": ["sms"], "safe_to_contact": False})
    lane.work(value, topic=TopicName.ADMITTED_URGENT, now=NOW + SECOND)
    assert due(delivered(lane, report, "acknowledged", NOW + HOUR)) == [(report["report_id"], ["sms"], None, "told")]


def test_marks_outlive_a_restart_and_count_for_settled_reviews(lane: Lane) -> None:
    _, review = undelivered(lane)
    says(lane, "d-2", False, "sms", "thread", "direct_message", now=NOW + SECOND)
    turn = answered(lane.restarted(decide()), outcome(review["review_id"], "told_by_phone", **PHONED))
    ((_, channels, _, stands),) = due(turn)
    assert (channels, stands) == ([], "told")


def test_what_is_kept_of_a_notice_ends(lane: Lane) -> None:
    report = reported(says(lane, "d-1", True, "sms"))
    delivered(lane, report, "acknowledged", NOW + SECOND)
    lane.sweep(NOW + 3 * DAY)
    assert not [key for key in lane.state if key.startswith((b"w:", b"n:"))]


def test_a_weaker_notice_is_not_written_and_brings_no_channel_back_later(lane: Lane) -> None:
    report, review = undelivered_of(lane, "d-1")
    answered(lane, outcome(review["review_id"], "withdrawn", refusal="already_reported"))
    # A step of an attempt comes late: whether it reached the agency does not matter any more.
    assert due(delivered(lane, report, "sent", attempt=2)) == []
    turn = says(lane, "d-2", False, "sms", now=NOW + SECOND)
    assert due(turn)[0] == (report["report_id"], [], "not_safe_to_contact", "already_told")
