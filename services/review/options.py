"""The options of `confide review decide`: which settle a review, and what a refusal calls by other names."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from schemas.policy import ClauseId
from schemas.records import Decision, ReviewRequested
from schemas.review_table import REVIEW_TABLE, OutcomeField, Settling
from schemas.vocabulary import ClauseState, Refusal, ReviewDecision
from streams.domain.reviews import ABUSE

#: The option that says a decision.
OPTIONS: Mapping[ReviewDecision, str] = MappingProxyType(
    {
        ReviewDecision.CONFIRM: "--confirm",
        ReviewDecision.REFUSE: "--refuse",
        ReviewDecision.NEW_FACTS: "--fact",
        ReviewDecision.NOT_REACHED: "--not-reached-until",
        ReviewDecision.ENTERED_AGAIN: "--entered-again",
        ReviewDecision.NOTHING_IN_IT: "--nothing-in-it",
        ReviewDecision.TOLD_BY_PHONE: "--told-by-phone",
        ReviewDecision.SEND_AGAIN: "--send-again",
        ReviewDecision.WITHDRAWN: "--withdraw",
    }
)
_FIELDS: Mapping[OutcomeField, tuple[str, ...]] = MappingProxyType(
    {
        "facts": ("PATH=VALUE",),
        "agencies": ("--agency AGENCY",),
        "ask_again_at": ("TIME",),
        "entered_as": ("ID",),
        "told_at": ("WHO", "--at TIME"),
        "reference": ("--reference REFERENCE",),
    }
)
#: The option that says a field of an outcome; `refusal` and `decision` are said by that of the decision.
_OPTION_OF: Mapping[str, str] = MappingProxyType(
    {
        "facts": "--fact",
        "agencies": "--agency",
        "ask_again_at": "--not-reached-until",
        "entered_as": "--entered-again",
        "told_at": "--at",
        "reference": "--reference",
        "comment": "--comment",
        "who": "--told-by-phone",
        "by": "--as",
        "role": "--as",
        "review_id": "ID",
    }
)
_FIELD = re.compile(r"(^|; )([a-z_]+)(?=: |\[)")
#: Where a reason names decisions.
_NAMED = re.compile(r"(?<=; allowed: )[a-z_, ]+|(?<=required by )[a-z_]+|(?<=belong to )[a-z_]+|(?<=decision than )\S+")


def settlings(request: ReviewRequested, decision: Decision | None) -> tuple[Settling, ...]:
    """Return the ways in which DECIDE lets this review be settled; `decision` is the one that asks."""
    held = {each.id for each in decision.clauses if each.state is ClauseState.HOLDS} if decision is not None else set()
    return tuple(_here(way, request, held) for way in REVIEW_TABLE[request.reason].settlings)


def option_words(way: Settling, *, agency: str = "AGENCY") -> str:
    """Return the options that say one way to settle a review."""
    words = [OPTIONS[way.decision]]
    if way.refusals:
        words[0] += f" {'|'.join(way.refusals)}"
    for field in way.needs:
        words += _FIELDS.get(field, ())
    for field in way.may_have:
        words += [f"[{word}]" for word in _FIELDS.get(field, ())]
    return " ".join(words).replace("AGENCY", agency)


def agency_choice(decision: Decision | None) -> str:
    """Return what `--agency` takes: of an adult who is not at risk of harm an emergency alone is passed on (AD-1)."""
    is_adult = decision is not None and any(
        each.id == ClauseId.AD_1 and each.state is ClauseState.HOLDS for each in decision.clauses
    )
    return '"999 police"|"999 ambulance"' if is_adult else "AGENCY"


def as_options(reason: str, decision: ReviewDecision) -> str:
    """Return why an outcome was refused, in the words of the options in place of those of the record."""
    own = OPTIONS[decision]

    def field(found: "re.Match[str]") -> str:
        name = found[2]
        return found[1] + (own if name in ("refusal", "decision") else _OPTION_OF.get(name, name))

    def decisions(found: "re.Match[str]") -> str:
        return ", ".join(_option_of(word) for word in found[0].split(", "))

    return _FIELD.sub(field, _NAMED.sub(decisions, reason))


def _option_of(word: str) -> str:
    return OPTIONS.get(ReviewDecision(word), word) if word in set(ReviewDecision) else word


def _here(way: Settling, request: ReviewRequested, held: set[str]) -> Settling:
    """Return a way as this review has it: nobody proposed must be named, and abuse is acted on whatever they say."""
    has_proposal = request.proposed is not None and bool(request.agencies)
    if way.decision is ReviewDecision.CONFIRM and not has_proposal:
        way = replace(way, needs=("agencies",), may_have=())
    if way.decision is ReviewDecision.REFUSE and ABUSE & held:
        refusals = tuple(each for each in way.refusals if each is not Refusal.SAFE_AFTER_CONVERSATION)
        way = replace(way, refusals=refusals)
    return way
