"""Findings: each clause that was looked at, its state, the facts that settled it, and what would settle it still."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.policy import ClauseId, Policy
from schemas.vocabulary import ClauseState, ConcernKind, ImmediateDanger
from streams.domain.policy.clause_rules import ClauseRule
from streams.domain.policy.concern_path import ConcernPath, concern_path
from streams.domain.policy.facts import FACTS_OF, CaseFacts
from streams.domain.policy.three_valued import Fact, Tri, Value, Values, all_of, any_of

#: What a Kleene value is as the state of a clause.
_STATE_OF: dict[Tri, ClauseState] = {
    True: ClauseState.HOLDS,
    None: ClauseState.OPEN,
    False: ClauseState.DOES_NOT_HOLD,
}
_WEAKEST_FIRST = (ClauseState.DOES_NOT_HOLD, ClauseState.OPEN, ClauseState.HOLDS)
_AT_RISK = ("care_or_support_needs", "at_risk_of_harm", "cannot_protect_self")
_SAFETY = ("says_safe", "contradicted", "unclear")


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """A finding with what is only needed to decide."""

    clause: ClauseId
    state: ClauseState
    facts: dict[str, Value]
    #: Contract paths of the facts that are missing, or that have to be asked about anew.
    asks: tuple[str, ...] = ()
    #: Open only because the person says that they are safe: staff talk with them first.
    opened_by_safe: bool = False
    #: Whether it would hold if AD-2 were not there.
    but_for_ad_2: Tri = False
    #: Index of the concern it was found of; None for the case as a whole.
    concern: int | None = None


def case_values(facts: CaseFacts) -> dict[str, Value]:
    """Return the facts of the case by name, with those that follow from several."""
    values: dict[str, Value] = {name: getattr(facts, name) for name in facts._fields if name != "concerns"}
    # An adult at risk of harm is 18 or over (AR-1); with all three yes an unknown age is in the group either way.
    values["adult_at_risk"] = False if facts.under_18 else all_of(getattr(facts, name) for name in _AT_RISK)
    values["life_in_danger"] = any(
        concern.values[FACTS_OF[concern.kind].index("immediate_danger")] is ImmediateDanger.LIFE
        for concern in facts.concerns
    )
    return values


def look_at_concerns(facts: CaseFacts, case: Values, policy: Policy, table: Sequence[ClauseRule]) -> list[ClauseResult]:
    """Return a finding for each clause that judges a concern of this case, in the policy's order.

    A clause that the policy has for a kind of concern and the table has not is open: nothing was ruled out.
    """
    looks: dict[ClauseId, list[ClauseResult]] = {}
    for index, concern in enumerate(facts.concerns):
        values = {**case, **dict(zip(FACTS_OF[concern.kind], concern.values, strict=True))}
        for clause in policy.judging(concern.kind):
            rows = [row for row in table if row.clause is clause and row.kind in (None, concern.kind)]
            found = [_look(row, values, index, concern.kind) for row in rows if _applies(row, values)]
            if not rows:
                found = [ClauseResult(clause, ClauseState.OPEN, {}, (concern_path(index),), concern=index)]
            looks.setdefault(clause, []).extend(found)
    of_all = {row.clause for row in table if row.of_all}
    return [_join(looks[clause], of_all=clause in of_all) for clause in ClauseId if looks.get(clause)]


def look_at_case(clause: ClauseId, values: Values, table: Sequence[ClauseRule]) -> list[ClauseResult]:
    """Return the finding of a clause about the case as a whole, none where it does not come up, open without a row."""
    rows = [row for row in table if row.clause is clause]
    if not rows:
        return [ClauseResult(clause, ClauseState.OPEN, {})]
    looks = [_look(row, values, None, None) for row in rows if _applies(row, values)]
    return [_join(looks)] if looks else []


def _applies(row: ClauseRule, values: Values) -> bool:
    return row.given is None or row.given.answer(values) is True


def _look(row: ClauseRule, values: Values, concern: int | None, kind: ConcernKind | None) -> ClauseResult:
    answers = [need.answer(values) for need in row.needs]
    met = all_of(answers)
    state = _STATE_OF[met]
    # What rules a clause out settles it alone; else all of its needs do.
    settling = [need for need, answer in zip(row.needs, answers, strict=True) if met is not False or answer is False]
    missing = [] if met is False else [name for need in row.needs for name in need.missing(values)]
    facts: dict[str, Value] = {}
    if met is False and row.open_if_contradicted and values["contradicted"]:
        settling.extend((Fact("contradicted"), *row.open_if_contradicted))
        if all_of(need.answer(values) for need in row.open_if_contradicted):
            state = ClauseState.OPEN
            missing.append("contradicted")
    if met and row.unless_ad_2 is not None:
        state = _STATE_OF[row.unless_ad_2.answer(values)]
        settling.append(row.unless_ad_2)
        missing.extend(row.unless_ad_2.missing(values))
    if met and row.all_met is not ClauseState.HOLDS:
        state = row.all_met
        missing.append("says_safe")
    for need in settling:
        facts |= need.settled_by(values)
    if met and row.asks:
        missing.extend(facts)
    if row.given is not None:
        # A safety flag that was not raised settles nothing that a reader would look for.
        facts |= {name: value for name, value in row.given.settled_by(values).items() if value is True}
    return ClauseResult(
        row.clause,
        state,
        facts,
        tuple(dict.fromkeys(path for name in missing for path in _paths(name, values, concern, kind))),
        opened_by_safe=met is True and row.all_met is ClauseState.OPEN,
        but_for_ad_2=met if row.unless_ad_2 is not None else False,
        concern=concern,
    )


def _paths(name: str, values: Values, concern: int | None, kind: ConcernKind | None) -> Iterable[str]:
    if name in ("under_16", "under_18"):
        return ("subject.age",)
    if name == "adult_at_risk":
        return tuple(f"subject.adult_at_risk.{each}" for each in _AT_RISK if values[each] is None)
    if name in _AT_RISK:
        return (f"subject.adult_at_risk.{name}",)
    if name in _SAFETY:
        return (f"safety.{name}",)
    if concern is not None and kind is not None and name in FACTS_OF[kind]:
        return (str(ConcernPath(concern, name)),)
    # What follows from other clauses (AD-2 from IR-0 and IR-3) is asked for by those.
    return ()


def _join(looks: Sequence[ClauseResult], *, of_all: bool = False) -> ClauseResult:
    """Return one finding of several: it holds of any concern, or where `of_all` says so only of all of them."""
    if len(looks) == 1:
        return looks[0]
    order = _WEAKEST_FIRST[::-1] if of_all else _WEAKEST_FIRST
    state = max((found.state for found in looks), key=order.index)
    # The state that outdoes the others settles the clause alone; short of it, all concerns do together.
    settling = [found for found in looks if found.state is state] if state is order[-1] else looks
    still_open = [found for found in looks if found.state is ClauseState.OPEN]
    return ClauseResult(
        looks[0].clause,
        state,
        _merge(settling),
        tuple(dict.fromkeys(ask for found in still_open for ask in found.asks)),
        opened_by_safe=any(found.opened_by_safe for found in still_open),
        but_for_ad_2=any_of(found.but_for_ad_2 for found in looks),
    )


def _merge(looks: Sequence[ClauseResult]) -> dict[str, Value]:
    """Return the facts of several concerns; one that differs between them is named with its concern's path."""
    seen: dict[str, set[Value]] = {}
    for found in looks:
        for name, value in found.facts.items():
            seen.setdefault(name, set()).add(value)
    return {
        name if found.concern is None or len(seen[name]) == 1 else str(ConcernPath(found.concern, name)): value
        for found in looks
        for name, value in found.facts.items()
    }
