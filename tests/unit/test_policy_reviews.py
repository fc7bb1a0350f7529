"""Reviews of a ruling: what is proposed, the reason, the deadline, and the facts that are asked for."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.vocabulary import ReviewReason
from tests.unit.policy_cases import (
    ABUSE,
    ADULT,
    ADULT_NOT_ASSESSED,
    AGE_UNKNOWN,
    CONTRADICTED,
    HARM,
    HOMELESS,
    NOW,
    OVERDOSE,
    PERHAPS_ABUSE,
    PERHAPS_OVERDOSE,
    SAFE,
    UNCLEAR,
    UNCONFIRMED,
    changed_facts,
    concern,
    named,
    rule,
)

CARER = concern("caring_responsibilities", impact_on_carer=True)
INTENT = concern("suicide", intent=True, timeframe="within_30_days")
FIVE_MINUTES, A_DAY = timedelta(minutes=5), timedelta(hours=24)

REVIEWS: list[tuple[list[dict[str, Any]], dict[str, Any], str, str | None, str | None, timedelta, tuple[str, ...]]] = [
    # concerns, how, outcome, proposed, reason, deadline, asks
    ([OVERDOSE], UNCONFIRMED, "review", "emergency", "confirmation", FIVE_MINUTES, ()),
    (
        [OVERDOSE, PERHAPS_ABUSE],
        UNCONFIRMED,
        "review",
        "emergency",
        "confirmation",
        FIVE_MINUTES,
        ("concerns[1].ongoing",),
    ),
    ([HOMELESS], UNCONFIRMED, "review", "refer", "confirmation", A_DAY, ()),
    ([HOMELESS, PERHAPS_ABUSE], UNCONFIRMED, "review", "refer", "confirmation", A_DAY, ("concerns[1].ongoing",)),
    ([HARM], {"subject": ADULT}, "review", None, "safeguarding_lead", FIVE_MINUTES, ()),
    (
        [HARM, PERHAPS_OVERDOSE],
        {"subject": ADULT, "safety": UNCLEAR},
        "review",
        None,
        "safeguarding_lead",
        FIVE_MINUTES,
        ("concerns[1].more_than_prescribed", "safety.unclear"),
    ),
    ([PERHAPS_OVERDOSE], {}, "review", None, "missing_fact", FIVE_MINUTES, ("concerns[0].more_than_prescribed",)),
    (
        [PERHAPS_OVERDOSE],
        {"safety": SAFE},
        "review",
        None,
        "private_conversation",
        FIVE_MINUTES,
        ("concerns[0].more_than_prescribed",),
    ),
    (
        [PERHAPS_OVERDOSE],
        {"safety": UNCLEAR},
        "review",
        None,
        "private_conversation",
        FIVE_MINUTES,
        ("concerns[0].more_than_prescribed", "safety.unclear"),
    ),
    (
        [PERHAPS_OVERDOSE, ABUSE],
        {"subject": AGE_UNKNOWN},
        "review",
        None,
        "missing_fact",
        FIVE_MINUTES,
        (
            "concerns[0].more_than_prescribed",
            "subject.age",
            "subject.adult_at_risk.care_or_support_needs",
            "subject.adult_at_risk.at_risk_of_harm",
            "subject.adult_at_risk.cannot_protect_self",
        ),
    ),
    ([HOMELESS, PERHAPS_ABUSE], {}, "refer", None, "missing_fact", A_DAY, ("concerns[1].ongoing",)),
    ([HOMELESS], {"safety": UNCLEAR}, "refer", None, "private_conversation", A_DAY, ("safety.unclear",)),
    ([HOMELESS], {"safety": CONTRADICTED}, "refer", None, "private_conversation", A_DAY, ("safety.contradicted",)),
    (
        [HOMELESS, PERHAPS_ABUSE],
        {"safety": UNCLEAR},
        "refer",
        None,
        "private_conversation",
        A_DAY,
        ("concerns[1].ongoing", "safety.unclear"),
    ),
    ([HOMELESS, INTENT], {"safety": SAFE}, "refer", None, "private_conversation", A_DAY, ("safety.says_safe",)),
    ([HOMELESS, CARER], {}, "refer", None, "no_route", A_DAY, ("subject.professionals",)),
    ([CARER], {}, "review", "refer", "no_route", A_DAY, ("subject.professionals",)),
    ([CARER], UNCONFIRMED, "review", "refer", "no_route", A_DAY, ("subject.professionals",)),
    (
        [CARER, PERHAPS_ABUSE],
        {},
        "review",
        "refer",
        "missing_fact",
        A_DAY,
        ("concerns[1].ongoing", "subject.professionals"),
    ),
    ([PERHAPS_ABUSE], {}, "review", None, "missing_fact", A_DAY, ("concerns[0].ongoing",)),
    ([PERHAPS_ABUSE], UNCONFIRMED, "review", None, "missing_fact", A_DAY, ("concerns[0].ongoing",)),
    ([PERHAPS_ABUSE], {"safety": SAFE}, "review", None, "missing_fact", A_DAY, ("concerns[0].ongoing",)),
    ([INTENT], {"safety": SAFE}, "review", None, "private_conversation", A_DAY, ("safety.says_safe",)),
    (
        [INTENT],
        {"safety": SAFE, "subject": AGE_UNKNOWN},
        "review",
        None,
        "private_conversation",
        A_DAY,
        ("subject.age",),
    ),
    (
        [concern("suicide", intent=None, timeframe="within_30_days")],
        {"safety": SAFE},
        "review",
        None,
        "private_conversation",
        A_DAY,
        ("concerns[0].intent",),
    ),
    (
        [HOMELESS, concern("suicide", intent=True, timeframe=None)],
        {"safety": SAFE},
        "refer",
        None,
        "private_conversation",
        A_DAY,
        ("concerns[1].timeframe",),
    ),
    ([concern("suicide")], {"safety": UNCLEAR}, "review", None, "private_conversation", A_DAY, ("safety.unclear",)),
    (
        [concern("suicide")],
        {"safety": CONTRADICTED},
        "review",
        None,
        "private_conversation",
        A_DAY,
        ("safety.contradicted",),
    ),
]


def _id(case: tuple[Any, ...]) -> str:
    """Return an id such as `review-missing_fact-abuse(ongoing=unknown)-safe-stated`."""
    concerns, how, outcome, _, reason, *_ = case
    given = ["unconfirmed"] if how == UNCONFIRMED else [named(each, "age-unknown") for each in how.values()]
    return "-".join((outcome, reason, *(changed_facts(each) for each in concerns), *given))


@pytest.mark.parametrize(
    ("concerns", "how", "outcome", "proposed", "reason", "within", "asks"), REVIEWS, ids=[_id(case) for case in REVIEWS]
)
def test_review(
    concerns: list[dict[str, Any]],
    how: dict[str, Any],
    outcome: str,
    proposed: str | None,
    reason: str,
    within: timedelta,
    asks: tuple[str, ...],
) -> None:
    ruling = rule(*concerns, **how)

    assert ruling.review is not None
    assert (ruling.outcome, ruling.proposed, ruling.review.reason) == (outcome, proposed, reason)
    assert ruling.review.deadline == NOW + within
    assert ruling.review.asks == asks


def test_a_contradiction_without_a_statement_of_safety_counts_as_unclear_and_is_noted() -> None:
    ruling = rule(concern("suicide"), safety={"contradicted": True})

    assert ruling.review is not None
    assert ruling.review.reason is ReviewReason.PRIVATE_CONVERSATION
    assert [note.partition(":")[0] for note in ruling.notes] == ["safety.contradicted"]


def test_ar_1_asks_for_the_unknown_facts_of_an_adult_who_may_be_at_risk() -> None:
    ruling = rule(HARM, subject=ADULT_NOT_ASSESSED | {"adult_at_risk": {"at_risk_of_harm": True}})

    assert ruling.review is not None
    assert ruling.review.asks == (
        "subject.adult_at_risk.care_or_support_needs",
        "subject.adult_at_risk.cannot_protect_self",
    )
