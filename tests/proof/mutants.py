"""Every cell of the policy, changed once: the rows of the table, the version's file, and the orders that are data."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from unittest import mock

from schemas.policy import IMMEDIATE_RISK, LONG_TERM, ClauseId, Policy
from schemas.policy.document import Addressee, ShareField
from schemas.vocabulary import Agency, ClauseState, ConcernKind, Role
from streams.domain.policy import age, evaluation, findings, routing
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.three_valued import AnyOf, Fact, Need, Value
from tests.proof.spaces import CLOSED

#: Whatever fact is not of a closed set is yes or no.
_DOMAINS: dict[str, tuple[Value, ...]] = {name: values[:-1] for name, values in CLOSED.items()}


@dataclass(frozen=True)
class Mutant:
    """One change; what it is decided with, and the clauses in whose space it should be seen."""

    name: str
    policy: Policy
    table: tuple[ClauseRule, ...] = CLAUSE_RULES
    clauses: tuple[ClauseId, ...] = ()
    #: It shows between several concerns, if anywhere.
    of_several: bool = False
    patch: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)


def of_table(policy: Policy) -> Iterator[Mutant]:
    """Yield each cell of the table changed once."""
    for place, row in enumerate(CLAUSE_RULES):
        number = sum(each.clause is row.clause for each in CLAUSE_RULES[: place + 1])
        where = f"{row.clause} row {number}"
        yield Mutant(f"{where}: left out", policy, (*CLAUSE_RULES[:place], *CLAUSE_RULES[place + 1 :]), (row.clause,))
        for what, changed in _of_row(row):
            several = changed.of_all is not row.of_all
            table = (*CLAUSE_RULES[:place], changed, *CLAUSE_RULES[place + 1 :])
            yield Mutant(f"{where}: {what}", policy, table, (row.clause,), several)


def _of_row(row: ClauseRule) -> Iterator[tuple[str, ClauseRule]]:
    for cells in ("needs", "open_if_contradicted"):
        needs: tuple[Need, ...] = getattr(row, cells)
        for place, need in enumerate(needs):
            before, after = needs[:place], needs[place + 1 :]
            yield f"{cells}[{place}] left out", _with(row, cells, (*before, *after))
            for what, changed in _of_need(need):
                yield f"{cells}[{place}] {what}", _with(row, cells, (*before, changed, *after))
    for cell in ("given", "unless_ad_2"):
        need_or_none: Need | None = getattr(row, cell)
        if need_or_none is not None:
            yield f"{cell} left out", _with(row, cell, None)
            for what, changed in _of_need(need_or_none):
                yield f"{cell} {what}", _with(row, cell, changed)
    for state in ClauseState:
        if state is not row.all_met:
            yield f"all_met {state}", _with(row, "all_met", state)
    yield f"of_all {not row.of_all}", _with(row, "of_all", not row.of_all)
    yield f"asks {not row.asks}", _with(row, "asks", not row.asks)
    if row.kind is not None:
        kinds = list(ConcernKind)
        yield "kind of another", _with(row, "kind", kinds[(kinds.index(row.kind) + 1) % len(kinds)])


def _with(row: ClauseRule, cell: str, value: object) -> ClauseRule:
    changed: dict[str, Any] = {cell: value}
    return replace(row, **changed)


def _of_need(need: Need) -> Iterator[tuple[str, Need]]:
    if isinstance(need, Fact):
        domain = _DOMAINS.get(need.name, (False, True))
        for value in domain:
            yield (
                f"{need.name}: {value} {'no longer' if value in need.fits else 'too'}",
                Fact(need.name, need.fits ^ {value}),
            )
        if len(domain) == 2:
            yield f"{need.name}: turned round", Fact(need.name, frozenset(domain) - need.fits)
        return
    for place, fact in enumerate(need.facts):
        others = need.facts[:place], need.facts[place + 1 :]
        yield f"without {fact.name}", AnyOf(*others[0], *others[1])
        for what, changed in _of_need(fact):
            assert isinstance(changed, Fact)
            yield what, AnyOf(*others[0], changed, *others[1])


def of_file(policy: Policy) -> Iterator[Mutant]:
    """Yield each route, deadline and parameter of the version changed once."""
    yield from _of_routes(policy)
    for name in ("current_for", "repeat_window", "tell_within"):
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
        for place, agency in enumerate(route.agencies):
            before, after = route.agencies[:place], route.agencies[place + 1 :]
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
    for place, clause in enumerate(policy.clauses):
        if clause.concern is None:
            continue
        beside = kinds[(kinds.index(clause.concern) + 1) % len(kinds)] if clause.concern in kinds else kinds[0]
        for concern in (None, "any", beside):
            if concern == clause.concern:
                continue
            changed = clause.model_copy(update={"concern": None if concern is None else _kind(concern)})
            clauses = (*policy.clauses[:place], changed, *policy.clauses[place + 1 :])
            yield _changed(policy, f"{clause.id} concern {concern}", (clause.id,), clauses=clauses)


def _kind(concern: str) -> str:
    return concern if concern == "any" else ConcernKind(concern)


def _changed(policy: Policy, name: str, shown_in: tuple[ClauseId, ...] = (), **parts: Any) -> Mutant:
    return Mutant(name, policy.model_copy(update=parts), clauses=shown_in)


def of_orders(policy: Policy) -> Iterator[Mutant]:
    """Yield each order, limit and correspondence that the program has as data, changed once."""
    yield from _swapped(policy, evaluation, "_REASONS", (ClauseId.LT_6,))
    yield from _swapped(policy, findings, "_WEAKEST_FIRST", (ClauseId.IR_0,))
    for tri, state in findings._STATE_OF.items():
        for other in ClauseState:
            if other is not state:
                changed = {**findings._STATE_OF, tri: other}
                yield _patched(policy, f"{tri} as {other}", findings, "_STATE_OF", changed, (ClauseId.IR_2,))
    for name in findings._AT_RISK:
        without = tuple(each for each in findings._AT_RISK if each != name)
        yield _patched(policy, f"at risk without {name}", findings, "_AT_RISK", without, (ClauseId.LT_3,))
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
    for place, (one, other) in enumerate(pairwise(order)):
        changed = (*order[:place], other, one, *order[place + 2 :])
        yield _patched(policy, f"{name}: {other} before {one}", module, name, changed, clauses)


def _patched(
    policy: Policy, said: str, module: Any, name: str, value: object, clauses: tuple[ClauseId, ...] = ()
) -> Mutant:
    several = name in ("_REASONS", "_WEAKEST_FIRST")
    return Mutant(
        said, policy, clauses=clauses, of_several=several, patch=lambda: mock.patch.object(module, name, value)
    )
