"""The result of each clause: its state, the facts that decided it, and the facts that are missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.policy import ClauseId, Policy
from schemas.vocabulary import ClauseState, ConcernKind, ImmediateDanger
from streams.domain.policy.clause_rules import ClauseRule
from streams.domain.policy.concern_path import ConcernPath, concern_path
from streams.domain.policy.facts import FACTS_OF, CaseFacts
from streams.domain.policy.three_valued import Fact, Tri, Value, Values, all_of, any_of

#: The state of a clause whose conditions together are yes, unknown or no.
_STATE_OF: dict[Tri, ClauseState] = {
    True: ClauseState.HOLDS,
    None: ClauseState.OPEN,
    False: ClauseState.DOES_NOT_HOLD,
}
_WEAKEST_FIRST = (ClauseState.DOES_NOT_HOLD, ClauseState.OPEN, ClauseState.HOLDS)
_AT_RISK = ("care_or_support_needs", "at_risk_of_harm", "cannot_protect_self")
_SAFETY = ("says_safe", "contradicted", "unclear")
#: The facts of scope, with the time that each is unknown without.
_SCOPE = {"on_or_after_effective_from": "disclosed_at", "within_current_for": "assessment.assessed_at"}


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """The result of one clause: the content of its `Finding`, and more that the evaluation needs."""

    clause: ClauseId
    state: ClauseState
    facts: dict[str, Value]
    #: Contract paths of the facts that are missing, or that a human has to ask about again.
    asks: tuple[str, ...] = ()
    #: The clause is open while the person says that they are safe, for whatever reason: staff talk with them first.
    opened_by_safe: bool = False
    #: Whether the clause would hold without AD-2.
    but_for_ad_2: Tri = False
    #: Index of the concern that was judged; None for the case as a whole.
    concern: int | None = None


def case_values(facts: CaseFacts) -> dict[str, Value]:
    """Return the facts of the case by name, and the two that follow from several facts."""
    values: dict[str, Value] = {name: getattr(facts, name) for name in facts._fields if name != "concerns"}
    # AR-1 is about adults, so the value is no for a person under 18. If the age is unknown, the three facts alone
    # decide. If all three are yes, the person is under 18 or an adult at risk: IN_THE_GROUP is met in both cases.
    values["adult_at_risk"] = False if facts.under_18 else all_of(getattr(facts, name) for name in _AT_RISK)
    values["life_in_danger"] = any(
        concern.values[FACTS_OF[concern.kind].index("immediate_danger")] is ImmediateDanger.LIFE
        for concern in facts.concerns
    )
    return values


def results_of_concerns(
    facts: CaseFacts, case: Values, policy: Policy, rules: Sequence[ClauseRule]
) -> list[ClauseResult]:
    """Return the result of each clause that judges a concern of this case, in the policy's order.

    A clause that the policy has for a kind of concern, and for which there is no rule, is open: it is not ruled out.
    """
    results: dict[ClauseId, list[ClauseResult]] = {}
    for index, concern in enumerate(facts.concerns):
        values = {**case, **dict(zip(FACTS_OF[concern.kind], concern.values, strict=True))}
        for clause in policy.judging(concern.kind):
            own = [rule for rule in rules if rule.clause is clause and rule.kind in (None, concern.kind)]
            found = [_result(rule, values, index, concern.kind) for rule in own if _applies(rule, values)]
            if not own:
                found = [ClauseResult(clause, ClauseState.OPEN, {}, (concern_path(index),), concern=index)]
            results.setdefault(clause, []).extend(found)
    of_all = {rule.clause for rule in rules if rule.of_all}
    return [_join(results[clause], of_all=clause in of_all) for clause in ClauseId if results.get(clause)]


def results_of_case(clause: ClauseId, values: Values, rules: Sequence[ClauseRule]) -> list[ClauseResult]:
    """Return the result of a clause about the case as a whole; none if no rule applies, open if there is no rule."""
    own = [rule for rule in rules if rule.clause is clause]
    if not own:
        return [ClauseResult(clause, ClauseState.OPEN, {})]
    results = [_result(rule, values, None, None) for rule in own if _applies(rule, values)]
    return [_join(results)] if results else []


def _applies(rule: ClauseRule, values: Values) -> bool:
    return rule.given is None or rule.given.met(values) is True


def _result(rule: ClauseRule, values: Values, concern: int | None, kind: ConcernKind | None) -> ClauseResult:
    """Return the result of one rule, which applies."""
    each_met = [condition.met(values) for condition in rule.conditions]
    met = all_of(each_met)
    state = _STATE_OF[met]
    # If a condition is not met, only those that are not met decide; else all conditions do.
    deciding = [
        condition
        for condition, is_met in zip(rule.conditions, each_met, strict=True)
        if met is not False or is_met is False
    ]
    missing = [] if met is False else [name for condition in rule.conditions for name in condition.missing(values)]
    facts: dict[str, Value] = {}
    if met is False and rule.open_if_contradicted and values["contradicted"]:
        deciding.extend((Fact("contradicted"), *rule.open_if_contradicted))
        if all_of(condition.met(values) for condition in rule.open_if_contradicted):
            state = ClauseState.OPEN
            missing.append("contradicted")
    if met and rule.unless_ad_2 is not None:
        state = _STATE_OF[rule.unless_ad_2.met(values)]
        deciding.append(rule.unless_ad_2)
        missing.extend(rule.unless_ad_2.missing(values))
    if met and rule.all_met is not ClauseState.HOLDS:
        state = rule.all_met
        missing.append("says_safe")
    for condition in deciding:
        facts |= condition.deciding_facts(values)
    if met and rule.asks:
        missing.extend(facts)
    if rule.given is not None:
        # Only the facts of `given` that are yes explain the result; a safety flag that is not raised does not.
        facts |= {name: value for name, value in rule.given.deciding_facts(values).items() if value is True}
    return ClauseResult(
        rule.clause,
        state,
        facts,
        tuple(dict.fromkeys(path for name in missing for path in _paths(name, values, concern, kind))),
        opened_by_safe=state is ClauseState.OPEN and rule.all_met is ClauseState.OPEN,
        but_for_ad_2=met if rule.unless_ad_2 is not None else False,
        concern=concern,
    )


def _paths(name: str, values: Values, concern: int | None, kind: ConcernKind | None) -> Iterable[str]:
    if name in _SCOPE:
        return (_SCOPE[name],)
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
    # IR-0 and IR-3, on which AD-2 depends, ask for their own facts.
    return ()


def _join(results: Sequence[ClauseResult], *, of_all: bool = False) -> ClauseResult:
    """Return one result for several rules or concerns: the clause holds if any holds; with `of_all` if all hold."""
    if len(results) == 1:
        return results[0]
    order = _WEAKEST_FIRST[::-1] if of_all else _WEAKEST_FIRST
    state = max((result.state for result in results), key=order.index)
    # One result is enough for the last state of the order, so only the results with this state decide. Any other state
    # needs all results, because none of them may have a later state.
    deciding = [result for result in results if result.state is state] if state is order[-1] else results
    still_open = [result for result in results if result.state is ClauseState.OPEN]
    return ClauseResult(
        results[0].clause,
        state,
        _merge(deciding),
        tuple(dict.fromkeys(ask for result in still_open for ask in result.asks)),
        opened_by_safe=any(result.opened_by_safe for result in still_open),
        but_for_ad_2=any_of(result.but_for_ad_2 for result in results),
    )


def _merge(results: Sequence[ClauseResult]) -> dict[str, Value]:
    """Return the facts of several results; a fact that differs between concerns is named by its contract path."""
    seen: dict[str, set[Value]] = {}
    for result in results:
        for name, value in result.facts.items():
            seen.setdefault(name, set()).add(value)
    return {
        name if result.concern is None or len(seen[name]) == 1 else str(ConcernPath(result.concern, name)): value
        for result in results
        for name, value in result.facts.items()
    }
