"""Options of `confide review decide`: those that settle a review, and refusals in terms of these options."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from schemas.policy import ClauseId
from schemas.records import Decision, ReviewRequested
from schemas.review_table import REVIEW_TABLE, OutcomeField, Settling
from schemas.vocabulary import ClauseState, Refusal, ReviewDecision
from streams.domain.reviews import ABUSE

#: Option for each decision.
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
        "entered_under": ("ID",),
        "records": ("--records N",),
        "told_at": ("WHO", "--at TIME"),
        "reference": ("--reference REFERENCE",),
    }
)
#: Option for each field of an outcome. `refusal` and `decision` are given by the option of the decision.
_OPTION_OF: Mapping[str, str] = MappingProxyType(
    {
        "facts": "--fact",
        "agencies": "--agency",
        "ask_again_at": "--not-reached-until",
        "entered_under": "--entered-again",
        "records": "--records",
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
#: Decisions named in a reason.
_NAMED = re.compile(r"(?<=; allowed: )[a-z_, ]+|(?<=required by )[a-z_]+|(?<=belong to )[a-z_]+|(?<=decision than )\S+")


def settlings(request: ReviewRequested, decision: Decision | None) -> tuple[Settling, ...]:
    """Return the outcomes by which DECIDE lets this review be settled; `decision` is the one that asks for it."""
    held = {each.id for each in decision.clauses if each.state is ClauseState.HOLDS} if decision is not None else set()
    return tuple(_for_review(settling, request, held) for settling in REVIEW_TABLE[request.reason].settlings)


def option_words(settling: Settling, *, agency: str = "AGENCY") -> str:
    """Return the options for one outcome of a review."""
    words = [OPTIONS[settling.decision]]
    if settling.refusals:
        words[0] += f" {'|'.join(settling.refusals)}"
    for field in settling.needs:
        words += _FIELDS.get(field, ())
    for field in settling.may_have:
        words += [f"[{word}]" for word in _FIELDS.get(field, ())]
    return " ".join(words).replace("AGENCY", agency)


def agency_choice(decision: Decision | None) -> str:
    """Return the values of `--agency`; for an adult who is not at risk only an emergency is passed on (AD-1)."""
    is_adult = decision is not None and any(
        each.id == ClauseId.AD_1 and each.state is ClauseState.HOLDS for each in decision.clauses
    )
    return '"999 police"|"999 ambulance"' if is_adult else "AGENCY"


def as_options(reason: str, decision: ReviewDecision) -> str:
    """Return the reason why an outcome was rejected, with options in place of the names of the record's fields."""
    own = OPTIONS[decision]

    def field(match: "re.Match[str]") -> str:
        name = match[2]
        return match[1] + (own if name in ("refusal", "decision") else _OPTION_OF.get(name, name))

    def decisions(match: "re.Match[str]") -> str:
        return ", ".join(_option_of(word) for word in match[0].split(", "))

    return _FIELD.sub(field, _NAMED.sub(decisions, reason))


def _option_of(word: str) -> str:
    return OPTIONS.get(ReviewDecision(word), word) if word in set(ReviewDecision) else word


def _for_review(settling: Settling, request: ReviewRequested, held: set[str]) -> Settling:
    """Return the outcome as this review allows it.

    Without a proposal, agencies must be named. For abuse, *safe after conversation* is no reason to refuse.
    """
    has_proposal = request.proposed is not None and bool(request.agencies)
    if settling.decision is ReviewDecision.CONFIRM and not has_proposal:
        settling = replace(settling, needs=("agencies",), may_have=())
    if settling.decision is ReviewDecision.REFUSE and ABUSE & held:
        refusals = tuple(each for each in settling.refusals if each is not Refusal.SAFE_AFTER_CONVERSATION)
        settling = replace(settling, refusals=refusals)
    return settling
