"""Every cell of the policy, changed once: the clause rules, the version's file, and the orders that are data."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from unittest import mock

from schemas.policy import IMMEDIATE_RISK, LONG_TERM, ClauseId, Policy
from schemas.policy.document import Addressee, Confirmation, ShareField
from schemas.vocabulary import Agency, ClauseState, ConcernKind, Role
from streams.domain.policy import age, clause_results, evaluation, routing
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.three_valued import AnyOf, Condition, Fact, Value
from tests.proof.spaces import CLOSED

#: The values of each fact from a closed set; every other fact is yes or no.
_DOMAINS: dict[str, tuple[Value, ...]] = {name: values[:-1] for name, values in CLOSED.items()}


@dataclass(frozen=True)
class Mutant:
    """One change: the policy and the rules with it, and the clauses in whose space a test should fail."""

    name: str
    policy: Policy
    rules: tuple[ClauseRule, ...] = CLAUSE_RULES
    clauses: tuple[ClauseId, ...] = ()
    #: Only cases with several concerns can show it.
    of_several: bool = False
    patch: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)


def of_rules(policy: Policy) -> Iterator[Mutant]:
    """Yield each cell of the clause rules changed once."""
    for index, rule in enumerate(CLAUSE_RULES):
        number = sum(each.clause is rule.clause for each in CLAUSE_RULES[: index + 1])
        where = f"{rule.clause} rule {number}"
        yield Mutant(f"{where}: left out", policy, (*CLAUSE_RULES[:index], *CLAUSE_RULES[index + 1 :]), (rule.clause,))
        for what, changed in _of_rule(rule):
            several = changed.of_all is not rule.of_all
            rules = (*CLAUSE_RULES[:index], changed, *CLAUSE_RULES[index + 1 :])
            yield Mutant(f"{where}: {what}", policy, rules, (rule.clause,), several)


def _of_rule(rule: ClauseRule) -> Iterator[tuple[str, ClauseRule]]:
    for cells in ("conditions", "open_if_contradicted"):
        conditions: tuple[Condition, ...] = getattr(rule, cells)
        for index, condition in enumerate(conditions):
            before, after = conditions[:index], conditions[index + 1 :]
            yield f"{cells}[{index}] left out", _with(rule, cells, (*before, *after))
            for what, changed in _of_condition(condition):
                yield f"{cells}[{index}] {what}", _with(rule, cells, (*before, changed, *after))
    for cell in ("given", "unless_ad_2"):
        or_none: Condition | None = getattr(rule, cell)
        if or_none is not None:
            yield f"{cell} left out", _with(rule, cell, None)
            for what, changed in _of_condition(or_none):
                yield f"{cell} {what}", _with(rule, cell, changed)
    for state in ClauseState:
        if state is not rule.all_met:
            yield f"all_met {state}", _with(rule, "all_met", state)
    yield f"of_all {not rule.of_all}", _with(rule, "of_all", not rule.of_all)
    yield f"asks {not rule.asks}", _with(rule, "asks", not rule.asks)
    if rule.kind is not None:
        kinds = list(ConcernKind)
        yield "kind of another", _with(rule, "kind", kinds[(kinds.index(rule.kind) + 1) % len(kinds)])


def _with(rule: ClauseRule, cell: str, value: object) -> ClauseRule:
    changed: dict[str, Any] = {cell: value}
    return replace(rule, **changed)


def _of_condition(condition: Condition) -> Iterator[tuple[str, Condition]]:
    if isinstance(condition, Fact):
        domain = _DOMAINS.get(condition.name, (False, True))
        for value in domain:
            yield (
                f"{condition.name}: {value} {'no longer' if value in condition.fits else 'too'}",
                Fact(condition.name, condition.fits ^ {value}),
            )
        if len(domain) == 2:
            yield f"{condition.name}: turned round", Fact(condition.name, frozenset(domain) - condition.fits)
        return
    for index, fact in enumerate(condition.facts):
        others = condition.facts[:index], condition.facts[index + 1 :]
        yield f"without {fact.name}", AnyOf(*others[0], *others[1])
        for what, changed in _of_condition(fact):
            assert isinstance(changed, Fact)
            yield what, AnyOf(*others[0], changed, *others[1])


def of_file(policy: Policy) -> Iterator[Mutant]:
    """Yield each route, deadline and parameter of the version changed once."""
    yield from _of_routes(policy)
    for name in ("current_for", "repeat_window", "tell_within", "clock_tolerance"):
        for by in (-1, 1):
            yield _changed(policy, f"{name} {by:+} minute", **{name: getattr(policy, name) + timedelta(minutes=by)})
    for name in ("emergency", "other"):
        for by in (-1, 1):
            moved = getattr(policy.deadlines, name) + timedelta(minutes=by)
            deadlines = policy.deadlines.model_copy(update={name: moved})
            yield _changed(policy, f"deadlines.{name} {by:+} minute", deadlines=deadlines)
    for seconds in (-1, 1):
        start = policy.effective_from + timedelta(seconds=seconds)
        yield Mutant(
            f"effective_from {seconds:+} second",
            policy.model_copy(update={"effective_from": start}).within_scope_from(start),
        )
    for seconds in (-1, 1):
        yield _changed(policy, f"earliest {seconds:+} second", earliest=policy.earliest + timedelta(seconds=seconds))
    for confirmation in Confirmation:
        if confirmation is not policy.confirmation:
            yield _changed(policy, f"confirmation {confirmation}", confirmation=confirmation)
    for role in Role:
        trained = tuple(each for each in Role if (each in policy.trained) is not (each is role))
        yield _changed(policy, f"trained {role}", trained=trained)
    yield from _of_shares(policy)
    yield from _of_clauses(policy)


def _of_routes(policy: Policy) -> Iterator[Mutant]:
    for clause in (*IMMEDIATE_RISK, *LONG_TERM):
        route = policy.route_of(clause)
        changes: list[tuple[str, dict[str, Any]]] = [
            (f"tell {'first' if route.tell == 'all' else 'all'}", {"tell": "first" if route.tell == "all" else "all"})
        ]
        others = [Addressee(agency, None) for agency in Agency if agency is not Agency.EMERGENCY_999]
        others += [policy.route_of(ClauseId.IR_0).agencies[0], policy.route_of(ClauseId.IR_1).agencies[0]]
        for index, agency in enumerate(route.agencies):
            before, after = route.agencies[:index], route.agencies[index + 1 :]
            changes.append((f"without {agency}", {"agencies": (*before, *after)}))
            changes.extend(
                (f"{other} for {agency}", {"agencies": (*before, other, *after)})
                for other in others
                if other not in route.agencies
            )
            if after:
                changes.append((f"{agency} later", {"agencies": (*before, after[0], agency, *after[1:])}))
        changes.extend(
            (f"{other} too", {"agencies": (*route.agencies, other)}) for other in others if other not in route.agencies
        )
        for what, change in changes:
            own = route.model_copy(update={"clauses": (clause,), **change})
            yield _changed(policy, f"route of {clause}: {what}", (clause,), routes=(own, *policy.routes))


def _of_shares(policy: Policy) -> Iterator[Mutant]:
    for agency, share in policy.shares.items():
        for given in ShareField:
            fields = tuple(each for each in ShareField if (each in share.fields) is not (each is given))
            yield _changed(
                policy,
                f"shares.{agency}: {given}",
                shares=policy.shares | {agency: share.model_copy(update={"fields": fields})},
            )
        concerns = "all" if share.concerns == "reported" else "reported"
        other = share.model_copy(update={"concerns": concerns})
        yield _changed(policy, f"shares.{agency}: concerns {concerns}", shares=policy.shares | {agency: other})


def _of_clauses(policy: Policy) -> Iterator[Mutant]:
    kinds: list[str] = [kind.value for kind in ConcernKind]
    for index, clause in enumerate(policy.clauses):
        if clause.concern is None:
            continue
        beside = kinds[(kinds.index(clause.concern) + 1) % len(kinds)] if clause.concern in kinds else kinds[0]
        for concern in (None, "any", beside):
            if concern == clause.concern:
                continue
            changed = clause.model_copy(update={"concern": None if concern is None else _kind(concern)})
            clauses = (*policy.clauses[:index], changed, *policy.clauses[index + 1 :])
            yield _changed(policy, f"{clause.id} concern {concern}", (clause.id,), clauses=clauses)


def _kind(concern: str) -> str:
    return concern if concern == "any" else ConcernKind(concern)


def _changed(policy: Policy, name: str, shown_in: tuple[ClauseId, ...] = (), **parts: Any) -> Mutant:
    return Mutant(name, policy.model_copy(update=parts), clauses=shown_in)


def of_orders(policy: Policy) -> Iterator[Mutant]:
    """Yield each order, limit and mapping that the program has as data, changed once."""
    yield from _swapped(policy, evaluation, "_REASONS", (ClauseId.LT_6,))
    yield from _swapped(policy, clause_results, "_WEAKEST_FIRST", (ClauseId.IR_0,))
    for tri, state in clause_results._STATE_OF.items():
        for other in ClauseState:
            if other is not state:
                changed = {**clause_results._STATE_OF, tri: other}
                yield _patched(policy, f"{tri} as {other}", clause_results, "_STATE_OF", changed, (ClauseId.IR_2,))
    for name in clause_results._AT_RISK:
        without = tuple(each for each in clause_results._AT_RISK if each != name)
        yield _patched(policy, f"at risk without {name}", clause_results, "_AT_RISK", without, (ClauseId.LT_3,))
    for agency, role in routing.OWN.items():
        fewer = {each: who for each, who in routing.OWN.items() if each is not agency}
        yield _patched(policy, f"{agency} told unknown", routing, "OWN", fewer, (ClauseId.LT_6,))
        others = [each for each in routing.OWN.values() if each is not role]
        yield _patched(
            policy, f"{agency} by {others[0]}", routing, "OWN", {**routing.OWN, agency: others[0]}, (ClauseId.LT_6,)
        )
    for band, (young, minor) in age._UNDER.items():
        for said in ((not young, minor), (young, not minor)):
            yield _patched(policy, f"band {band} as {said}", age, "_UNDER", {**age._UNDER, band: said})
    for clauses, name in ((IMMEDIATE_RISK, "IMMEDIATE_RISK"), (LONG_TERM, "LONG_TERM")):
        for clause in clauses:
            less = tuple(each for each in clauses if each is not clause)
            yield _patched(policy, f"{name} without {clause}", evaluation, name, less, (clause,))


def _swapped(policy: Policy, module: Any, name: str, clauses: tuple[ClauseId, ...]) -> Iterator[Mutant]:
    order: Sequence[Any] = getattr(module, name)
    for index, (one, other) in enumerate(pairwise(order)):
        changed = (*order[:index], other, one, *order[index + 2 :])
        yield _patched(policy, f"{name}: {other} before {one}", module, name, changed, clauses)


def _patched(
    policy: Policy, said: str, module: Any, name: str, value: object, clauses: tuple[ClauseId, ...] = ()
) -> Mutant:
    several = name in ("_REASONS", "_WEAKEST_FIRST")
    return Mutant(
        said, policy, clauses=clauses, of_several=several, patch=lambda: mock.patch.object(module, name, value)
    )
