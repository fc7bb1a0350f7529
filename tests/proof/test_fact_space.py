"""Every combination of the facts that each clause depends on: both formulations agree, and the invariants hold.

`spaces` explains what is enumerated and why that covers the rest; `decision_table.toml` is the second formulation.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest

from schemas.policy import load_policies
from schemas.vocabulary import ConcernKind
from streams.domain.plain_english.clause_table import conditions_of, names_of
from streams.domain.policy.clause_rules import CLAUSE_RULES, CONCERNS
from streams.domain.policy.evaluation import evaluate
from tests.proof.comparison import agree, severity, verdict_of
from tests.proof.covered import COVERED
from tests.proof.second import TABLES, Verdict, verdict
from tests.proof.spaces import AGE, AR_1, SAFE, SCOPE, Dimension, Space, older, pairs, spaces, steps

POLICY = load_policies().named(TABLES["parameters"]["version"])
SPACES = [space for kind in ConcernKind for space in spaces(kind)]
_STRENGTH = {"does_not_hold": 0, "open": 1, "holds": 2}
#: How many answers a clause may need until it is not open, if more than one.
_ANSWERS = {each["clause"]: each["answers"] for each in TABLES["several_answers"]}
_FALLS = {each["fact"]: frozenset(each["weakens"]) for each in TABLES["falls"]}


class Decided(NamedTuple):
    """The verdict on each combination of a space, in its order, as an index into the different verdicts."""

    numbers: "array[int]"
    verdicts: list[Verdict]

    def of(self, combination: int) -> Verdict:
        return self.verdicts[self.numbers[combination]]


_decided: dict[Space, Decided] = {}


def _in(space: Space) -> Decided:
    if space not in _decided:
        numbers = array("l")
        known: dict[Verdict, int] = {}
        for facts in space:
            evaluation = evaluate(facts, POLICY, CLAUSE_RULES)
            follows = verdict_of(evaluation)
            assert len(follows.states) == len(evaluation.findings), f"a clause was found twice: {facts}"
            numbers.append(known.setdefault(follows, len(known)))
        _decided[space] = Decided(numbers, list(known))
    return _decided[space]


def _named(space: Space) -> str:
    return f"{space.kind.value} {space.name}"


#: The largest spaces: `make unit` leaves them out, `make test` does not.
_LONG = {"suicide facts", "abuse facts"}
every_space = pytest.mark.parametrize(
    "space",
    [
        pytest.param(space, id=_named(space), marks=[pytest.mark.long] if _named(space) in _LONG else [])
        for space in SPACES
    ],
)


@every_space
def test_both_formulations_agree(space: Space) -> None:
    decided = _in(space)

    for combination, facts in enumerate(space):
        expected = verdict(facts)
        assert agree(decided.of(combination), expected), f"{facts}\nfound {decided.of(combination)}\n not {expected}"

    assert len(decided.numbers) == len(space)
    COVERED[space.kind.value] += len(space)


@pytest.mark.long
def test_both_formulations_agree_on_every_pair_of_concerns() -> None:
    for facts in pairs():
        found, expected = verdict_of(evaluate(facts, POLICY, CLAUSE_RULES)), verdict(facts)
        assert agree(found, expected), f"{facts}\nfound {found}\n not {expected}"
        COVERED["pairs of concerns"] += 1


@every_space
def test_exactly_one_outcome_with_all_that_belongs_to_it(space: Space) -> None:
    for follows in _in(space).verdicts:
        agencies = {agency.partition("/")[0] for agency, _ in follows.agencies}
        match follows.outcome:
            case "emergency":
                unknown_time = "open" in (state for clause, state in follows.states if clause.startswith("SCOPE-"))
                assert (agencies, follows.reason) == ({"999"}, "missing_fact" if unknown_time else None)
                assert not follows.pressing
            case "refer":
                assert agencies
                assert "999" not in agencies
            case "review":
                assert follows.reason is not None
                assert bool(agencies) == (follows.reason == "confirmation")
            case "confidential" | "out_of_scope" as outcome:
                assert follows == Verdict(outcome, states=follows.states)
            case _:
                pytest.fail(f"no outcome of the policy: {follows}")


@every_space
def test_nothing_is_reported_outside_the_scope(space: Space) -> None:
    decided = _in(space)

    for combination, facts in enumerate(space):
        outside = False in (facts.on_or_after_effective_from, facts.within_current_for)
        assert (decided.of(combination).outcome == "out_of_scope") is outside, facts


@every_space
def test_an_adult_not_at_risk_never_gets_a_report_that_is_no_emergency(space: Space) -> None:
    decided = _in(space)

    for combination, facts in enumerate(space):
        if facts.under_18 is False and False in (getattr(facts, name) for name in AR_1):
            follows = decided.of(combination)
            assert "refer" not in (follows.outcome, follows.proposed), facts
            assert all(agency.startswith("999/") for agency, _ in follows.agencies), facts


@every_space
def test_no_outcome_falls_when_a_risk_becomes_yes(space: Space) -> None:
    decided = _in(space)
    levels = [severity(each) for each in decided.verdicts]

    for dimension, stride in zip(space.dimensions, space.strides, strict=True):
        for before, after, fact in steps(dimension):
            if fact == "says_safe":
                continue
            for combination in _at(space, dimension, stride, before):
                beyond = combination + (after - before) * stride
                if levels[decided.numbers[beyond]] < levels[decided.numbers[combination]]:
                    pytest.fail(f"{fact}: {decided.of(combination)}\nfalls to {decided.of(beyond)}")


def test_an_outcome_falls_only_where_the_policy_demands_it_of_these_clauses() -> None:
    weakened: dict[str, set[str]] = {fact: set() for fact in _FALLS}
    for space in SPACES:
        decided = _in(space)
        for dimension, stride in zip(space.dimensions, space.strides, strict=True):
            for before, after, fact in (*steps(dimension), *older(dimension)):
                if fact not in _FALLS:
                    continue
                for combination in _at(space, dimension, stride, before):
                    was, becomes = decided.of(combination), decided.of(combination + (after - before) * stride)
                    if severity(becomes) < severity(was):
                        clauses = _weakened(was, becomes)
                        assert clauses & _FALLS[fact], f"{fact}: {was}\nfalls to {becomes}"
                        weakened[fact] |= clauses

    # Every listed clause is weakened somewhere, and no other is.
    assert weakened == {fact: set(clauses) for fact, clauses in _FALLS.items()}


@every_space
def test_every_open_clause_asks_for_facts_whose_answers_decide_it(space: Space) -> None:
    decided = _in(space)
    checked = 0
    distances = _answers(space)
    open_in = [[clause for clause, state in each.states if state == "open"] for each in decided.verdicts]
    states = [dict(each.states) for each in decided.verdicts]

    for combination, number in enumerate(decided.numbers):
        follows = decided.verdicts[number]
        if follows.reason is None or not open_in[number]:
            continue
        for clause in open_in[number]:
            checked += 1
            reached, answers = {combination}, 0
            while all(states[decided.numbers[each]].get(clause) == "open" for each in reached):
                answers += 1
                reached = {beyond for each in reached for beyond in _answered(each, decided.of(each).asks, distances)}
                if not reached or answers > _ANSWERS.get(clause, 1):
                    pytest.fail(f"the facts asked for do not decide {clause}: {follows}")

    assert checked or space.name == "scope"


def test_every_fact_that_a_rule_reads_is_enumerated_in_its_space() -> None:
    for rule in CONCERNS:
        read = {name for condition in conditions_of(rule) for name in names_of(condition)}
        # These two follow from facts that are enumerated.
        read = {
            each
            for name in read
            for each in {"adult_at_risk": AR_1, "life_in_danger": ("immediate_danger",)}.get(name, (name,))
        }
        kinds = ConcernKind if rule.kind is None else (rule.kind,)
        for kind in kinds:
            assert any(read <= {name for each in space.dimensions for name in each.names} for space in spaces(kind)), (
                f"{rule.clause}: {read}"
            )


def _at(space: Space, dimension: Dimension, stride: int, value: int) -> Iterator[int]:
    """Yield every combination of a space in which a dimension has one of its values."""
    size = len(dimension.values)
    for block in range(value * stride, len(space), stride * size):
        yield from range(block, block + stride)


def _weakened(was: Verdict, becomes: Verdict) -> set[str]:
    after = dict(becomes.states)
    return {
        clause
        for clause, state in was.states
        if clause.startswith(("IR-", "LT-")) and _STRENGTH[after.get(clause, "does_not_hold")] < _STRENGTH[state]
    }


def _answers(space: Space) -> dict[str, tuple[int, int, list[list[int]]]]:
    """Return for each path its stride, its number of values, and from each value the distances to the answers."""
    found = {}
    for dimension, stride in zip(space.dimensions, space.strides, strict=True):
        for path, name in _paths(dimension):
            distances = [
                [
                    (after - before) * stride
                    for after, becomes in enumerate(dimension.values)
                    if after != before and _answer(dimension, name, was, becomes)
                ]
                for before, was in enumerate(dimension.values)
            ]
            found[path] = (stride, len(dimension.values), distances)
    return found


def _answered(
    combination: int, asks: Iterable[str], distances: dict[str, tuple[int, int, list[list[int]]]]
) -> Iterator[int]:
    for stride, size, answers in (distances[path] for path in asks if path in distances):
        for distance in answers[combination // stride % size]:
            yield combination + distance


def _paths(dimension: Dimension) -> Iterable[tuple[str, str]]:
    if dimension.names == AGE:
        return [("subject.age", "")]
    if dimension.names[0] in SCOPE:
        return [(TABLES["paths"][name], name) for name in dimension.names]
    part = "concerns[0]" if dimension.of_concern else "subject.adult_at_risk" if dimension.names == AR_1 else "safety"
    return [(f"{part}.{name}", name) for name in dimension.names]


def _answer(dimension: Dimension, name: str, was: tuple[object, ...], becomes: tuple[object, ...]) -> bool:
    """Return whether one value is the other with this fact answered; an answered age answers both limits."""
    before = dict(zip(dimension.names, was, strict=True))
    after = dict(zip(dimension.names, becomes, strict=True))
    if dimension.names == AGE:
        return None not in becomes and all(old in (None, new) for old, new in zip(was, becomes, strict=True))
    # Without a statement of safety there is nothing to contradict.
    beside = {"contradicted": False} if dimension.names == SAFE and name == "says_safe" else {}
    return after[name] is not None and after == before | beside | {name: after[name]}
