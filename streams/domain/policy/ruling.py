"""The ruling on a disclosure, from its facts, the clock (deadlines) and its contact details (notices)."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policies, Policy
from schemas.records import AgencyToTell, Finding, Notify
from schemas.vocabulary import ContactChannel, Outcome, ReviewReason, Role
from streams.domain.policy.cache_key import FactKey, Limits, fact_key_of
from streams.domain.policy.clause_rules import CLAUSE_RULES
from streams.domain.policy.evaluation import Evaluation, evaluate, evaluate_cached
from streams.domain.policy.facts import CaseFacts, facts_of
from streams.domain.policy.notices import NOT_DUE, notify
from streams.domain.policy.times import first_stated, unknown_time, when_disclosed

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

    facts: CaseFacts
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


class _Evaluated(NamedTuple):
    """What the facts of a disclosure lead to, before the clock and the contact details add to it."""

    facts: CaseFacts
    evaluation: Evaluation
    notes: tuple[str, ...]
    policy: Policy


class _Cache:
    """The evaluations under one policy, by key."""

    __slots__ = ("_by_key", "_limits", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._limits = Limits.of(policy)
        # If neither the clock nor the contact details add anything, the ruling itself is kept.
        self._by_key: dict[FactKey, Ruling | _Evaluated] = {}

    def get(self, disclosed: ReadableDisclosure, at: datetime, signed: Role | None) -> Ruling | _Evaluated:
        """Return the ruling on a disclosure made `at` a time, or what its facts lead to."""
        key = fact_key_of(disclosed, at, self._limits, signed)
        known = self._by_key.get(key)
        return self._add(key, disclosed, at, signed) if known is None else known

    def _add(
        self, key: FactKey, disclosed: ReadableDisclosure, at: datetime, signed: Role | None
    ) -> Ruling | _Evaluated:
        facts, notes = facts_of(disclosed, self.policy, at, signed)
        evaluation = evaluate_cached(facts, self.policy)
        evaluated = _Evaluated(facts, evaluation, notes, self.policy)
        final = evaluation.reason is None and not evaluation.outcome.is_reported
        made = _ruling(evaluated, None, NOT_DUE) if final else evaluated
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
    signed: Role | None = None,
) -> Ruling:
    """Return the ruling on one disclosure; of several versions, under the one in force when it was disclosed.

    Deadlines count from `now`, and notices leave out `unsafe_channels`. `signed` is the role whose signed outcome of a
    review it is decided by. Equal facts are evaluated once and cached.
    """
    version, at = _version(disclosed, now, policy)
    cache = _caches.get(id(version)) or _new_cache(version)
    made = cache.get(disclosed, at, signed)
    return made if isinstance(made, Ruling) else _complete(made, disclosed, now, unsafe_channels)


def decide_plainly(
    disclosed: ReadableDisclosure,
    *,
    now: datetime,
    policy: Policy | Policies,
    unsafe_channels: frozenset[ContactChannel] = _NONE_UNSAFE,
    signed: Role | None = None,
) -> Ruling:
    """Return what `decide` returns, without a cache: the form that `decide` is tested and measured against."""
    version, at = _version(disclosed, now, policy)
    facts, notes = facts_of(disclosed, version, at, signed)
    evaluated = _Evaluated(facts, evaluate(facts, version, CLAUSE_RULES), notes, version)
    return _complete(evaluated, disclosed, now, unsafe_channels)


def _version(disclosed: ReadableDisclosure, now: datetime, policy: Policy | Policies) -> tuple[Policy, datetime]:
    """Return the version that a disclosure is decided under, and the time at which it counts as disclosed."""
    stated = first_stated(disclosed)
    version = policy.in_force(stated) if isinstance(policy, Policies) else policy
    if not unknown_time(stated, version.earliest):
        return version, stated
    at = when_disclosed(disclosed, version.earliest, now)
    if isinstance(policy, Policies):
        version = policy.in_force(at)
    return version, when_disclosed(disclosed, version.earliest, now)


def _new_cache(policy: Policy) -> _Cache:
    while len(_caches) >= _MAX_POLICIES:
        del _caches[next(iter(_caches))]
    made = _caches[id(policy)] = _Cache(policy)
    return made


def _complete(
    evaluated: _Evaluated, disclosed: ReadableDisclosure, now: datetime, unsafe_channels: frozenset[ContactChannel]
) -> Ruling:
    """Add the deadline of the review and the notice to an evaluation."""
    review, evaluation = None, evaluated.evaluation
    if evaluation.reason is not None:
        deadlines = evaluated.policy.deadlines
        within = deadlines.emergency if evaluation.pressing else deadlines.other
        review = Asked(evaluation.reason, evaluation.asks, now + within)
    return _ruling(evaluated, review, notify(disclosed, evaluation.outcome.is_reported, unsafe_channels))


def _ruling(evaluated: _Evaluated, review: Asked | None, notice: Notify) -> Ruling:
    facts, evaluation, notes, policy = evaluated
    return Ruling(
        facts,
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
