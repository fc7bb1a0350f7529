"""The order of outcomes, the clauses about the case, and the notes."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.vocabulary import ClauseState, ContactChannel, Outcome, WithheldBecause
from streams.domain.policy import decide
from tests.unit.policy_cases import (
    ABUSE,
    ADULT,
    ASSESSED,
    CHILD,
    DISCLOSED,
    HARM,
    HOMELESS,
    NOW,
    OVERDOSE,
    PERHAPS_ABUSE,
    PERHAPS_OVERDOSE,
    POLICY,
    SAFE,
    TEEN,
    UNCLEAR,
    UNCONFIRMED,
    concern,
    disclosure,
    found,
    rule,
    state,
)


def test_an_emergency_comes_before_ad_2_and_open_clauses_and_asks_nothing() -> None:
    ruling = rule(OVERDOSE, HARM, PERHAPS_ABUSE, subject=ADULT, safety=UNCLEAR)

    assert (ruling.outcome, ruling.review, state(ruling, "AD-2")) == (Outcome.EMERGENCY, None, "holds")


def test_an_emergency_tells_999_alone_and_lists_the_long_term_clauses_that_hold() -> None:
    ruling = rule(OVERDOSE, HOMELESS, subject=TEEN | {"professionals": ["social_worker"]})

    assert [(each.agency, each.service, each.clauses) for each in ruling.agencies] == [("999", "ambulance", ("IR-4",))]
    assert state(ruling, "LT-4") == "holds"


def test_case_1_keeps_an_unconfirmed_report_back_and_proposes_it() -> None:
    ruling = rule(OVERDOSE, **UNCONFIRMED)

    assert [each.agency for each in ruling.agencies] == ["999"]
    assert ruling.notify.due is False
    case_1 = found(ruling, "CASE-1")
    assert case_1 is not None
    assert (case_1.state, case_1.facts) == (ClauseState.HOLDS, {"made_or_confirmed_by_trained": False})


@pytest.mark.parametrize("role", ["clinical_supervisor", "safeguarding_lead"])
def test_case_1_a_trained_person_makes_or_confirms_a_report(role: str) -> None:
    made = rule(OVERDOSE, assessor=role, confirmed_by=None)
    confirmed = rule(OVERDOSE, assessor="volunteer", confirmed_by=role)

    assert (made.outcome, confirmed.outcome) == (Outcome.EMERGENCY, Outcome.EMERGENCY)


@pytest.mark.parametrize("role", ["automated_filter", "volunteer", "coach", "moderator"])
def test_case_1_an_untrained_confirmation_does_not_count_and_is_noted(role: str) -> None:
    ruling = rule(OVERDOSE, assessor="moderator", confirmed_by=role)

    assert (ruling.outcome, ruling.proposed) == (Outcome.REVIEW, Outcome.EMERGENCY)
    assert [note.partition(":")[0] for note in ruling.notes] == ["assessment.confirmed_by"]


def test_scope_1_excludes_a_disclosure_before_the_policy_took_effect() -> None:
    start = POLICY.effective_from
    before = rule(OVERDOSE, disclosed_at=start - timedelta(microseconds=1), assessed_at=start + timedelta(days=1))
    since = rule(OVERDOSE, disclosed_at=start, assessed_at=start + timedelta(days=1))

    assert (before.outcome, [each.id for each in before.findings]) == (Outcome.OUT_OF_SCOPE, ["SCOPE-1", "SCOPE-2"])
    assert (before.agencies, before.review, before.notify.due) == ((), None, False)
    assert (state(before, "SCOPE-1"), state(before, "SCOPE-2")) == ("holds", "does_not_hold")
    assert since.outcome is Outcome.EMERGENCY


def test_scope_2_excludes_a_disclosure_that_is_older_than_current_for_when_assessed() -> None:
    current = rule(OVERDOSE, assessed_at=DISCLOSED + POLICY.current_for)
    late = rule(OVERDOSE, assessed_at=DISCLOSED + POLICY.current_for + timedelta(microseconds=1))

    assert (current.outcome, late.outcome) == (Outcome.EMERGENCY, Outcome.OUT_OF_SCOPE)
    assert (state(late, "SCOPE-1"), state(late, "SCOPE-2")) == ("does_not_hold", "holds")


def test_a_disclosure_after_its_assessment_counts_as_disclosed_when_assessed() -> None:
    # On the day of assessment the person is 17, on the stated day of disclosure 18.
    ruling = rule(
        HOMELESS,
        subject={"date_of_birth": "2008-02-04"},
        disclosed_at=datetime(2026, 2, 4, 12, tzinfo=UTC),
        assessed_at=ASSESSED,
    )

    assert ruling.outcome is Outcome.REFER
    assert [note.partition(":")[0] for note in ruling.notes] == ["disclosed_at"]


def test_a_consistent_disclosure_has_no_notes() -> None:
    assert rule(OVERDOSE).notes == ()


def test_a_disclosure_without_a_clause_that_applies_stays_confidential() -> None:
    ruling = rule(concern("self_harm"), subject=CHILD)

    assert (ruling.outcome, ruling.review, ruling.agencies, ruling.proposed) == (Outcome.CONFIDENTIAL, None, (), None)


def test_channels_known_to_be_unsafe_are_left_out_of_the_notice() -> None:
    told = disclosure(OVERDOSE, contact={"channels": ["sms", "email"], "preferred": "sms"})

    ruling = decide(told, now=NOW, policy=POLICY, unsafe_channels=frozenset({ContactChannel.SMS}))

    assert (ruling.notify.by, ruling.notify.withheld_because) == ((ContactChannel.EMAIL,), None)


def test_another_policy_decides_otherwise_for_the_same_facts() -> None:
    # The cache of one policy must not be used for another, not even for one with the same version.
    told = disclosure(HOMELESS, subject=TEEN)
    route = next(route for route in POLICY.routes if "LT-4" in route.clauses)
    other = POLICY.model_copy(
        update={
            "routes": tuple(
                each.model_copy(update={"agencies": each.agencies[::-1]}) if each is route else each
                for each in POLICY.routes
            )
        }
    )

    here = decide(told, now=NOW, policy=POLICY)
    with_social_worker = told.model_copy(
        update={"subject": told.subject.model_copy(update={"professionals": ("social_worker",)})}
    )
    there = decide(with_social_worker, now=NOW, policy=other)

    assert [each.agency for each in decide(with_social_worker, now=NOW, policy=POLICY).agencies] == ["social_worker"]
    assert [each.agency for each in there.agencies] == ["101"]
    assert [each.agency for each in here.agencies] == ["101"]


def test_safe_1_a_statement_of_safety_does_not_end_the_assessment() -> None:
    emergency, open_case = rule(OVERDOSE, safety=SAFE), rule(PERHAPS_OVERDOSE, safety=SAFE)

    assert (emergency.outcome, state(emergency, "IR-4")) == (Outcome.EMERGENCY, "holds")
    assert (open_case.outcome, state(open_case, "IR-4")) == (Outcome.REVIEW, "open")


def test_safe_4_abuse_is_acted_on_although_they_say_that_they_are_safe() -> None:
    ruling = rule(ABUSE, safety=SAFE)

    assert (ruling.outcome, state(ruling, "LT-2")) == (Outcome.REFER, "holds")


def test_a_withheld_notice_is_due_all_the_same() -> None:
    ruling = rule(OVERDOSE, contact={"channels": ["sms"], "safe_to_contact": False})

    assert (ruling.notify.due, ruling.notify.withheld_because) == (True, WithheldBecause.NOT_SAFE_TO_CONTACT)
