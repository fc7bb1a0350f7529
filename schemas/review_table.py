"""The table of reviews as data: for each reason, the cause, deadlines, role and decisions.

Nothing opens a review for a reason that is not in the table yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from schemas.errors import Invalid
from schemas.vocabulary import Refusal, ReviewDecision, ReviewReason

if TYPE_CHECKING:
    from schemas.reviews import ReviewOutcome

#: The fields of a `ReviewOutcome` that only some decisions have.
OutcomeField = Literal[
    "refusal", "facts", "agencies", "ask_again_at", "entered_under", "records", "told_at", "reference"
]


@dataclass(frozen=True, slots=True)
class Settling:
    """One decision that settles a review: its words for staff, the fields it needs, and the optional ones."""

    decision: ReviewDecision
    words: str
    needs: tuple[OutcomeField, ...] = ()
    may_have: tuple[OutcomeField, ...] = ()
    #: The allowed values of `refusal`, if the decision needs it.
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Time until the next person on duty is asked, for urgent and other reviews; None: the policy's or rota's value."""

    urgent: timedelta | None = None
    other: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One reason for a review: its cause, the decisions that settle it, the role that may settle it, its deadlines."""

    opened_by: str
    settlings: tuple[Settling, ...]
    who: Literal["trained", "safeguarding_lead"] = "trained"
    deadlines: Deadlines = Deadlines()

    def settling(self, decision: ReviewDecision) -> Settling:
        """Return the entry of a decision; raise `Invalid` if the decision does not settle such a review."""
        for each in self.settlings:
            if each.decision is decision:
                return each
        allowed = ", ".join(each.decision.value for each in self.settlings)
        raise Invalid.of("decision", f"does not settle such a review; allowed: {allowed}")

    def check(self, outcome: "ReviewOutcome") -> None:
        """Raise `Invalid` for an outcome that does not settle such a review, or has wrong or missing fields."""
        settling = self.settling(outcome.decision)
        for field in get_args(OutcomeField):
            is_given = getattr(outcome, field) not in (None, ())
            if is_given and field not in (*settling.needs, *settling.may_have):
                raise Invalid.of(field, f"does not belong to {outcome.decision} here")
            if not is_given and field in settling.needs:
                raise Invalid.of(field, f"is required by {outcome.decision} here")
        if outcome.refusal is not None and outcome.refusal not in settling.refusals:
            raise Invalid.of("refusal", f"allowed here: {', '.join(settling.refusals)}")


_R = Refusal
_D = ReviewDecision

_NEW_FACTS = Settling(_D.NEW_FACTS, "decide anew with what you found out", needs=("facts",))
_REFUSE = Settling(_D.REFUSE, "tell nobody, for a reason", needs=("refusal",), refusals=tuple(Refusal))
_CONFIRM = Settling(_D.CONFIRM, "tell whom is proposed, and the agencies you name", may_have=("agencies",))
_NAME_AGENCIES = Settling(_D.CONFIRM, "tell the agencies you name", needs=("agencies",))
_NOT_REACHED = Settling(_D.NOT_REACHED, "ask again at a time, nobody was reached", needs=("ask_again_at",))
_NOTHING_IN_IT = Settling(
    _D.NOTHING_IN_IT,
    "nothing in it needs anybody, for a reason",
    needs=("refusal",),
    refusals=(_R.NO_CLAUSE_HOLDS, _R.ALREADY_REPORTED, _R.ENTERED_IN_ERROR),
)
_ENTERED_AGAIN = Settling(_D.ENTERED_AGAIN, "it was entered again, under a new id", needs=("entered_under",))

REVIEW_TABLE: Mapping[ReviewReason, ReviewRow] = MappingProxyType(
    {
        ReviewReason.CONFIRMATION: ReviewRow(
            "CASE-1: a report that no trained person made or confirmed", (_CONFIRM, _REFUSE, _NEW_FACTS)
        ),
        ReviewReason.SAFEGUARDING_LEAD: ReviewRow(
            "AD-2: harm of an adult who is not at risk and whose life is not in immediate danger",
            (
                Settling(_D.CONFIRM, "report, to the agencies you name", may_have=("agencies",)),
                Settling(_D.REFUSE, "keep it confidential, for a reason", needs=("refusal",), refusals=tuple(Refusal)),
                _NEW_FACTS,
            ),
            who="safeguarding_lead",
        ),
        ReviewReason.PRIVATE_CONVERSATION: ReviewRow(
            "SAFE-3, SAFE-5, or an open clause while they say they are safe", (_NEW_FACTS, _NOT_REACHED, _REFUSE)
        ),
        ReviewReason.MISSING_FACT: ReviewRow("an open clause", (_NEW_FACTS, _NOT_REACHED, _REFUSE)),
        ReviewReason.NO_ROUTE: ReviewRow(
            "LT-6 holds, and no agency is known that can get a report", (_NAME_AGENCIES, _NEW_FACTS, _REFUSE)
        ),
        ReviewReason.REJECTED: ReviewRow(
            "records of a sender and hour that cannot be read and may be urgent",
            (
                # Others may have come since the records were shown: `records` says which the outcome covers.
                replace(
                    _ENTERED_AGAIN, words="it was entered again, under these ids", needs=("entered_under", "records")
                ),
                replace(_NOTHING_IN_IT, needs=("refusal", "records")),
            ),
        ),
        ReviewReason.CONFLICTING_ID: ReviewRow(
            "an id that its service used before with other content",
            (_ENTERED_AGAIN, _NOTHING_IN_IT),
        ),
        ReviewReason.UNDELIVERED: ReviewRow(
            "a report that failed, or that no agency acknowledged within its limit",
            (
                Settling(
                    _D.TOLD_BY_PHONE,
                    "you told the agency by phone: whom, when, their reference",
                    needs=("told_at", "reference"),
                ),
                Settling(_D.SEND_AGAIN, "send it again, with a new limit"),
                Settling(
                    _D.WITHDRAWN,
                    "nobody is to be told, for a reason",
                    needs=("refusal",),
                    refusals=(_R.NO_CLAUSE_HOLDS, _R.ALREADY_REPORTED, _R.ENTERED_IN_ERROR),
                ),
            ),
            deadlines=Deadlines(urgent=timedelta(seconds=60), other=timedelta(hours=1)),
        ),
    }
)


def fields_of(decision: ReviewDecision) -> tuple[frozenset[OutcomeField], frozenset[OutcomeField]]:
    """Return the fields that a decision needs for every reason, and all fields that it may have for any reason."""
    settlings = [each for row in REVIEW_TABLE.values() for each in row.settlings if each.decision is decision]
    if not settlings:
        return frozenset(), frozenset()
    needed = frozenset.intersection(*(frozenset(each.needs) for each in settlings))
    return needed, frozenset(field for each in settlings for field in (*each.needs, *each.may_have))
