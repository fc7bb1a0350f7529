"""The policy as a table to read: each clause with its words, the facts it needs and how they settle it, who is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.agencies import AGENCIES
from schemas.policy import IMMEDIATE_RISK, LONG_TERM, Clause, ClauseId, Policy, Route
from schemas.vocabulary import ClauseState
from streams.domain.plain_english.wording import FACTS, fact_words, filled, length_words, listed
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.three_valued import Fact, Need

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
    #: Names of the facts it needs.
    facts: tuple[str, ...]
    #: How they settle it; empty for a clause that says how people act and that no fact settles.
    how: tuple[str, ...]
    #: Who is told when it holds, and how soon a person has to look where one is asked; None where nobody is.
    told: str | None
    deadline: str | None


def clause_table(policy: Policy, table: Sequence[ClauseRule] = CLAUSE_RULES) -> tuple[ClauseEntry, ...]:
    """Return the table of a policy, clause by clause in its order."""
    return tuple(_entry(clause, policy, table) for clause in policy.clauses)


def route_words(route: Route) -> str:
    """Return who a route tells."""
    names = [
        f"{AGENCIES[to.agency].name_for_staff}{'' if to.service is None else f', {to.service.value}'}"
        f"{'' if AGENCIES[to.agency].professional is None else ' if known'}"
        for to in route.agencies
    ]
    return listed(names) if route.tell == "all" else ", else ".join(names)


def need_words(need: Need) -> str:
    """Return what is needed of a fact, or of one of several."""
    facts = (need,) if isinstance(need, Fact) else need.facts
    return listed((_fits(fact) for fact in facts), "or")


def needs_of(row: ClauseRule) -> tuple[Need, ...]:
    """Return everything that a row reads of the facts."""
    beside = tuple(need for need in (row.given, row.unless_ad_2) if need is not None)
    # A contradiction is looked at only where the row says what it opens.
    contradicted = (Fact("contradicted"), *row.open_if_contradicted) if row.open_if_contradicted else ()
    return (*row.needs, *beside, *contradicted)


def names_of(need: Need) -> tuple[str, ...]:
    """Return the names of the facts that a need reads."""
    return (need.name,) if isinstance(need, Fact) else tuple(fact.name for fact in need.facts)


def _entry(clause: Clause, policy: Policy, table: Sequence[ClauseRule]) -> ClauseEntry:
    rows = [row for row in table if row.clause is clause.id]
    tells = clause.id in (*IMMEDIATE_RISK, *LONG_TERM)
    return ClauseEntry(
        clause.id.value,
        filled(clause.text, policy),
        filled(clause.plain, policy),
        filled(clause.staff, policy),
        clause.concern,
        tuple(dict.fromkeys(name for row in rows for need in needs_of(row) for name in names_of(need))),
        tuple(_how(row) for row in rows),
        route_words(policy.route_of(clause.id)) if tells else None,
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


def _how(row: ClauseRule) -> str:
    verb = _HOLDS.get(row.clause, "holds when")
    if row.all_met is ClauseState.OPEN:
        verb = "is open, for a private conversation, when"
    given = "" if row.given is None else f"where {need_words(row.given)}, "
    said = f"{given}{verb} {'; and '.join(need_words(need) for need in row.needs)}"
    if row.of_all:
        said += ", of every such concern"
    if row.unless_ad_2 is not None:
        said += f"; and {need_words(row.unless_ad_2)}, else AD-2 applies instead"
    if row.open_if_contradicted:
        met = listed(need_words(need) for need in row.open_if_contradicted)
        said += f"; is open where it would not hold, but {fact_words('contradicted', True)}, {met}"
    return said


def _fits(fact: Fact) -> str:
    words = FACTS[fact.name].values
    # In the order of the closed set, so that the table reads the same each time.
    return listed((said for value, said in words.items() if value in fact.fits), "or")
