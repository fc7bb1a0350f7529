"""The ruling on a disclosure: what follows from its facts, the clock (deadlines) and the contact details (notices)."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policies, Policy
from schemas.records import AgencyToTell, Finding, Notify
from schemas.vocabulary import ContactChannel, Outcome, ReviewReason
from streams.domain.policy.cache_key import FactKey, fact_key_of
from streams.domain.policy.clause_rules import CLAUSE_RULES
from streams.domain.policy.evaluation import Evaluation, evaluate, evaluate_cached
from streams.domain.policy.facts import facts_of, when_disclosed
from streams.domain.policy.notices import NOT_DUE, notify

_NONE_UNSAFE: frozenset[ContactChannel] = frozenset()
#: Vectors remembered for each policy, some 5 KB each with what was concluded of them: 40 MB when full.
_KEPT = 8_192
#: Policies whose vectors are remembered; a process has few.
_POLICIES_KEPT = 8


class Asked(NamedTuple):
    """What a person is asked to settle, and by when."""

    reason: ReviewReason
    asks: tuple[str, ...]
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome, everything that settled it, who is told, and what is asked of whom by when."""

    outcome: Outcome
    proposed: Outcome | None
    findings: tuple[Finding, ...]
    agencies: tuple[AgencyToTell, ...]
    review: Asked | None
    notify: Notify
    notes: tuple[str, ...]
    policy_version: str
    #: What it was decided under; also says what each agency is given.
    policy: Policy


class _Remembered:
    """What was concluded under one policy, by vector."""

    __slots__ = ("_concluded", "_current_for", "_in_scope_from", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._in_scope_from = policy.in_scope_from
        self._current_for = policy.current_for
        # Where neither the clock nor the contact details add anything, the ruling itself is remembered.
        self._concluded: dict[FactKey, Ruling | tuple[Evaluation, tuple[str, ...]]] = {}

    def of(self, disclosed: ReadableDisclosure, at: datetime) -> "Ruling | tuple[Evaluation, tuple[str, ...]]":
        vector = fact_key_of(disclosed, at, self._in_scope_from, self._current_for)
        known = self._concluded.get(vector)
        return self._add(vector, disclosed) if known is None else known

    def _add(self, vector: FactKey, disclosed: ReadableDisclosure) -> "Ruling | tuple[Evaluation, tuple[str, ...]]":
        facts, notes = facts_of(disclosed, self.policy)
        concluded = evaluate_cached(facts, self.policy)
        final = concluded.reason is None and not concluded.outcome.is_reported
        made = _ruling(concluded, notes, self.policy, None, NOT_DUE) if final else (concluded, notes)
        if len(self._concluded) >= _KEPT:
            del self._concluded[next(iter(self._concluded))]
        self._concluded[vector] = made
        return made


#: By identity, which is quicker than equality; a policy is held here as long as its identity stands for it.
_remembered: dict[int, _Remembered] = {}


def decide(
    disclosed: ReadableDisclosure,
    *,
    now: datetime,
    policy: Policy | Policies,
    unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE,
) -> Ruling:
    """Return the ruling on one disclosure, of several versions under the one in force when it was disclosed.

    Deadlines count from `now`, notices leave out `unsafe_channels`. Equal facts are judged once and remembered.
    """
    at = when_disclosed(disclosed)
    version = policy.in_force(at) if isinstance(policy, Policies) else policy
    remembered = _remembered.get(id(version)) or _remember(version)
    made = remembered.of(disclosed, at)
    if isinstance(made, Ruling):
        return made
    concluded, notes = made
    return _complete(concluded, notes, version, disclosed, now, unsafe_channels)


def decide_plainly(
    disclosed: ReadableDisclosure,
    *,
    now: datetime,
    policy: Policy | Policies,
    unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE,
) -> Ruling:
    """Return what `decide` returns, remembering nothing: the form that it is tested and measured against."""
    version = policy.in_force(when_disclosed(disclosed)) if isinstance(policy, Policies) else policy
    facts, notes = facts_of(disclosed, version)
    return _complete(evaluate(facts, version, CLAUSE_RULES), notes, version, disclosed, now, unsafe_channels)


def _remember(policy: Policy) -> _Remembered:
    while len(_remembered) >= _POLICIES_KEPT:
        del _remembered[next(iter(_remembered))]
    made = _remembered[id(policy)] = _Remembered(policy)
    return made


def _complete(
    concluded: Evaluation,
    notes: tuple[str, ...],
    policy: Policy,
    disclosed: ReadableDisclosure,
    now: datetime,
    unsafe_channels: frozenset[ContactChannel],
) -> Ruling:
    review = None
    if concluded.reason is not None:
        within = policy.deadlines.emergency if concluded.pressing else policy.deadlines.other
        review = Asked(concluded.reason, concluded.asks, now + within)
    notice = notify(disclosed, concluded.outcome.is_reported, unsafe_channels)
    return _ruling(concluded, notes, policy, review, notice)


def _ruling(
    concluded: Evaluation, notes: tuple[str, ...], policy: Policy, review: Asked | None, notice: Notify
) -> Ruling:
    return Ruling(
        concluded.outcome,
        concluded.proposed,
        concluded.findings,
        concluded.agencies,
        review,
        notice,
        notes,
        policy.version,
        policy,
    )
