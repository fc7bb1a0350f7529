"""Times that cannot be true: from before the services existed they are a question, after the arrival they are noted."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy import Policies, load_policies
from schemas.policy.duty import load_duty
from schemas.topics import TopicName
from schemas.vocabulary import Outcome, ReviewReason
from streams.agents.decide import Decide
from streams.domain.admission import readable
from streams.domain.placeholders import RESET_DAYS, RESETS_END
from streams.domain.plain_english.explanation import explanation
from streams.domain.policy import decide
from streams.domain.staff import StaffDirectory
from tests import disclosures
from tests.decide_reviews import answered, reviews
from tests.readable_ids import readable_id
from tests.review_outcomes import STAFF_KEYS, facts, outcome
from tests.turns import NOW as ARRIVED
from tests.turns import PARTITION, Lane, admit_lane, admitted, disclosed, on, why
from tests.unit.policy_cases import (
    ABUSE,
    ASSESSED,
    CONTRADICTED,
    DISCLOSED,
    HARM,
    HOMELESS,
    NOW,
    OVERDOSE,
    PERHAPS_OVERDOSE,
    POLICY,
    UNCONFIRMED,
    concern,
    disclosure,
    rule,
    state,
)

#: Times of clocks that were never set, and the last moment before the services existed.
UNSET = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1601, 1, 1, tzinfo=UTC),
    datetime(1899, 12, 30, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1980, 1, 6, tzinfo=UTC),
    POLICY.earliest - timedelta(microseconds=1),
]
EARLY = UNSET[3]
A_DAY, FIVE_MINUTES = timedelta(hours=24), timedelta(minutes=5)
NO_TIME = "is before the services existed: counted as unknown"
STATED: dict[str, Any] = {"disclosed_at": "1970-01-01T00:00:00Z"}
BOTH = STATED | {"assessment": disclosures.fields()["assessment"] | {"assessed_at": "1970-01-01T00:00:00Z"}}


@pytest.fixture
def lane() -> Lane:
    directory = StaffDirectory(load_duty(), STAFF_KEYS)
    return Lane(Decide(load_policies(), lambda: directory, PARTITION), PARTITION)


@pytest.mark.parametrize("at", UNSET, ids=readable_id)
@pytest.mark.parametrize(
    ("concerns", "outcome", "within"),
    [
        ([OVERDOSE], Outcome.EMERGENCY, A_DAY),
        ([HOMELESS], Outcome.REFER, A_DAY),
        ([concern("self_harm")], Outcome.REVIEW, A_DAY),
        ([PERHAPS_OVERDOSE], Outcome.REVIEW, FIVE_MINUTES),
    ],
    ids=readable_id,
)
def test_a_time_before_the_services_existed_is_asked_for_beside_what_follows(
    at: datetime, concerns: list[dict[str, Any]], outcome: Outcome, within: timedelta
) -> None:
    for times, paths in (
        ({"disclosed_at": at}, ["disclosed_at"]),
        ({"assessed_at": at}, ["assessment.assessed_at"]),
        ({"disclosed_at": at, "assessed_at": at}, ["disclosed_at", "assessment.assessed_at"]),
    ):
        ruling = rule(*concerns, **times)
        review = ruling.review
        assert review is not None
        assert (ruling.outcome, review.reason, review.deadline) == (outcome, ReviewReason.MISSING_FACT, NOW + within)
        assert list(review.asks)[: len(paths)] == paths
        assert ruling.notes == tuple(f"{path}: {NO_TIME}" for path in paths)
        unknown = {"disclosed_at": "SCOPE-1", "assessment.assessed_at": "SCOPE-2"}
        assert [state(ruling, unknown[path]) for path in paths] == ["open"] * len(paths)


def test_an_emergency_is_told_while_its_time_is_asked_for() -> None:
    true, unset = rule(OVERDOSE), rule(OVERDOSE, disclosed_at=EARLY)
    assert (unset.outcome, unset.agencies, unset.notify) == (true.outcome, true.agencies, true.notify)


def test_an_unconfirmed_emergency_keeps_its_reason_and_its_deadline() -> None:
    ruling = rule(OVERDOSE, disclosed_at=EARLY, **UNCONFIRMED)
    review = ruling.review
    assert review is not None
    assert (ruling.proposed, review.reason, review.deadline) == (Outcome.EMERGENCY, "confirmation", NOW + FIVE_MINUTES)
    assert review.asks == ("disclosed_at",)


def test_a_conversation_comes_before_a_missing_time() -> None:
    review = rule(concern("suicide"), safety=CONTRADICTED, disclosed_at=EARLY).review
    assert review is not None
    assert (review.reason, review.asks) == ("private_conversation", ("disclosed_at", "safety.contradicted"))


def test_the_first_moment_of_the_services_is_a_time_like_any_other() -> None:
    """The day of `earliest` itself is one on which reset clocks begin."""
    ruling = rule(OVERDOSE, disclosed_at=POLICY.earliest + timedelta(days=1))
    assert (ruling.outcome, ruling.review, ruling.notes) == (Outcome.OUT_OF_SCOPE, None, ())


@pytest.mark.parametrize("day", sorted(RESET_DAYS), ids=readable_id)
@pytest.mark.parametrize(
    "since_midnight", [timedelta(), timedelta(minutes=3, seconds=12), timedelta(hours=23.9)], ids=str
)
def test_a_time_of_a_clock_that_was_reset_is_asked_for_and_is_never_out_of_scope(
    day: date, since_midnight: timedelta
) -> None:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + since_midnight
    for times, paths in (
        ({"disclosed_at": at}, ["disclosed_at"]),
        ({"assessed_at": at}, ["assessment.assessed_at"]),
        ({"disclosed_at": at, "assessed_at": at}, ["disclosed_at", "assessment.assessed_at"]),
    ):
        ruling = rule(OVERDOSE, **times)
        assert ruling.review is not None
        assert (ruling.outcome, list(ruling.review.asks)) == (Outcome.EMERGENCY, paths)
        assert ruling.notes == tuple(
            f"{path}: is on a day at which reset clocks begin: counted as unknown" for path in paths
        )


def test_the_days_beside_those_of_reset_clocks_are_old_times() -> None:
    for at in (datetime(2000, 1, 2, tzinfo=UTC), datetime(2000, 12, 31, 23, 59, 59, tzinfo=UTC), RESETS_END):
        assert rule(OVERDOSE, disclosed_at=at).outcome is Outcome.OUT_OF_SCOPE
    assert all(datetime(day.year, day.month, day.day, tzinfo=UTC) < RESETS_END for day in RESET_DAYS)


def test_an_assessment_that_cannot_be_true_leaves_the_other_time_in_doubt() -> None:
    """A disclosure of 2010 is out of scope; beside an assessment of 1970 it is asked for."""
    old = datetime(2010, 1, 1, tzinfo=UTC)
    assert rule(OVERDOSE, disclosed_at=old).outcome is Outcome.OUT_OF_SCOPE
    review = rule(OVERDOSE, disclosed_at=old, assessed_at=EARLY).review
    assert review is not None
    assert review.asks == ("disclosed_at", "assessment.assessed_at")


@pytest.mark.parametrize(
    ("times", "day"),
    [
        ({"disclosed_at": EARLY}, ASSESSED),
        ({"assessed_at": EARLY}, DISCLOSED),
        ({"disclosed_at": EARLY, "assessed_at": EARLY}, NOW),
    ],
    ids=["disclosed", "assessed", "both"],
)
def test_ages_count_from_the_time_that_is_left(times: dict[str, datetime], day: datetime) -> None:
    """Otherwise a person born in 2010 would be born after a disclosure of 1970, and nobody's age would be known."""
    on_the_day = date(day.year - 18, day.month, day.day)
    for born, found in ((on_the_day + timedelta(days=1), "holds"), (on_the_day, "open")):
        assert state(rule(HARM, subject={"date_of_birth": born}, **times), "IR-0") == found


def test_the_version_in_force_is_that_of_the_time_that_is_left() -> None:
    second = POLICY.model_copy(update={"version": "second", "effective_from": ASSESSED - timedelta(minutes=1)})
    policies = Policies([POLICY, second])
    unset: list[dict[str, Any]] = [{"disclosed_at": EARLY}, {"disclosed_at": EARLY, "assessed_at": EARLY}]
    for times in unset:
        assert decide(disclosure(OVERDOSE, **times), now=NOW, policy=policies).policy_version == "second"
    assert decide(disclosure(OVERDOSE), now=NOW, policy=policies).policy_version == POLICY.version


def test_an_explanation_names_the_time_and_what_its_answer_changes() -> None:
    disclosed = disclosure(ABUSE, disclosed_at=EARLY)
    lines = list(explanation(disclosed, decide(disclosed, now=NOW, policy=POLICY)))
    asked = lines.index("  when they disclosed it (disclosed_at)")
    assert lines[asked + 1].startswith("    since the policy took effect: refer; to ")
    assert lines[asked + 2] == "    before the policy took effect: out of scope"
    assert "    Because it is not known whether it was disclosed since the policy took effect." in lines


@settings(max_examples=200, deadline=None)
@given(st.datetimes(max_value=POLICY.earliest.replace(tzinfo=None), timezones=st.just(UTC)), st.data())
def test_no_time_before_the_services_existed_is_ever_out_of_scope(at: datetime, data: st.DataObject) -> None:
    at = min(at, POLICY.earliest - timedelta(microseconds=1))
    other = data.draw(st.datetimes(max_value=datetime(2026, 2, 3), timezones=st.just(UTC)))  # noqa: DTZ001 - a bound
    each = data.draw(st.sampled_from([OVERDOSE, HOMELESS, concern("self_harm"), PERHAPS_OVERDOSE]))
    times = data.draw(st.sampled_from([(at, at), (other, at), (at, NOW)]))
    ruling = rule(each, disclosed_at=times[0], assessed_at=times[1])
    assert ruling.outcome is not Outcome.OUT_OF_SCOPE
    assert ruling.review is not None
    assert ruling.notes


def arrived(at: datetime, **changes: Any) -> tuple[str, ...]:
    return readable(disclosures.disclosure(**changes), at, POLICY.clock_tolerance).notes


def test_a_time_after_the_arrival_is_noted_if_it_is_later_by_more_than_the_tolerance() -> None:
    true = disclosures.disclosure()
    at, assessed_at = true.disclosed_at, true.assessment.assessed_at
    assert arrived(assessed_at) == arrived(assessed_at - POLICY.clock_tolerance) == ()
    assessed = "assessment.assessed_at: is after it arrived: counted as assessed when it arrived"
    assert arrived(assessed_at - POLICY.clock_tolerance - timedelta(microseconds=1)) == (assessed,)
    assert arrived(at - timedelta(days=1)) == (
        "disclosed_at: is after it arrived: counted as disclosed when it arrived",
        assessed,
    )


def test_admit_notes_by_the_tolerance_of_the_version_in_force() -> None:
    lenient = POLICY.model_copy(update={"clock_tolerance": timedelta(hours=2)})
    ahead = disclosed(assessment=disclosures.fields()["assessment"] | {"assessed_at": "2026-02-03T22:30:00Z"})
    at = datetime(2026, 2, 3, 21, 30, tzinfo=UTC)
    noted = []
    for policies in (None, Policies([POLICY]), Policies([lenient])):
        turn = admit_lane(lambda _: None, policies=policies).work(ahead, stamp=at)
        (fields,) = on(turn, TopicName.IDENTITY_URGENT)
        assert fields["disclosure"]["assessment"]["assessed_at"] == at
        noted.append(len(fields["disclosure"]["notes"]))
    assert noted == [1, 1, 0]


@pytest.mark.parametrize("played", [ARRIVED + timedelta(days=30), ARRIVED + timedelta(days=700)], ids=readable_id)
def test_a_safe_mark_of_2035_does_not_outweigh_a_later_unsafe_one(lane: Lane, played: datetime) -> None:
    """The three lines of B03 in `cases`, also if they are played long after they were assessed."""
    channels: list[tuple[list[str], str | None]] = []
    for day, disclosed_at, is_safe in (
        ("03", "2035-01-01T00:00:00Z", True),
        ("04", "2026-02-04T10:00:00Z", False),
        ("05", "2026-02-05T10:00:00Z", None),
    ):
        turn = lane.work(
            admitted(
                f"d-{day}",
                now=played,
                disclosed_at=disclosed_at,
                assessment=disclosures.fields()["assessment"] | {"assessed_at": f"2026-02-{day}T21:09:40Z"},
                contact={"channels": ["sms"], "preferred": "sms", "safe_to_contact": is_safe},
            ),
            now=played,
        )
        channels += [(each["channels"], each["withheld_because"]) for each in on(turn, TopicName.NOTIFICATIONS)]
    assert channels[0] == (["sms"], None)
    # The first notice is written again without the channel.
    assert channels[1:] == [([], "not_safe_to_contact")] * 3


def test_an_unsafe_mark_of_a_clock_that_was_never_set_counts(lane: Lane) -> None:
    """By its own time of 1970 it would be older than every mark, and the notice would go to a phone others read."""
    sms = {"channels": ["sms"], "preferred": "sms"}
    lane.work(admitted("d-1", contact=sms | {"safe_to_contact": True}))
    lane.work(admitted("d-2", contact=sms | {"safe_to_contact": False}, **STATED))
    (notice,) = on(lane.work(admitted("d-3", contact=sms)), TopicName.NOTIFICATIONS)
    assert (notice["channels"], notice["withheld_because"]) == ([], "not_safe_to_contact")


def test_decide_reports_an_emergency_of_1970_once_and_takes_its_time_from_a_signed_outcome(lane: Lane) -> None:
    turn = lane.work(admitted(**BOTH))
    assert len(on(turn, TopicName.REPORTS_999)) == 1
    (review,) = reviews(turn)
    assert (review["reason"], review["asks"]) == ("missing_fact", ["disclosed_at", "assessment.assessed_at"])
    found = facts(**{"disclosed_at": "2026-02-03T21:00:00Z", "assessment.assessed_at": "2026-02-03T22:10:00+01:00"})
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=found))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["review"], decision["notes"]) == ("emergency", None, [])
    assert not on(turn, TopicName.REPORTS_999)


def test_a_disclosure_that_turns_out_to_be_old_is_out_of_scope_once_staff_say_so(lane: Lane) -> None:
    turn = lane.work(admitted(concerns=[{"kind": "self_harm", "life_threatening": False}], **STATED))
    (review,) = reviews(turn)
    found = facts(disclosed_at="2019-05-01T12:00:00Z")
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=found))
    assert [each["outcome"] for each in on(turn, TopicName.DECISIONS)] == ["out_of_scope"]


def test_a_time_is_taken_only_if_it_is_asked_for_and_possible(lane: Lane) -> None:
    (review,) = reviews(lane.work(admitted(**STATED)))
    later = ARRIVED + timedelta(days=1)
    wrong = "must be a time in ISO 8601 with its zone, and not after the outcome"
    for path, value, said in (
        ("assessment.assessed_at", "2026-02-03T21:00:00Z", "is not asked for: the time of the disclosure is known"),
        ("disclosed_at", later.isoformat(), wrong),
        ("disclosed_at", True, wrong),
        ("disclosed_at", 2026, wrong),
    ):
        turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(**{path: value})))
        assert why(turn) == [f"{path}: {said}"]
        assert not turn.outputs
