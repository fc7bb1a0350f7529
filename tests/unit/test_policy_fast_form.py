"""`decide` caches evaluations: it returns the same rulings as `decide_plainly`, for any disclosure and policy."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.concerns import CONCERNS
from schemas.disclosure import ReadableDisclosure
from schemas.policy import Confirmation, Policies, Policy
from schemas.vocabulary import (
    AgeBand,
    ContactChannel,
    HousingState,
    ImmediateDanger,
    ProfessionalRole,
    Role,
    Timeframe,
)
from streams.domain.policy import decide, ruling
from streams.domain.policy.cache_key import Limits, fact_key_of
from streams.domain.policy.facts import facts_of
from streams.domain.policy.ruling import decide_plainly
from streams.domain.policy.times import when_disclosed
from tests.unit.policy_cases import NOW, POLICY
from tests.unit.test_scenario_day import DISCLOSURES

TRI = st.sampled_from([True, False, None])
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "immediate_danger": st.sampled_from([*ImmediateDanger, None]),
    "timeframe": st.sampled_from([*Timeframe, None]),
    "state": st.sampled_from([*HousingState, None]),
}
STARTS = [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 3, 23, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
#: The time of a clock that was never set.
UNSET = datetime(1970, 1, 1, tzinfo=UTC)
#: Three versions that differ in every parameter that a ruling depends on.
POLICIES = Policies(
    [
        POLICY.model_copy(update={"effective_from": STARTS[0]}),
        POLICY.model_copy(
            update={
                "version": "second",
                "effective_from": STARTS[1],
                "current_for": timedelta(days=3),
                "trained": (Role.COACH,),
            }
        ),
        POLICY.model_copy(
            update={
                "version": "third",
                "effective_from": STARTS[2],
                "routes": tuple(each.model_copy(update={"agencies": each.agencies[::-1]}) for each in POLICY.routes),
                "deadlines": POLICY.deadlines.model_copy(update={"other": timedelta(hours=6)}),
                "confirmation": Confirmation.SIGNED,
                "earliest": datetime(2025, 6, 1, tzinfo=UTC),
            }
        ),
    ]
)


def _concern(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    facts = {name: FACTS.get(name, TRI) for name in model.model_fields if name != "kind"}
    kind = model.model_fields["kind"].annotation.__args__[0]
    return st.fixed_dictionaries({"kind": st.just(kind)}, optional=facts)


@st.composite
def disclosures(draw: st.DrawFn) -> ReadableDisclosure:
    # Close to the limits of a version, of a day in London and of `current_for`.
    around = draw(st.sampled_from([*STARTS, datetime(2026, 6, 30, 23, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)]))
    stated = draw(st.sampled_from([around, around, around, UNSET]))
    at = stated + draw(st.sampled_from([timedelta(), timedelta(seconds=-1), timedelta(minutes=59), timedelta(days=9)]))
    later = draw(st.sampled_from([-1, 0, 1, 3 * 86_400, 3 * 86_400 + 1, 30 * 86_400, 30 * 86_400 + 1]))
    birthday = at.date() + timedelta(days=draw(st.integers(-2, 2)))
    years = draw(st.sampled_from([-1, 12, 15, 16, 17, 18, 40]))
    born = date(birthday.year - years, birthday.month, min(birthday.day, 28))
    return ReadableDisclosure.model_validate(
        {
            "disclosure_id": "d-1",
            "service": "forum",
            "disclosed_at": at,
            "assessment": {
                "assessed_at": draw(st.sampled_from([at, around])) + timedelta(seconds=later),
                "assessor": draw(st.sampled_from(Role)),
                "confirmed_by": draw(st.sampled_from([*Role, None])),
            },
            "subject": {
                "date_of_birth": draw(st.sampled_from([born, None])),
                "age": draw(st.sampled_from([None, 0, 15, 16, 17, 18, 130])),
                "age_band": draw(st.sampled_from([*AgeBand, None])),
                "adult_at_risk": draw(
                    st.fixed_dictionaries(
                        {}, optional={"care_or_support_needs": TRI, "at_risk_of_harm": TRI, "cannot_protect_self": TRI}
                    )
                ),
                "professionals": draw(st.lists(st.sampled_from(ProfessionalRole), max_size=3)),
            },
            "concerns": draw(st.lists(st.sampled_from(CONCERNS).flatmap(_concern), min_size=1, max_size=3)),
            "safety": draw(
                st.fixed_dictionaries(
                    {}, optional={each: st.booleans() for each in ("says_safe", "contradicted", "unclear")}
                )
            ),
            "contact": {
                "channels": draw(st.lists(st.sampled_from(ContactChannel), max_size=2)),
                "safe_to_contact": draw(TRI),
            },
        }
    )


@settings(max_examples=300, deadline=None)
@given(disclosures(), st.frozensets(st.sampled_from(ContactChannel), max_size=2), st.sampled_from([*Role, None]))
def test_both_forms_rule_alike(
    disclosed: ReadableDisclosure, unsafe: frozenset[ContactChannel], signed: Role | None
) -> None:
    for policy in (POLICIES, POLICY, tuple(POLICIES)[-1]):
        plain = decide_plainly(disclosed, now=NOW, policy=policy, unsafe_channels=unsafe, signed=signed)

        assert decide(disclosed, now=NOW, policy=policy, unsafe_channels=unsafe, signed=signed) == plain
        assert decide(disclosed, now=NOW, policy=policy, unsafe_channels=unsafe, signed=signed) == plain


@settings(max_examples=300, deadline=None)
@given(disclosures(), disclosures(), st.sampled_from([POLICY, tuple(POLICIES)[-1]]))
def test_equal_keys_have_equal_facts_and_notes(
    one: ReadableDisclosure, other: ReadableDisclosure, policy: Policy
) -> None:
    # Two random disclosures are seldom alike, so the second is the first with one part of the other.
    for part in ("assessment", "subject", "safety", "disclosed_at", "contact"):
        mixed = one.model_copy(update={part: getattr(other, part)})
        for signed in ((None, None), (None, Role.SAFEGUARDING_LEAD)):
            both = [
                (each, when_disclosed(each, policy.earliest, NOW), role)
                for each, role in zip((one, mixed), signed, strict=True)
            ]
            keys = [fact_key_of(each, at, Limits.of(policy), role) for each, at, role in both]
            read = [facts_of(each, policy, at, role) for each, at, role in both]

            assert read[0] == read[1] or keys[0] != keys[1]


@pytest.mark.parametrize("line", range(1, len(DISCLOSURES) + 1))
def test_both_forms_rule_alike_on_the_day(line: int) -> None:
    disclosed = DISCLOSURES[line - 1]

    assert decide(disclosed, now=NOW, policy=POLICY) == decide_plainly(disclosed, now=NOW, policy=POLICY)


def test_deadlines_count_from_each_decision_s_own_clock() -> None:
    asked = DISCLOSURES[7]
    later = NOW + timedelta(days=1)

    reviews = [decide(asked, now=now, policy=POLICY).review for now in (NOW, later)]

    assert [None if each is None else each.deadline for each in reviews] == [
        NOW + POLICY.deadlines.emergency,
        later + POLICY.deadlines.emergency,
    ]


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling, "_MAX_KEYS", 5)
    policy = POLICY.model_copy(update={"version": "of this test"})

    rulings = [decide(each, now=NOW, policy=policy) for _ in range(2) for each in DISCLOSURES]

    assert [each.outcome for each in rulings[: len(DISCLOSURES)]] == [
        each.outcome for each in rulings[len(DISCLOSURES) :]
    ]
    assert len(ruling._caches[id(policy)]._by_key) == 5


def test_caches_of_many_policies_are_dropped_and_none_is_used_for_another() -> None:
    disclosed = DISCLOSURES[7]
    for hours in range(6, 40):
        deadlines = POLICY.deadlines.model_copy(update={"emergency": timedelta(hours=hours)})
        review = decide(disclosed, now=NOW, policy=POLICY.model_copy(update={"deadlines": deadlines})).review

        assert review is not None
        assert review.deadline == NOW + timedelta(hours=hours)
    assert len(ruling._caches) <= ruling._MAX_POLICIES
