"""Plain English for what the policy works with: facts, states of clauses, outcomes, agencies and times."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.agencies import AGENCIES
from schemas.policy import ClauseId, Policy
from schemas.records import AgencyToTell
from schemas.vocabulary import (
    ClauseState,
    ConcernKind,
    HousingState,
    ImmediateDanger,
    Outcome,
    ReviewReason,
    Timeframe,
)
from streams.domain.policy.concern_path import ConcernPath
from streams.domain.policy.three_valued import Value


class FactWords(NamedTuple):
    """The question for one fact, and a sentence for each of its values."""

    asked: str
    values: Mapping[Value, str]


def _yes_no(asked: str, yes: str, no: str) -> FactWords:
    return FactWords(asked, {True: yes, False: no})


FACTS: Mapping[str, FactWords] = {
    "on_or_after_effective_from": _yes_no(
        "whether it was disclosed since the policy took effect",
        "it was disclosed since the policy took effect",
        "it was disclosed before the policy took effect",
    ),
    "within_current_for": _yes_no(
        "whether it was current when it was assessed",
        "it was current when it was assessed",
        "it was out of date when it was assessed",
    ),
    "under_16": _yes_no("whether they are under 16", "they are under 16", "they are 16 or over"),
    "under_18": _yes_no("whether they are under 18", "they are under 18", "they are 18 or over"),
    "care_or_support_needs": _yes_no(
        "whether they have care or support needs",
        "they have care or support needs",
        "they have no care or support needs",
    ),
    "at_risk_of_harm": _yes_no(
        "whether they are at risk of harm", "they are at risk of harm", "they are not at risk of harm"
    ),
    "cannot_protect_self": _yes_no(
        "whether, because of those needs, they cannot protect themselves in this situation",
        "because of those needs they cannot protect themselves in this situation",
        "they can protect themselves in this situation",
    ),
    "adult_at_risk": _yes_no(
        "whether they are an adult at risk of harm",
        "they are an adult at risk of harm",
        "they are not an adult at risk of harm",
    ),
    "life_in_danger": _yes_no(
        "whether their life is in immediate danger",
        "their life is in immediate danger",
        "nothing says that their life is in immediate danger",
    ),
    "says_safe": _yes_no(
        "whether they say that they are safe", "they say that they are safe", "they do not say that they are safe"
    ),
    "contradicted": _yes_no(
        "whether something they shared contradicts that they are safe",
        "something they shared contradicts that they are safe",
        "nothing they shared contradicts that they are safe",
    ),
    "unclear": _yes_no(
        "whether they are safe", "it is unclear whether they are safe", "nothing about their safety is unclear"
    ),
    "made_or_confirmed_by_trained": _yes_no(
        "whether a trained person made or confirmed it",
        "a trained person made or confirmed it",
        "no trained person has made or confirmed it",
    ),
    "social_worker_known": _yes_no(
        "whether they have a social worker", "their social worker is known", "no social worker of theirs is known"
    ),
    "care_professional_known": _yes_no(
        "whether somebody is involved in their care",
        "somebody involved in their care is known",
        "nobody involved in their care is known",
    ),
    "IR-0": _yes_no("whether IR-0 would hold but for AD-2", "IR-0 would hold", "IR-0 would not hold"),
    "IR-3": _yes_no("whether IR-3 would hold but for AD-2", "IR-3 would hold", "IR-3 would not hold"),
    "immediate_danger": FactWords(
        "whether there is an immediate danger",
        {
            ImmediateDanger.LIFE: "there is an immediate danger to life",
            ImmediateDanger.HARM: "there is an immediate danger of harm",
            ImmediateDanger.NONE: "there is no immediate danger",
        },
    ),
    "thoughts": _yes_no(
        "whether they have thoughts of suicide", "they have thoughts of suicide", "they have no thoughts of suicide"
    ),
    "plan": _yes_no(
        "whether they have a plan to end their life", "they have a plan to end their life", "they have no plan"
    ),
    "means": _yes_no("whether they have the means", "they have the means", "they do not have the means"),
    "intent": _yes_no(
        "whether they intend to end their life",
        "they intend to end their life",
        "they do not intend to end their life",
    ),
    "timeframe": FactWords(
        "when it would be",
        {
            Timeframe.IMMEDIATE: "it would be now",
            Timeframe.WITHIN_30_DAYS: "it would be within 30 days",
            Timeframe.BEYOND_30_DAYS: "it would be later than in 30 days",
            Timeframe.NONE: "there is no time for it",
        },
    ),
    "life_threatening": _yes_no(
        "whether how they hurt themselves puts their life at risk",
        "how they hurt themselves puts their life at risk",
        "how they hurt themselves does not put their life at risk",
    ),
    "more_than_prescribed": _yes_no(
        "whether they took more than was prescribed",
        "they took more than was prescribed",
        "they took no more than was prescribed",
    ),
    "ongoing": _yes_no("whether the abuse goes on", "the abuse goes on", "the abuse does not go on"),
    "position_of_trust": _yes_no(
        "whether it is by someone in a position of trust",
        "it is by someone in a position of trust",
        "it is not by someone in a position of trust",
    ),
    "contact_with_young_people": _yes_no(
        "whether that person has contact with other young people",
        "that person has contact with other young people",
        "that person has no contact with other young people",
    ),
    "can_block_safeguarding": _yes_no(
        "whether that person can block safeguarding processes",
        "that person can block safeguarding processes",
        "that person cannot block safeguarding processes",
    ),
    "coercive_or_abusive": _yes_no(
        "whether it is coercive or abusive", "it is coercive or abusive", "it is neither coercive nor abusive"
    ),
    "might_harm": _yes_no(
        "whether they might harm somebody else", "they might harm somebody else", "they will harm nobody else"
    ),
    "state": FactWords(
        "whether they have a home",
        {
            HousingState.HOMELESS: "they are homeless",
            HousingState.AT_RISK: "they are at risk of homelessness",
        },
    ),
    "medical_professionals_informed": _yes_no(
        "whether medical professionals have been informed",
        "medical professionals have been informed",
        "medical professionals have not been informed",
    ),
    "impact_on_carer": _yes_no(
        "whether caring has, or may have, a long-term impact on them",
        "caring has, or may have, a long-term impact on them",
        "caring has no long-term impact on them",
    ),
    "impact_on_cared_for": _yes_no(
        "whether there is, or may be, a long-term impact on the person cared for",
        "there is, or may be, a long-term impact on the person cared for",
        "there is no long-term impact on the person cared for",
    ),
}

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.EMERGENCY: "the emergency services are told",
    Outcome.REFER: "other services are told; nobody is sent out at once",
    Outcome.REVIEW: "a trained person has to look before anything is passed on",
    Outcome.CONFIDENTIAL: "it stays confidential",
    Outcome.OUT_OF_SCOPE: "the policy does not apply to it",
}
REASONS: Mapping[ReviewReason, str] = {
    ReviewReason.CONFIRMATION: "no trained person has made or confirmed the report yet",
    ReviewReason.SAFEGUARDING_LEAD: "only the safeguarding lead may decide it",
    ReviewReason.PRIVATE_CONVERSATION: "a private conversation is needed first",
    ReviewReason.MISSING_FACT: "a fact is missing",
    ReviewReason.NO_ROUTE: "nobody who could be told is known",
    ReviewReason.SUSPECTED_SHARED: "an identifier may belong to several people",
    ReviewReason.REJECTED: "the record could not be understood",
    ReviewReason.CONFLICTING_ID: "its service used the id before, with other content",
    ReviewReason.UNDELIVERED: "no agency has acknowledged the report",
}
KINDS: Mapping[ConcernKind, str] = {kind: kind.value.replace("_", " ") for kind in ConcernKind}

_STATES = {ClauseState.HOLDS: "holds", ClauseState.OPEN: "is open", ClauseState.DOES_NOT_HOLD: "does not hold"}
#: Clauses with another effect than a report: "SCOPE-1 does not hold" would be understood as its opposite.
_EFFECTS: Mapping[str, tuple[str, str]] = {
    ClauseId.SCOPE_1: ("excludes it", "does not exclude it"),
    ClauseId.SCOPE_2: ("excludes it", "does not exclude it"),
    ClauseId.CASE_1: ("keeps the report back", "does not keep the report back"),
    ClauseId.AD_1: ("applies", "does not apply"),
    ClauseId.AD_2: ("applies", "does not apply"),
    ClauseId.AR_1: ("is met", "is not met"),
    ClauseId.SAFE_2: ("speaks for confidentiality", "does not decide it"),
    ClauseId.SAFE_3: ("asks for a conversation", "asks for no conversation"),
    ClauseId.SAFE_5: ("asks for a conversation", "asks for no conversation"),
}


def state_words(clause: str, state: ClauseState) -> str:
    """Return what a clause does in this state, such as `holds` or `does not exclude it`."""
    if state is ClauseState.OPEN or clause not in _EFFECTS:
        return _STATES[state]
    return _EFFECTS[clause][state is ClauseState.DOES_NOT_HOLD]


def fact_words(name: str, value: Value) -> str:
    """Return a fact with its value as a sentence; `concerns[1].ongoing` is a fact of the second concern.

    A fact that has no sentence is returned as its name and value.
    """
    of_concern = ConcernPath.parse(name)
    if of_concern is not None:
        return f"{fact_words(of_concern.fact, value)} {concern_words(of_concern)}"
    words = FACTS.get(name)
    if words is None:
        return f"{name} is {'unknown' if value is None else value}"
    return f"it is not known {words.asked}" if value is None else words.values[value]


def concern_words(path: ConcernPath) -> str:
    """Return which concern a fact belongs to, counted from 1, such as `(concern 2)`."""
    return f"(concern {path.concern + 1})"


def agency_words(agencies: Sequence[AgencyToTell]) -> str:
    """Return the agencies that get a report, with their clauses."""
    return listed(
        f"{AGENCIES[each.agency].name_for_staff}"
        f"{'' if each.service is None else f' {each.service.value}'} ({', '.join(each.clauses)})"
        for each in agencies
    )


def time_words(at: datetime) -> str:
    """Return a time in words, such as `3 February 2026, 21:10 UTC`."""
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def filled(text: str, policy: Policy) -> str:
    """Return the words of a clause with the values of the parameters that they name."""
    return text.replace("`effective_from`", time_words(policy.in_scope_from)).replace(
        "`current_for`", length_words(policy.current_for)
    )


def length_words(length: timedelta) -> str:
    """Return a length of time as a whole number of the largest unit that allows it."""
    for unit, size in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        # As in the policy: "24 hours" for one day, and days from two days on.
        if length % size == timedelta() and (unit != "day" or length >= 2 * size):
            count = length // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{length.total_seconds():g} seconds"


def listed(parts: Iterable[str], word: str = "and") -> str:
    """Return the parts with commas, and with the word before the last part."""
    every = list(parts)
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} {word} {every[-1]}" if every else ""
