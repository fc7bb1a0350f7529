"""Changes between two versions: compared with an independent count, and in words."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest

from schemas.policy import Addressee, ClauseId, Confirmation, Policy
from schemas.vocabulary import Agency, ConcernKind, Role
from streams.domain.plain_english.difference import ClauseChange, Difference, difference
from streams.domain.plain_english.space import combinations_of
from streams.domain.policy.clause_rules import CLAUSE_RULES
from streams.domain.policy.evaluation import evaluate
from streams.domain.policy.facts import CaseFacts, ConcernFacts
from tests.readable_ids import readable_id
from tests.unit.policy_cases import POLICY

pytestmark = pytest.mark.long

UNCONFIRMED = "review: no trained person has made or confirmed the report yet; proposed:"


@cache
def nothing() -> Difference:
    return difference(POLICY, POLICY)


def changed(**update: Any) -> Policy:
    return POLICY.model_copy(update=update)


def rerouted(clause: ClauseId, *agencies: Agency) -> Policy:
    """Return the policy with one clause's agencies changed, those of its route's other clauses left."""
    route = POLICY.route_of(clause)
    others = route.model_copy(update={"clauses": tuple(each for each in route.clauses if each is not clause)})
    own = route.model_copy(
        update={"clauses": (clause,), "agencies": tuple(Addressee(agency, None) for agency in agencies)}
    )
    return changed(routes=(*(each for each in POLICY.routes if each is not route), others, own))


def of(found: Difference, clause: str) -> ClauseChange:
    return next(each for each in found.clauses if each.clause == clause)


def touched(found: Difference) -> set[str]:
    return {each.clause for each in found.clauses if each.changes}


def test_nothing_changes_from_a_version_to_itself() -> None:
    found = nothing()

    assert (found.parameters, found.changed, touched(found)) == ((), 0, set())
    assert found.combinations == sum(each.combinations for each in found.clauses) > 40_000


@pytest.mark.parametrize(
    ("clause", "combinations"),
    [
        ("IR-0", 4 * 6 * 27),  # dangers, ages, adults at risk
        ("IR-1", 3 * 3 * 3 * 5 * 3),  # thoughts, plan, means, timeframes, statements of safety
        ("IR-3", 3 * 3 * 3 * 4 * 6 * 27),
        ("IR-5", 3),
        ("LT-1", 3 * 5 * 6 * 2 * 4),  # intent, timeframes, ages, "safe" or not, known professionals
        ("LT-2", 3 * 6 * 27 * 4),
        ("LT-4", 3 * 6 * 4),
        ("LT-6", 9 * 6 * 4),
    ],
    ids=readable_id,
)
def test_every_combination_of_a_clause_s_facts_is_counted(clause: str, combinations: int) -> None:
    assert sum(each.covered for each in combinations_of(ClauseId(clause), CLAUSE_RULES)) == combinations
    # Confirmed by a trained person, and not.
    assert of(nothing(), clause).combinations == 2 * combinations


def test_a_route_changes_only_the_clauses_that_use_it() -> None:
    found = difference(POLICY, rerouted(ClauseId.LT_4, Agency.POLICE_101), examples=1)

    assert [(each.name, each.after) for each in found.parameters] == [
        ("route of LT-4", "101 (the non-emergency police line)")
    ]
    assert touched(found) == {"LT-4"}
    change = of(found, "LT-4")
    # Under 18 by what is known (3 of 6 ages), homeless or at risk of it, a social worker known, a care team or none.
    assert [each.count for each in change.changes] == [12, 12]
    change_of_agency = next(each for each in change.changes if each.before.startswith("refer"))
    assert change_of_agency.before == "refer; to their social worker (LT-4)"
    assert change_of_agency.after == "refer; to 101 (the non-emergency police line) (LT-4)"
    assert [example.split("; ") for example in change_of_agency.examples] == [
        [
            "they are under 18",
            "their social worker is known",
            "somebody involved in their care is known",
            "they are homeless",
            "a trained person made or confirmed it",
        ]
    ]
    proposed = next(each for each in change.changes if each is not change_of_agency)
    assert proposed.before == f"{UNCONFIRMED} refer; to their social worker (LT-4); to be looked at within 24 hours"


def test_the_counts_are_those_of_every_single_combination() -> None:
    other = rerouted(ClauseId.LT_2, Agency.POLICE_101)
    tri = (True, False, None)
    ages = ((True, True), (False, True), (False, False), (None, True), (False, None), (None, None))
    counted: Counter[str] = Counter()
    for ongoing, (under_16, under_18), at_risk, trained, worker, care in product(
        tri, ages, product(tri, repeat=3), (True, False), (True, False), (True, False)
    ):
        concern = ConcernFacts(ConcernKind.ABUSE, ("none", ongoing, False, False, False))
        case = (True, True, under_16, under_18, *at_risk, False, False, False, trained, worker, care, (concern,))
        facts = CaseFacts._make(case)
        was, becomes = evaluate(facts, POLICY, CLAUSE_RULES), evaluate(facts, other, CLAUSE_RULES)
        if was.agencies != becomes.agencies:
            counted[was.outcome] += 1

    found = of(difference(POLICY, other), "LT-2")

    assert found.changed == counted.total() > 0
    assert Counter({each.before.partition(";")[0].partition(":")[0]: each.count for each in found.changes}) == counted


def test_a_deadline_changes_the_reviews_that_have_it() -> None:
    deadlines = POLICY.deadlines.model_copy(update={"emergency": timedelta(minutes=10)})
    found = difference(POLICY, changed(deadlines=deadlines))

    assert [(each.name, each.before, each.after) for each in found.parameters] == [
        ("deadlines.emergency", "5 minutes", "10 minutes")
    ]
    assert touched(found) == {clause for clause in ClauseId if clause.startswith("IR-")}
    assert {(each.before, each.after, each.count) for each in of(found, "IR-2").changes} == {
        (f"{said}; to be looked at within 5 minutes", f"{said}; to be looked at within 10 minutes", count)
        for said, count in (
            ("review: a fact is missing", 2),
            (f"{UNCONFIRMED} emergency; to 999 ambulance (IR-2)", 1),
        )
    }


def test_who_is_trained_changes_what_they_confirm() -> None:
    found = difference(POLICY, changed(trained=(*POLICY.trained, Role.COACH)))

    change = of(found, "IR-4")
    # Neither before nor after, in both, and a coach alone in the later one.
    assert (change.combinations, change.changed) == (9, 1)
    assert change.changes[0].after == "emergency; to 999 ambulance (IR-4)"
    assert change.changes[0].examples == ("they took more than was prescribed; made or confirmed by a coach",)


def test_whose_word_confirms_changes_what_a_service_states_and_no_signed_outcome() -> None:
    signed = changed(confirmation=Confirmation.SIGNED)
    found = difference(POLICY, signed)

    assert [(each.name, each.before, each.after) for each in found.parameters] == [
        ("confirmation", "service", "signed")
    ]
    change = of(found, "IR-4")
    # Confirmed by nobody, by the word of the service, and by a signed outcome: only the second changes, where it holds.
    assert (change.combinations, change.changed) == (9, 1)
    (one,) = change.changes
    assert (one.before, one.after) == (
        "emergency; to 999 ambulance (IR-4)",
        f"{UNCONFIRMED} emergency; to 999 ambulance (IR-4); to be looked at within 5 minutes",
    )
    assert one.examples[0].endswith(
        "made or confirmed by a clinical supervisor (the word of the service) or safeguarding lead (the word of the "
        "service)"
    )
    assert difference(signed, signed).changed == 0
    assert touched(found) == {clause for clause in ClauseId if clause.startswith(("IR-", "LT-"))}


def test_a_later_earliest_makes_earlier_times_unknown() -> None:
    found = difference(POLICY, changed(earliest=datetime(2010, 1, 1, tzinfo=UTC)))

    assert [each.name for each in found.parameters] == ["earliest"]
    change = next(each for each in of(found, "IR-4").changes if each.after.startswith("emergency"))
    assert (change.before, change.count) == ("out of scope", 1)
    said = "disclosed from 1 January 2000, 00:00 UTC to before 1 January 2010, 00:00 UTC"
    assert change.examples[0].endswith(said)


def test_a_shorter_current_for_excludes_disclosures_between_both() -> None:
    for before, after, outcomes in (
        (POLICY, changed(current_for=timedelta(days=14)), ("emergency; to 999 ambulance (IR-4)", "out of scope")),
        (changed(current_for=timedelta(days=14)), POLICY, ("out of scope", "emergency; to 999 ambulance (IR-4)")),
    ):
        found = of(difference(before, after), "IR-4")
        change = next(each for each in found.changes if "emergency" in each.before + each.after)

        assert (change.before, change.after, change.count) == (*outcomes, 1)
        assert change.examples[0].endswith("assessed more than 14 days and up to 30 days after it was disclosed")


def test_a_later_begin_of_the_scope_excludes_earlier_disclosures() -> None:
    found = of(difference(POLICY, POLICY.within_scope_from(datetime(2025, 3, 1, tzinfo=UTC))), "IR-4")

    assert {each.after for each in found.changes} == {"out of scope"}
    said = "disclosed from 1 January 2025, 00:00 UTC to before 1 March 2025, 00:00 UTC"
    assert all(each.examples[0].endswith(said) for each in found.changes)


def test_words_and_shares_differ_without_changing_an_outcome() -> None:
    clauses = tuple(
        each.model_copy(update={"plain": "Other words."}) if each.id is ClauseId.IR_1 else each
        for each in POLICY.clauses
    )
    share = POLICY.shares[Agency.POLICE_101].model_copy(update={"fields": ()})
    found = difference(POLICY, changed(clauses=clauses, shares={**POLICY.shares, Agency.POLICE_101: share}))

    assert [(each.name, each.after) for each in found.parameters] == [
        ("shares.101.fields", ""),
        ("IR-1 plain", "Other words."),
    ]
    assert found.changed == 0


def test_no_more_examples_than_asked_for_and_none_twice() -> None:
    other = rerouted(ClauseId.LT_4, Agency.POLICE_101)

    for wanted in (0, 1, 3):
        examples = [each.examples for each in of(difference(POLICY, other, examples=wanted), "LT-4").changes]
        assert [len(each) for each in examples] == [wanted, wanted]
        assert all(len(set(each)) == len(each) for each in examples)
