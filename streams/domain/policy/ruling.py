"""The ruling on a disclosure, from its facts, the clock (deadlines) and its contact details (notices)."""

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
#: Keys cached for each policy, each about 5 KB with its evaluation: 40 MB if full.
_MAX_KEYS = 8_192
#: Policies with a cache; a process uses few.
_MAX_POLICIES = 8


class Asked(NamedTuple):
    """The review that a ruling asks for: the reason, the missing facts, and the deadline."""

    reason: ReviewReason
    asks: tuple[str, ...]
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome of a disclosure, the findings that decided it, and everything that follows from it."""

    outcome: Outcome
    proposed: Outcome | None
    findings: tuple[Finding, ...]
    agencies: tuple[AgencyToTell, ...]
    review: Asked | None
    notify: Notify
    notes: tuple[str, ...]
    policy_version: str
    #: The version of the policy that it follows from; it also has the fields that each agency gets.
    policy: Policy


class _Cache:
    """The evaluations under one policy, by key."""

    __slots__ = ("_by_key", "_current_for", "_in_scope_from", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._in_scope_from = policy.in_scope_from
        self._current_for = policy.current_for
        # If neither the clock nor the contact details add anything, the ruling itself is kept.
        self._by_key: dict[FactKey, Ruling | tuple[Evaluation, tuple[str, ...]]] = {}

    def get(self, disclosed: ReadableDisclosure, at: datetime) -> "Ruling | tuple[Evaluation, tuple[str, ...]]":
        """Return the ruling on a disclosure made `at` a time, or its evaluation and notes."""
        key = fact_key_of(disclosed, at, self._in_scope_from, self._current_for)
        known = self._by_key.get(key)
        return self._add(key, disclosed) if known is None else known

    def _add(self, key: FactKey, disclosed: ReadableDisclosure) -> "Ruling | tuple[Evaluation, tuple[str, ...]]":
        facts, notes = facts_of(disclosed, self.policy)
        evaluation = evaluate_cached(facts, self.policy)
        final = evaluation.reason is None and not evaluation.outcome.is_reported
        made = _ruling(evaluation, notes, self.policy, None, NOT_DUE) if final else (evaluation, notes)
        if len(self._by_key) >= _MAX_KEYS:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[key] = made
        return made


#: By `id`, which is quicker than equality. A cache holds its policy, so no other policy can have the same `id`.
_caches: dict[int, _Cache] = {}


def decide(
    disclosed: ReadableDisclosure,
    *,
    now: datetime,
    policy: Policy | Policies,
    unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE,
) -> Ruling:
    """Return the ruling on one disclosure; of several versions, under the one in force when it was disclosed.

    Deadlines count from `now`, and notices leave out `unsafe_channels`. Equal facts are evaluated once and cached.
    """
    at = when_disclosed(disclosed)
    version = policy.in_force(at) if isinstance(policy, Policies) else policy
    cache = _caches.get(id(version)) or _new_cache(version)
    made = cache.get(disclosed, at)
    if isinstance(made, Ruling):
        return made
    evaluation, notes = made
    return _complete(evaluation, notes, version, disclosed, now, unsafe_channels)


def decide_plainly(
    disclosed: ReadableDisclosure,
    *,
    now: datetime,
    policy: Policy | Policies,
    unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE,
) -> Ruling:
    """Return what `decide` returns, without a cache: the form that `decide` is tested and measured against."""
    version = policy.in_force(when_disclosed(disclosed)) if isinstance(policy, Policies) else policy
    facts, notes = facts_of(disclosed, version)
    return _complete(evaluate(facts, version, CLAUSE_RULES), notes, version, disclosed, now, unsafe_channels)


def _new_cache(policy: Policy) -> _Cache:
    while len(_caches) >= _MAX_POLICIES:
        del _caches[next(iter(_caches))]
    made = _caches[id(policy)] = _Cache(policy)
    return made


def _complete(
    evaluation: Evaluation,
    notes: tuple[str, ...],
    policy: Policy,
    disclosed: ReadableDisclosure,
    now: datetime,
    unsafe_channels: frozenset[ContactChannel],
) -> Ruling:
    """Add the deadline of the review and the notice to an evaluation."""
    review = None
    if evaluation.reason is not None:
        within = policy.deadlines.emergency if evaluation.pressing else policy.deadlines.other
        review = Asked(evaluation.reason, evaluation.asks, now + within)
    notice = notify(disclosed, evaluation.outcome.is_reported, unsafe_channels)
    return _ruling(evaluation, notes, policy, review, notice)


def _ruling(
    evaluation: Evaluation, notes: tuple[str, ...], policy: Policy, review: Asked | None, notice: Notify
) -> Ruling:
    return Ruling(
        evaluation.outcome,
        evaluation.proposed,
        evaluation.findings,
        evaluation.agencies,
        review,
        notice,
        notes,
        policy.version,
        policy,
    )
