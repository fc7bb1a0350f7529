"""What the Confidentiality Policy makes of a disclosure: a pure function of its facts, the clock and the policy."""

from dataclasses import dataclass
from datetime import datetime

from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policy
from schemas.records import AgencyToTell, Finding, Notify, ReviewAsked
from schemas.vocabulary import ContactChannel, Outcome
from streams.domain.notices import notify
from streams.domain.policy.facts import facts_of
from streams.domain.policy.outcome import conclude

__all__ = ["Ruling", "decide"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome, everything that settled it, who is told, and what is asked of whom by when."""

    outcome: Outcome
    proposed: Outcome | None
    findings: tuple[Finding, ...]
    agencies: tuple[AgencyToTell, ...]
    review: ReviewAsked | None
    notify: Notify
    notes: tuple[str, ...]
    policy_version: str
    #: What it was decided under; also says what each agency is given.
    policy: Policy


def decide(
    disclosed: ReadableDisclosure,
    *,
    now: datetime,
    policy: Policy,
    unsafe_channels: frozenset[ContactChannel] = frozenset(),
) -> Ruling:
    """Return the ruling on one disclosure; deadlines count from `now`, notices leave out `unsafe_channels`."""
    facts, notes = facts_of(disclosed, policy)
    concluded = conclude(facts, policy)
    review = None
    if concluded.reason is not None:
        deadlines = policy.deadlines
        # Its parts are ours, not a sender's: checking them again would only cost time on the hot path.
        review = ReviewAsked.model_construct(
            reason=concluded.reason,
            asks=concluded.asks,
            deadline=now + (deadlines.emergency if concluded.pressing else deadlines.other),
        )
    outcome = concluded.outcome
    reported = outcome is Outcome.EMERGENCY or outcome is Outcome.REFER
    return Ruling(
        outcome=outcome,
        proposed=concluded.proposed,
        findings=concluded.findings,
        agencies=concluded.agencies,
        review=review,
        notify=notify(disclosed, reported, unsafe_channels),
        notes=notes,
        policy_version=policy.version,
        policy=policy,
    )
