"""The second formulation of the policy: reads `decision_table.toml`, and shares no code with the first.

Unknown is a value of its own (`?`), so a row is met or not, without a logic of three values. From the program it uses
only the shape of the facts (names, positions and kinds), and turns them into words first.
"""

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from streams.domain.policy.facts import FACTS_OF, CaseFacts, ConcernFacts

TABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("decision_table.toml").read_text(encoding="utf-8"))

_STRENGTH = ("does_not_hold", "open", "open_by_safe", "holds")
_LONG_TERM = ("LT-1", "LT-2", "LT-3", "LT-4", "LT-5", "LT-6")
_IMMEDIATE = ("IR-0", "IR-1", "IR-2", "IR-3", "IR-4", "IR-5")
_ORDER = ("confirmation", "safeguarding_lead", "private_conversation", "missing_fact", "no_route")


class Verdict(NamedTuple):
    """What follows for the person, in words."""

    outcome: str
    proposed: str | None = None
    reason: str | None = None
    #: Whether the emergency deadline counts.
    pressing: bool = False
    #: Each agency (999 with its service) and the clauses of its report, in order.
    agencies: tuple[tuple[str, tuple[str, ...]], ...] = ()
    asks: frozenset[str] = frozenset()
    states: frozenset[tuple[str, str]] = frozenset()


class _Row(NamedTuple):
    cells: tuple[tuple[str, frozenset[str]], ...]
    result: str
    asks: tuple[str, ...] | None


def _parsed(line: str) -> _Row:
    left, _, right = line.partition("->")
    cells = tuple((name, frozenset(values.split("|"))) for name, values in (each.split("=") for each in left.split()))
    result, _, asks = right.partition(" asks ")
    return _Row(cells, result.strip(), tuple(asks.split()) or None)


def _rows(lines: list[str]) -> tuple[_Row, ...]:
    return tuple(_parsed(line) for line in lines)


_DERIVED = [(each["name"], tuple(each["of"]), _rows(each["rows"])) for each in TABLES["derived"]]
_CLAUSES = [
    (each["id"], each["kind"], _rows(each.get("comes_up", ["->"])), _rows(each["rows"])) for each in TABLES["clauses"]
]
_PULLS = [(each["kind"], _rows(each["rows"])) for each in TABLES["pulls_apart"]]
_ROUTES = {clause: _rows(each["rows"]) for each in TABLES["routes"] for clause in each["clauses"]}
_OUTCOMES, _BESIDE = _rows(TABLES["outcomes"]["rows"]), _rows(TABLES["outcomes"]["beside"])
_BESIDE_EMERGENCY = _rows(TABLES["outcomes"]["beside_emergency"])
_OF = {name: of for name, of, _ in _DERIVED}
_PATHS: dict[str, str] = TABLES["paths"]
_NONE = _Row((), "does_not_hold", None)

#: No clause of a concern reads these.
_AFTER = {"made_or_confirmed_by_trained", "social_worker_known", "care_professional_known"}

Words = dict[str, str]
#: The same, hashable for the caches.
Pairs = tuple[tuple[str, str], ...]
#: Each clause with its state and the paths that it asks for.
Found = tuple[tuple[str, tuple[str, frozenset[str]]], ...]


def verdict(facts: CaseFacts) -> Verdict:
    """Return the verdict of the tables on these facts; AR-1 is always among the states, needed or not."""
    case, seen, outside = _case_words(facts[:-1])
    if outside:
        return outside
    life = _yes(any(_word(concern.values[0]) == "life" for concern in facts.concerns))
    looked, pulled = _of_concerns(facts.concerns, seen, life)
    found = looked + _of_case("case", (*seen, ("life", life), ("pulled", pulled)))
    return _outcome(found, case)


@lru_cache(maxsize=65536)
def _outcome(looked: Found, words: Pairs) -> Verdict:
    case = dict(words)
    found = dict(_of_case("scope", words) + looked)
    state = {clause: of for clause, (of, _) in found.items()}
    ir = _strongest(state.get(clause, "does_not_hold") for clause in _IMMEDIATE)
    lt = [clause for clause in _LONG_TERM if state.get(clause) == "holds"]
    agencies = _reported(lt, case)
    routed = {clause for _, clauses in agencies for clause in clauses}
    columns = {
        "scope": "in",
        "ir": ir,
        "ad_2": state.get("AD-2", "does_not_hold"),
        "lt": "holds" if lt else "does_not_hold",
        "talk": _yes(case["says_safe"] == "yes" or case["unclear"] == "yes"),
        "conversation": _yes("holds" in (state.get("SAFE-3"), state.get("SAFE-5"))),
        "opened_by_safe": _yes("open_by_safe" in [state.get(clause) for clause in _LONG_TERM]),
        "lt_missing": _yes("open" in [state.get(clause) for clause in _LONG_TERM]),
        "when": "?" if "open" in (state["SCOPE-1"], state["SCOPE-2"]) else "known",
        "unrouted": _yes(any(clause not in routed for clause in lt)),
    }
    outcome, *rest = _first(_OUTCOMES, columns).result.split()
    reasons = {*rest[:1]} - {"-"}
    pressing, proposed = rest[1:] == ["emergency"], None
    if outcome == "emergency":
        agencies = _reported([clause for clause in _IMMEDIATE if state.get(clause) == "holds"], case)
        reasons |= {row.result for row in _BESIDE_EMERGENCY if _fits(row, columns)}
    elif outcome == "refer":
        reasons |= {row.result for row in _BESIDE if _fits(row, columns)}
    else:
        agencies = ()
    if outcome in ("emergency", "refer"):
        if not agencies:
            outcome, proposed = "review", outcome
        else:
            case_1 = _of_case("telling", words)
            found = found | dict(case_1)
            if "holds" in [of for _, (of, _) in case_1]:
                outcome, proposed, reasons = "review", outcome, reasons | {"confirmation"}
    reason = next((each for each in _ORDER if each in reasons), None)
    asks = {ask for of, wanted in found.values() if of.startswith("open") or wanted for ask in wanted}
    if "no_route" in reasons:
        asks.add(_PATHS["no_route"])
    return Verdict(
        outcome,
        proposed,
        reason,
        reason is not None and pressing and outcome != "emergency",
        agencies,
        frozenset(asks) if reason is not None else frozenset(),
        frozenset((clause, "open" if of == "open_by_safe" else of) for clause, (of, _) in found.items()),
    )


@lru_cache(maxsize=4096)
def _of_concerns(concerns: tuple[ConcernFacts, ...], case: Pairs, life: str) -> tuple[Found, str]:
    looked: dict[str, list[tuple[str, frozenset[str]]]] = {}
    pulled = ["no"]
    for index, concern in enumerate(concerns):
        named = dict(zip(FACTS_OF[concern.kind], map(_word, concern.values), strict=True))
        words = dict(case) | named | {"life": life}
        for clause, kind, comes_up, rows in _CLAUSES:
            if kind in ("any", concern.kind.value) and any(_fits(row, words) for row in comes_up):
                row = _first(rows, words)
                looked.setdefault(clause, []).append((row.result, _asked(row, words, f"concerns[{index}].")))
        pulled.extend(_first(rows, words).result for kind, rows in _PULLS if kind in ("any", concern.kind.value))
    joined = {}
    for clause, states in looked.items():
        pick = min if clause == "SAFE-2" else max
        state = pick((of for of, _ in states), key=_STRENGTH.index)
        asks = frozenset(ask for of, wanted in states if of.startswith("open") for ask in wanted)
        joined[clause] = (state, asks if state.startswith("open") else frozenset())
    return tuple(joined.items()), max(pulled, key=("no", "?", "yes").index)


@lru_cache(maxsize=65536)
def _of_case(kind: str, words: Pairs) -> Found:
    found, case = [], dict(words)
    for clause, of, comes_up, rows in _CLAUSES:
        if of == kind and any(_fits(row, case) for row in comes_up):
            row = _first(rows, case)
            found.append((clause, (row.result, _asked(row, case, ""))))
    return tuple(found)


def _asked(row: _Row, words: Words, prefix: str) -> frozenset[str]:
    if row.asks is not None:
        return frozenset(_PATHS[name] for name in row.asks)
    if not row.result.startswith("open"):
        return frozenset()
    return frozenset(path for name, _ in row.cells for path in _missing(name, words, prefix))


def _missing(name: str, words: Words, prefix: str) -> list[str]:
    if words[name] != "?" or name == "pulled":
        return []
    if name in _OF:
        return [path for each in _OF[name] for path in _missing(each, words, prefix)]
    return [_PATHS.get(name, prefix + name)]


def _reported(clauses: list[str], case: Words) -> tuple[tuple[str, tuple[str, ...]], ...]:
    reported: dict[str, list[str]] = {}
    for clause in clauses:
        for agency in _first(_ROUTES[clause], case).result.split():
            reported.setdefault(agency, []).append(clause)
    return tuple((agency, tuple(its_clauses)) for agency, its_clauses in reported.items())


@lru_cache(maxsize=4096)
def _case_words(values: tuple[object, ...]) -> tuple[Pairs, Pairs, Verdict | None]:
    """Return the words of the case, those for the clauses of a concern, and the verdict if it is out of scope."""
    words = {name: _word(value) for name, value in zip(CaseFacts._fields[:-1], values, strict=True)}
    for name, _, rows in _DERIVED:
        words[name] = _first(rows, words).result
    case = tuple(words.items())
    scope = frozenset((clause, of) for clause, (of, _) in _of_case("scope", case))
    outside = Verdict("out_of_scope", states=scope) if "holds" in dict(scope).values() else None
    return case, tuple((name, value) for name, value in case if name not in _AFTER), outside


def _first(rows: tuple[_Row, ...], words: Words) -> _Row:
    for row in rows:
        if _fits(row, words):
            return row
    return _NONE


def _fits(row: _Row, words: Words) -> bool:
    return all(words[name] in values for name, values in row.cells)


def _strongest(states: Iterable[str]) -> str:
    return max(states, key=_STRENGTH.index)


def _word(value: Any) -> str:
    return "?" if value is None else _yes(value) if isinstance(value, bool) else str(value)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
