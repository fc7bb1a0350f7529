"""Reviews while staff change: only staff who are on the rota and have a key now are asked, and may settle one."""

from datetime import timedelta

import pytest

from schemas.policy import load_policies
from schemas.policy.duty import Duty, load_duty
from schemas.topics import TopicName
from streams.agents.decide import Decide
from streams.domain.staff import StaffDirectory
from tests.decide_reviews import HOUR, MINUTE, answered, settled, unconfirmed
from tests.review_outcomes import LEAD, STAFF_KEYS, SUPERVISOR, outcome, quick_duty
from tests.turns import NOW, PARTITION, Lane, on, why

ADDED = "lead-9"


class Staff:
    """A staff directory that a test changes while the lane works."""

    def __init__(self) -> None:
        self._directory = StaffDirectory(load_duty(), {SUPERVISOR: STAFF_KEYS[SUPERVISOR]})

    def __call__(self) -> StaffDirectory:
        return self._directory

    def keys(self, *names: str) -> None:
        keys = {name: STAFF_KEYS.get(name, b"9" * 32) for name in names}
        self._directory = self._directory.changed(self._directory.duty, keys, NOW)

    def rota(self, duty: Duty) -> None:
        self._directory = self._directory.changed(duty, self._directory.keys, NOW)


@pytest.fixture
def staff() -> Staff:
    return Staff()


@pytest.fixture
def lane(staff: Staff) -> Lane:
    return Lane(Decide(load_policies(), staff, PARTITION))


def with_lead(name: str) -> Duty:
    """Return the policy's own rota with one more lead, the only one asked by night."""
    duty = load_duty()
    kept = [each.model_dump(exclude={"on_duty"}) | {"on_duty": ["daily 08:00-20:00"]} for each in duty.staff]
    lead = {"id": name, "role": "safeguarding_lead", "on_duty": ["daily 20:00-08:00"]}
    every = {"emergency": "5 minutes", "other": "4 hours"}
    return Duty.model_validate({"escalate_every": every, "staff": [*kept, lead]})


def without(name: str) -> Duty:
    duty = load_duty()
    kept = [each.model_dump(exclude={"on_duty"}) for each in duty.staff if each.id != name]
    staff = [each | {"on_duty": ["daily 00:00-24:00"]} for each in kept]
    return Duty.model_validate({"escalate_every": {"emergency": "5 minutes", "other": "4 hours"}, "staff": staff})


def test_a_lead_who_was_added_while_the_lane_works_settles_a_review(lane: Lane, staff: Staff) -> None:
    review = unconfirmed(lane)
    given = outcome(review["review_id"], by=ADDED, key=b"9" * 32)
    assert why(answered(lane, given)) == ["by: is not on the duty rota"]
    staff.rota(with_lead(ADDED))
    assert why(answered(lane, given)) == ["by: has no key here"]
    staff.keys(ADDED)
    turn = answered(lane, given)
    assert why(turn) == []
    (end,) = settled(turn)
    assert (end["by"], end["review_id"]) == (ADDED, review["review_id"])


def test_the_outcome_of_a_lead_without_a_key_is_rejected_with_the_reason(lane: Lane, staff: Staff) -> None:
    staff.keys(LEAD, SUPERVISOR)
    review = unconfirmed(lane)
    staff.keys(SUPERVISOR)
    state = dict(lane.state)
    turn = answered(lane, outcome(review["review_id"]))
    assert why(turn) == ["by: had its key taken away at 2026-02-03T21:10:00Z"]
    assert (turn.outputs, lane.state) == ([], state)
    assert settled(answered(lane, outcome(review["review_id"], by=SUPERVISOR)))


def test_the_outcome_of_a_lead_who_left_the_rota_is_rejected_with_the_reason(lane: Lane, staff: Staff) -> None:
    staff.keys(LEAD)
    review = unconfirmed(lane)
    staff.rota(without(LEAD))
    given = outcome(review["review_id"])
    assert why(answered(lane, given)) == ["by: was taken off the duty rota at 2026-02-03T21:10:00Z"]
    staff.rota(load_duty())
    assert settled(answered(lane, given))


def test_a_key_that_was_replaced_signs_no_more(lane: Lane, staff: Staff) -> None:
    staff.keys(LEAD)
    review = unconfirmed(lane)
    given = outcome(review["review_id"], key=b"9" * 32)
    assert why(answered(lane, given)) == ["signature: does not match the named member of staff and the content"]


def test_the_staff_who_are_asked_are_those_of_the_present_rota(lane: Lane, staff: Staff) -> None:
    assert unconfirmed(lane)["on_duty"] == LEAD
    staff.rota(with_lead(ADDED))
    (again,) = on(lane.pass_time(NOW + 5 * MINUTE), TopicName.REVIEWS)
    assert again["on_duty"] == ADDED
    (rejected,) = on(lane.work(b"not a record", topic=TopicName.ADMITTED_URGENT), TopicName.REVIEWS)
    assert rejected["on_duty"] == ADDED


def test_the_time_between_two_persons_is_that_of_the_present_rota(lane: Lane, staff: Staff) -> None:
    unconfirmed(lane)
    staff.rota(quick_duty(timedelta(minutes=2)))
    (again,) = on(lane.pass_time(NOW + HOUR), TopicName.REVIEWS)
    assert again["deadline"] == NOW + HOUR + 2 * MINUTE
