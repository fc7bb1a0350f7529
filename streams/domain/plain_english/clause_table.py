"""The policy as a table to read: each clause with its words, its facts, how they decide it, its route and deadline."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.agencies import AGENCIES
from schemas.policy import IMMEDIATE_RISK, LONG_TERM, Clause, ClauseId, Policy, Route
from schemas.vocabulary import ClauseState
from streams.domain.plain_english.wording import FACTS, fact_words, filled, length_words, listed
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.three_valued import Condition, Fact

_HOLDS = {
    ClauseId.SCOPE_1: "excludes it when",
    ClauseId.SCOPE_2: "excludes it when",
    ClauseId.CASE_1: "keeps a report back when",
    ClauseId.AD_1: "applies when",
    ClauseId.AD_2: "applies when",
    ClauseId.AR_1: "is met when",
    ClauseId.SAFE_2: "speaks for confidentiality when",
    ClauseId.SAFE_3: "asks for a conversation when",
    ClauseId.SAFE_5: "asks for a conversation when",
}


@dataclass(frozen=True, slots=True)
class ClauseEntry:
    """One clause of the table."""

    id: str
    text: str
    plain: str
    staff: str
    #: The kind of concern it judges, `any` for every kind; None for the case as a whole.
    concern: str | None
    #: Names of the facts that it depends on.
    facts: tuple[str, ...]
    #: How they decide it; empty for a clause about how people act, which no fact decides.
    how: tuple[str, ...]
    #: Who gets a report if it holds, None if it has no route; and how soon a review of it is due, None without one.
    reported_to: str | None
    deadline: str | None


def clause_table(policy: Policy, rules: Sequence[ClauseRule] = CLAUSE_RULES) -> tuple[ClauseEntry, ...]:
    """Return an entry for each clause of a policy, in its order."""
    return tuple(_entry(clause, policy, rules) for clause in policy.clauses)


def route_words(route: Route) -> str:
    """Return the agencies of a route, in words."""
    names = [
        f"{AGENCIES[to.agency].name_for_staff}{'' if to.service is None else f', {to.service.value}'}"
        f"{'' if AGENCIES[to.agency].professional is None else ' if known'}"
        for to in route.agencies
    ]
    return listed(names) if route.tell == "all" else ", else ".join(names)


def condition_words(condition: Condition) -> str:
    """Return a condition in words."""
    facts = (condition,) if isinstance(condition, Fact) else condition.facts
    return listed((_fits(fact) for fact in facts), "or")


def conditions_of(rule: ClauseRule) -> tuple[Condition, ...]:
    """Return every condition of a rule."""
    beside = tuple(condition for condition in (rule.given, rule.unless_ad_2) if condition is not None)
    # The fact `contradicted` is read only if the rule has `open_if_contradicted`.
    contradicted = (Fact("contradicted"), *rule.open_if_contradicted) if rule.open_if_contradicted else ()
    return (*rule.conditions, *beside, *contradicted)


def names_of(condition: Condition) -> tuple[str, ...]:
    """Return the names of the facts that a condition reads."""
    return (condition.name,) if isinstance(condition, Fact) else tuple(fact.name for fact in condition.facts)


def _entry(clause: Clause, policy: Policy, rules: Sequence[ClauseRule]) -> ClauseEntry:
    own = [rule for rule in rules if rule.clause is clause.id]
    has_route = clause.id in (*IMMEDIATE_RISK, *LONG_TERM)
    return ClauseEntry(
        clause.id.value,
        filled(clause.text, policy),
        filled(clause.plain, policy),
        filled(clause.staff, policy),
        clause.concern,
        tuple(dict.fromkeys(name for rule in own for condition in conditions_of(rule) for name in names_of(condition))),
        tuple(_how(rule) for rule in own),
        route_words(policy.route_of(clause.id)) if has_route else None,
        _deadline(clause.id, policy),
    )


def _deadline(clause: ClauseId, policy: Policy) -> str | None:
    deadlines = policy.deadlines
    if clause in IMMEDIATE_RISK or clause is ClauseId.AD_2:
        return length_words(deadlines.emergency)
    if clause in LONG_TERM or clause in (ClauseId.SAFE_3, ClauseId.SAFE_5):
        return length_words(deadlines.other)
    if clause is ClauseId.CASE_1:
        return f"{length_words(deadlines.emergency)} for an emergency, else {length_words(deadlines.other)}"
    return None


def _how(rule: ClauseRule) -> str:
    verb = _HOLDS.get(rule.clause, "holds when")
    if rule.all_met is ClauseState.OPEN:
        verb = "is open, for a private conversation, when"
    given = "" if rule.given is None else f"where {condition_words(rule.given)}, "
    words = f"{given}{verb} {'; and '.join(condition_words(condition) for condition in rule.conditions)}"
    if rule.of_all:
        words += ", of every such concern"
    if rule.unless_ad_2 is not None:
        words += f"; and {condition_words(rule.unless_ad_2)}, else AD-2 applies instead"
    if rule.open_if_contradicted:
        met = listed(condition_words(condition) for condition in rule.open_if_contradicted)
        words += f"; is open where it would not hold, but {fact_words('contradicted', True)}, {met}"
    return words


def _fits(fact: Fact) -> str:
    words = FACTS[fact.name].values
    # In the order of the closed set, so that the table is the same each time.
    return listed((text for value, text in words.items() if value in fact.fits), "or")
