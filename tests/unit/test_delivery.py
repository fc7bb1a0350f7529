"""The life of a report, the meaning of a response, and the retries."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Agency, DeliveryState
from streams.domain.delivery import (
    FAILURE_MEANINGS,
    RETRY_POLICIES,
    TRANSITIONS,
    UNANSWERED,
    DeliveryEvent,
    Failure,
    ImpossibleStepError,
    Meaning,
    advance,
    limit_reason,
    read_answer,
)

NOW = datetime(2026, 2, 3, 21, 0, tzinfo=UTC)


def test_a_report_that_goes_well_passes_every_state_in_order() -> None:
    states = [DeliveryState.QUEUED]
    events = (DeliveryEvent.ATTEMPTED, DeliveryEvent.RECEIVED, DeliveryEvent.ACKNOWLEDGED, DeliveryEvent.OUTCOME_TOLD)
    for event in events:
        states.append(advance(states[-1], event))
    assert states == ["queued", "sent", "received", "acknowledged", "outcome_known"]


def test_giving_up_is_possible_before_the_agency_acknowledged_and_never_after() -> None:
    fails = {state for state in DeliveryState if (state, DeliveryEvent.GIVEN_UP) in TRANSITIONS}
    assert fails == {DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.RECEIVED, DeliveryState.FAILED}


def test_no_event_follows_the_last_state() -> None:
    for event in DeliveryEvent:
        with pytest.raises(ImpossibleStepError) as caught:
            advance(DeliveryState.OUTCOME_KNOWN, event)
        assert (caught.value.state, caught.value.event) == (DeliveryState.OUTCOME_KNOWN, event)


def test_a_report_that_was_handed_over_stays_so_until_the_agency_acknowledges_it() -> None:
    states = [DeliveryState.FAILED]
    events = (DeliveryEvent.ATTEMPTED, DeliveryEvent.GIVEN_UP, DeliveryEvent.RECEIVED, DeliveryEvent.ACKNOWLEDGED)
    for event in events:
        states.append(advance(states[-1], event))
    assert states == ["failed", "failed", "failed", "received", "acknowledged"]


def test_every_pair_is_in_the_table_or_refused() -> None:
    for state, event in product(DeliveryState, DeliveryEvent):
        if (state, event) in TRANSITIONS:
            assert advance(state, event) is TRANSITIONS[state, event]
        else:
            with pytest.raises(ImpossibleStepError):
                advance(state, event)


@pytest.mark.parametrize(
    ("answer", "meaning", "reason"),
    [
        (201, Meaning.ACKNOWLEDGED, None),
        (200, Meaning.ACKNOWLEDGED, None),
        (503, Meaning.RETRY, "status_503"),
        (429, Meaning.RETRY, "status_429"),
        (409, Meaning.FAIL, "status_409"),
        (422, Meaning.FAIL, "status_422"),
        (Failure.TIMEOUT, Meaning.RETRY, "timeout"),
        (Failure.CONNECTION_LOST, Meaning.RETRY, "connection_lost"),
        (Failure.CLIENT_ERROR, Meaning.RETRY, "client_error"),
        (302, Meaning.FAIL, "unknown_status_302"),
        (204, Meaning.FAIL, "unknown_status_204"),
        (599, Meaning.FAIL, "unknown_status_599"),
    ],
)
def test_the_meaning_of_each_response(answer: int | Failure, meaning: Meaning, reason: str | None) -> None:
    assert read_answer(answer) == (meaning, reason)


@given(st.integers(100, 999))
def test_only_200_and_201_count_as_an_acknowledgement(status: int) -> None:
    assert (read_answer(status)[0] is Meaning.ACKNOWLEDGED) == (status in (200, 201))


def test_every_kind_of_failure_and_every_agency_has_its_row() -> None:
    assert set(FAILURE_MEANINGS) == set(Failure)
    assert set(RETRY_POLICIES) == set(Agency)


def test_999_calls_a_human_after_a_minute_and_no_other_limit_is_shorter() -> None:
    limits = {agency: policy.limit for agency, policy in RETRY_POLICIES.items()}
    assert limits.pop(Agency.EMERGENCY_999) == timedelta(seconds=60)
    assert min(limits.values()) >= timedelta(hours=1)


@pytest.mark.parametrize("agency", Agency)
def test_waits_double_up_to_the_longest(agency: Agency) -> None:
    policy = RETRY_POLICIES[agency]
    waits = [policy.wait(attempt, 0.0) for attempt in range(1, 40)]
    assert waits[0] == policy.first_wait / 2
    assert waits[1] == policy.first_wait
    assert waits == sorted(waits)
    assert waits[-1] == policy.longest_wait / 2


@given(st.sampled_from(Agency), st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_spreads_a_wait_over_its_upper_half(agency: Agency, attempt: int, jitter: float) -> None:
    policy = RETRY_POLICIES[agency]
    assert policy.wait(attempt, 0.0) <= policy.wait(attempt, jitter) <= policy.longest_wait


@given(st.sampled_from(Agency), st.floats(0, 1, exclude_max=True))
def test_an_agency_that_never_answers_is_tried_more_than_three_times_within_its_limit(
    agency: Agency, jitter: float
) -> None:
    policy = RETRY_POLICIES[agency]
    now, attempt = NOW, 0
    while now < policy.limit_at(NOW):
        attempt += 1
        due = policy.next_attempt(now, attempt, jitter)
        assert now < due <= now + policy.longest_wait
        now = due
    assert attempt > 3


def test_only_999_is_still_tried_for_a_day_after_its_limit() -> None:
    ends = {agency: policy.ends_at(NOW) - policy.limit_at(NOW) for agency, policy in RETRY_POLICIES.items()}
    assert ends.pop(Agency.EMERGENCY_999) == timedelta(hours=24)
    assert set(ends.values()) == {timedelta(0)}


@pytest.mark.parametrize("agency", Agency)
def test_waits_for_a_probe_double_up_to_the_longest_which_is_short_for_999(agency: Agency) -> None:
    policy = RETRY_POLICIES[agency]
    waits = [policy.probe_wait(failed) for failed in range(40)]
    assert waits[:2] == [policy.first_wait, 2 * policy.first_wait]
    assert waits == sorted(waits)
    assert waits[-1] == policy.longest_probe_wait
    assert policy.longest_probe_wait <= policy.limit / 12


@pytest.mark.parametrize(
    ("last", "reason"), [(None, "limit_passed"), ("timeout", "limit_passed_after_timeout")], ids=["none", "timeout"]
)
def test_the_reason_at_the_limit_names_that_of_the_last_attempt(last: str | None, reason: str) -> None:
    assert limit_reason(last) == reason


def test_only_failures_without_any_answer_count_against_an_endpoint() -> None:
    assert set(Failure) - UNANSWERED == {Failure.NO_REFERENCE, Failure.CLIENT_ERROR}


def test_a_report_that_was_handed_over_is_tried_less_often() -> None:
    emergency, police = RETRY_POLICIES[Agency.EMERGENCY_999], RETRY_POLICIES[Agency.POLICE_101]
    assert emergency.wait(20, 0.0) == timedelta(seconds=4)
    assert emergency.wait(20, 0.0, handed_over=True) == timedelta(seconds=30)
    assert emergency.wait(1, 0.0, handed_over=True) == emergency.wait(1, 0.0)
    assert police.wait(20, 0.0, handed_over=True) == police.wait(20, 0.0)
