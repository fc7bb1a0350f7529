"""The changes between two versions of the policy: of its parameters, and of the outcomes of fact combinations."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from schemas.policy import IMMEDIATE_RISK, LONG_TERM, Clause, Confirmation, Policy, Share
from schemas.vocabulary import Role
from streams.domain.plain_english.clause_table import route_words
from streams.domain.plain_english.explanation import consequence_words
from streams.domain.plain_english.questions import Consequence, consequence
from streams.domain.plain_english.space import Combination, combinations_of
from streams.domain.plain_english.wording import fact_words, length_words, listed, time_words
from streams.domain.policy.clause_results import case_values
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.evaluation import evaluate
from streams.domain.policy.facts import FACTS_OF, CaseFacts
from streams.domain.policy.three_valued import Tri


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of the file that differs, in words."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change from one consequence to another: how many combinations have it, and some of them in words."""

    before: str
    after: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClauseChange:
    """The changes in the combinations of one clause's facts, the most frequent first."""

    clause: str
    combinations: int
    changes: tuple[Change, ...]

    @property
    def changed(self) -> int:
        """How many combinations have another outcome, agency or deadline."""
        return sum(change.count for change in self.changes)


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs between two versions."""

    before: str
    after: str
    parameters: tuple[Parameter, ...]
    clauses: tuple[ClauseChange, ...]

    @property
    def combinations(self) -> int:
        """How many combinations of facts were compared."""
        return sum(each.combinations for each in self.clauses)

    @property
    def changed(self) -> int:
        """How many of them have another outcome, agency or deadline."""
        return sum(each.changed for each in self.clauses)


def difference(
    before: Policy, after: Policy, examples: int = 3, rules: Sequence[ClauseRule] = CLAUSE_RULES
) -> Difference:
    """Return the changes from one version to the other, with at most `examples` examples of each."""
    fact_changes = tuple(_fact_changes(before, after))
    return Difference(
        before.version,
        after.version,
        tuple(_parameters(before, after)),
        tuple(
            _of_clause(combinations_of(clause, rules), clause.value, (before, after), fact_changes, examples, rules)
            for clause in (*IMMEDIATE_RISK, *LONG_TERM)
        ),
    )


class _FactChange(NamedTuple):
    """Facts that may differ between the two versions for one disclosure: its scope, and whether it is confirmed."""

    before: dict[str, Tri]
    after: dict[str, Tri]
    words: tuple[str, ...]


class _Verdict(NamedTuple):
    follows: Consequence
    within: timedelta | None

    def __str__(self) -> str:
        words = consequence_words(self.follows)
        return words if self.within is None else f"{words}; to be looked at within {length_words(self.within)}"


def _of_clause(
    combinations: Iterator[Combination],
    clause: str,
    versions: tuple[Policy, Policy],
    fact_changes: tuple[_FactChange, ...],
    examples: int,
    rules: Sequence[ClauseRule],
) -> ClauseChange:
    total = 0
    counts: Counter[tuple[str, str]] = Counter()
    shown: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for facts, names, count in combinations:
        for fact_change in fact_changes:
            total += count
            was = _verdict(_under(facts, fact_change.before), versions[0], rules)
            becomes = _verdict(_under(facts, fact_change.after), versions[1], rules)
            if was == becomes:
                continue
            change = str(was), str(becomes)
            counts[change] += count
            words = "; ".join((*_fact_texts(facts, names), *fact_change.words))
            # Combinations may have the same words: those of a clause about 18 do not say whether a person is under 16.
            if len(shown[change]) < examples and words not in shown[change]:
                shown[change].append(words)
    changes = (Change(was, becomes, many, tuple(shown[was, becomes])) for (was, becomes), many in counts.most_common())
    return ClauseChange(clause, total, tuple(changes))


def _under(facts: CaseFacts, differing: dict[str, Tri]) -> CaseFacts:
    values: dict[str, Any] = dict(differing)
    return facts._replace(**values)


def _verdict(facts: CaseFacts, policy: Policy, rules: Sequence[ClauseRule]) -> _Verdict:
    follows = consequence(evaluate(facts, policy, rules))
    if follows.reason is None:
        return _Verdict(follows, None)
    return _Verdict(follows, policy.deadlines.emergency if follows.pressing else policy.deadlines.other)


def _fact_texts(facts: CaseFacts, names: Sequence[str]) -> Iterator[str]:
    concern = facts.concerns[0]
    values = case_values(facts) | dict(zip(FACTS_OF[concern.kind], concern.values, strict=True))
    yield from (fact_words(name, values[name]) for name in names)


def _fact_changes(before: Policy, after: Policy) -> Iterator[_FactChange]:
    """Yield each change of facts by the disclosure's time or by who confirmed it, one difference at a time."""
    trained = "made_or_confirmed_by_trained"
    ways: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    for role in Role:
        for counts, words in _ways_to_confirm(role, before, after):
            ways[counts].append(words)
    for (was, becomes), whose in ways.items():
        words = fact_words(trained, was) if was is becomes else f"made or confirmed by a {listed(whose, 'or')}"
        yield _FactChange({trained: was}, {trained: becomes}, (words,))
    if before.current_for != after.current_for:
        shorter, longer = sorted((before.current_for, after.current_for))
        words = f"assessed more than {length_words(shorter)} and up to {length_words(longer)} after it was disclosed"
        yield _in_one("within_current_for", longer == before.current_for, words)
    if before.in_scope_from != after.in_scope_from:
        earlier, later = sorted((before.in_scope_from, after.in_scope_from))
        words = f"disclosed from {time_words(earlier)} to before {time_words(later)}"
        yield _in_one("on_or_after_effective_from", earlier == before.in_scope_from, words)
    if before.earliest != after.earliest:
        earlier, later = sorted((before.earliest, after.earliest))
        words = f"disclosed from {time_words(earlier)} to before {time_words(later)}"
        # Under one version the time is unknown, under the other it is known and before the policy took effect.
        known: dict[str, Tri] = {"on_or_after_effective_from": False}
        unknown: dict[str, Tri] = {"on_or_after_effective_from": None}
        is_known_before = earlier == before.earliest
        yield _FactChange(known, unknown, (words,)) if is_known_before else _FactChange(unknown, known, (words,))


def _ways_to_confirm(role: Role, before: Policy, after: Policy) -> Iterator[tuple[tuple[bool, bool], str]]:
    """Yield each way in which a role may confirm, in words, and whether it counts under either version."""
    words = role.value.replace("_", " ")
    signed = role in before.trained, role in after.trained
    stated = _is_believed(role, before), _is_believed(role, after)
    if signed == stated:
        yield signed, words
    else:
        yield signed, f"{words} (a signed outcome)"
        yield stated, f"{words} (the word of the service)"


def _is_believed(role: Role, policy: Policy) -> bool:
    return role in policy.trained and policy.confirmation is Confirmation.SERVICE


def _in_one(name: str, in_before: bool, words: str) -> _FactChange:
    return _FactChange({name: in_before}, {name: not in_before}, (words,))


def _parameters(before: Policy, after: Policy) -> Iterator[Parameter]:
    pairs = (
        ("version", before.version, after.version),
        ("effective_from", before.effective_from, after.effective_from),
        ("effective_until", before.effective_until, after.effective_until),
        ("current_for", before.current_for, after.current_for),
        ("repeat_window", before.repeat_window, after.repeat_window),
        ("tell_within", before.tell_within, after.tell_within),
        ("clock_tolerance", before.clock_tolerance, after.clock_tolerance),
        ("earliest", before.earliest, after.earliest),
        ("trained", listed(sorted(before.trained)), listed(sorted(after.trained))),
        ("confirmation", before.confirmation, after.confirmation),
        ("deadlines.emergency", before.deadlines.emergency, after.deadlines.emergency),
        ("deadlines.other", before.deadlines.other, after.deadlines.other),
        *(
            (f"route of {clause}", route_words(before.route_of(clause)), route_words(after.route_of(clause)))
            for clause in (*IMMEDIATE_RISK, *LONG_TERM)
        ),
        *(
            (f"shares.{agency}.{name}", _share(share, name), _share(after.shares[agency], name))
            for agency, share in before.shares.items()
            for name in Share.model_fields
        ),
        *(
            (f"{clause.id} {name}", getattr(clause, name), getattr(after.words_of(clause.id), name))
            for clause in before.clauses
            for name in Clause.model_fields
        ),
    )
    yield from (Parameter(name, _value(was), _value(becomes)) for name, was, becomes in pairs if was != becomes)


def _share(share: Share, name: str) -> str:
    return listed(share.fields) if name == "fields" else getattr(share, name)


def _value(value: str | datetime | timedelta | None) -> str:
    match value:
        case None:
            return "none"
        case datetime():
            return time_words(value)
        case timedelta():
            return length_words(value)
        case _:
            return str(value)
