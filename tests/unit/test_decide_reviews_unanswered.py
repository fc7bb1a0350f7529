"""Reviews without an outcome: at every deadline the next person on duty is asked, without end."""

from datetime import timedelta

from schemas.topics import Group, TopicName, changelog
from streams.runtime.agent import micros
from tests.decide_reviews import ADULT, HOUR, MINUTE, asked, concern, decide, unconfirmed
from tests.review_outcomes import LEAD, SUPERVISOR
from tests.turns import ADA, NOW, PARTITION, TRACE, Lane, assert_names_nobody, on


def test_a_review_asks_the_first_on_duty_and_waits_until_its_deadline(lane: Lane) -> None:
    review = unconfirmed(lane)
    assert (review["on_duty"], review["escalation"]) == (LEAD, 0)
    assert lane.timers == {b"r:" + review["review_id"].encode(): NOW + 5 * MINUTE}
    assert lane.pass_time(NOW + 5 * MINUTE - timedelta(microseconds=1)).outputs == []


def test_each_missed_deadline_asks_the_next_on_duty_without_end(lane: Lane) -> None:
    first, now, seen = unconfirmed(lane), NOW, []
    for _ in range(5):
        now += 5 * MINUTE
        turn = lane.pass_time(now)
        output, alarm = turn.outputs
        assert alarm.topic == TopicName.ALARMS
        assert (output.key, output.partition, output.headers) == (ADA.encode(), PARTITION, (("traceparent", TRACE),))
        (review,) = on(turn, TopicName.REVIEWS)
        seen.append((review["escalation"], review["on_duty"], review["deadline"]))
        same = ("review_id", "decision_id", "disclosure_id", "person", "requested_at", "reason", "asks", "proposed")
        assert {name: review[name] for name in same} == {name: first[name] for name in same}
        assert review["section"] == first["section"]
        assert_names_nobody(turn)
    assert seen == [
        (step, (LEAD, SUPERVISOR)[step % 2], NOW + (step + 1) * 5 * MINUTE) for step in range(1, 6)
    ]  # fmt: skip


def test_a_review_that_is_not_urgent_escalates_by_the_rota(lane: Lane) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None))
    assert review["deadline"] == NOW + 24 * HOUR
    (again,) = on(lane.pass_time(NOW + 24 * HOUR), TopicName.REVIEWS)
    assert again["deadline"] == NOW + 28 * HOUR


def test_ad_2_only_a_safeguarding_lead_is_asked(lane: Lane) -> None:
    review = asked(lane, subject=ADULT, concerns=concern("suicide", immediate_danger="harm", plan=False))
    assert review["reason"] == "safeguarding_lead"
    (again,) = on(lane.pass_time(review["deadline"]), TopicName.REVIEWS)
    assert [review["on_duty"], again["on_duty"]] == [LEAD, LEAD]


def test_a_deadline_that_passed_while_no_process_ran_is_missed_once_at_the_next_start(lane: Lane) -> None:
    unconfirmed(lane)
    again = lane.restarted(decide())
    late = NOW + 2 * HOUR
    (review,) = on(again.pass_time(late), TopicName.REVIEWS)
    assert (review["escalation"], review["deadline"]) == (1, late + 5 * MINUTE)
    (review,) = on(again.restarted(decide()).pass_time(late + 5 * MINUTE), TopicName.REVIEWS)
    assert review["escalation"] == 2


def test_a_review_that_can_no_longer_escalate_is_put_aside_and_a_new_review_opens(lane: Lane) -> None:
    review = unconfirmed(lane)
    name = b"r:" + review["review_id"].encode()
    turn = lane.put_aside(name, NOW + 5 * MINUTE)
    (asked_about,) = on(turn, TopicName.REVIEWS)
    (where,) = asked_about["rejected_records"]
    assert (asked_about["reason"], asked_about["on_duty"]) == ("rejected", LEAD)
    assert (where["topic"], where["partition"]) == (changelog(Group.DECIDE), PARTITION)
    # The same as in the headers of the record that was put aside, where `confide review show` finds it.
    assert where["offset"] == micros(NOW + 5 * MINUTE)
    assert lane.timers == {b"r:" + asked_about["review_id"].encode(): asked_about["deadline"]}
    assert name not in lane.state
    assert_names_nobody(turn)
