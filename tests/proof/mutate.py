"""A test of the proof: changes every cell of the policy once, and fails unless the proof detects each change.

Each mutant is evaluated in the space of its own clause first, then in those of every kind of concern. Their order is
shuffled once, because a random order detects most changes early.
"""

import random
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from time import monotonic
from typing import NamedTuple

from schemas.policy import ClauseId, load_policies
from schemas.vocabulary import ConcernKind
from streams.domain.policy.clause_rules import CONCERNS
from streams.domain.policy.facts import CaseFacts
from tests.proof import ages, parameters
from tests.proof.comparison import first_difference
from tests.proof.mutants import Mutant, of_file, of_orders, of_rules
from tests.proof.second import TABLES, Verdict
from tests.proof.spaces import pairs, spaces

#: Changes that have no effect, by their names, and why.
EQUIVALENT: tuple[tuple[str, str], ...] = (
    (
        r"IR-0 rule 2: unless_ad_2 (without life_in_danger|life_in_danger: True no longer)",
        "if any concern's danger is to life, IR-0 holds by its first rule, and the stronger rule counts",
    ),
    (
        r"(SCOPE-1|SCOPE-2|CASE-1|AD-1|AD-2|AR-1|SAFE-3|SAFE-5) rule 1: of_all True",
        "it is a clause of the case: it never judges several concerns",
    ),
    (
        r"IR-0 rule 1: asks True",
        "both rules of IR-0 always apply, and of several results only the open ones ask",
    ),
    (r"SCOPE-[12] rule 1: asks True", "a disclosure out of scope asks for nothing"),
    (r"earliest \+1 second", "it is a day on which reset clocks begin, and each time of that day is unknown"),
    (r"CASE-1 rule 1: asks True", "the confirmation is no fact of the person, so no path asks for it"),
    (
        r"AD-1 rule 1: conditions\[0\] (left out|under_18: True too)",
        "AD-1 is evaluated only for a person who is known to be 18 or over",
    ),
    (r"route of IR-\d: tell first", "999 is the only agency of the route, and can always get a report"),
    (
        r"route of LT-[1245]: (?!101).* too",
        "it would come after 101, which can always get a report, and only the first agency gets one",
    ),
    (
        r"_REASONS: (safeguarding_lead before confirmation|private_conversation before safeguarding_lead)",
        "if the safeguarding lead decides (AD-2) there is no other reason, so the order has no effect",
    ),
)

#: The kinds of concern whose space shows a clause that judges no kind.
_SHOWN_IN: dict[ClauseId, tuple[ConcernKind, ...]] = {
    ClauseId.SAFE_3: (ConcernKind.SEXUAL_ABUSE,),
    ClauseId.SAFE_5: (ConcernKind.SEXUAL_ABUSE,),
    ClauseId.SCOPE_1: (ConcernKind.SEXUAL_ABUSE,),
    ClauseId.SCOPE_2: (ConcernKind.SEXUAL_ABUSE,),
    ClauseId.CASE_1: (ConcernKind.SEXUAL_ABUSE,),
    ClauseId.AD_2: (ConcernKind.ABUSE,),
}


class Shuffled(NamedTuple):
    """Combinations in a shuffled order, and the verdicts of the second formulation on the first of them."""

    combinations: tuple[CaseFacts, ...]
    expected: list[Verdict]


def killed(mutant: Mutant, *, briefly: bool = False) -> bool:
    """Return whether the proof detects the change; `briefly`: only in the space of its clause and in pairs."""
    with mutant.patch():
        if not mutant.clauses and (any(parameters.faults(mutant.policy)) or any(ages.faults())):
            return True
        try:
            return any(
                first_difference(space.combinations, mutant.policy, mutant.rules, space.expected) is not None
                for space in _spaces(mutant, briefly)
            )
        except (KeyError, IndexError):
            # The mutant reads a fact that does not exist, such as one of another kind: the proof would fail.
            return True


def _spaces(mutant: Mutant, briefly: bool) -> Iterator[Shuffled]:
    own = dict.fromkeys(kind for clause in mutant.clauses for kind in _kinds(clause))
    if mutant.of_several:
        yield _of_pairs()
    yield from (_of_kind(kind) for kind in own)
    if not mutant.of_several:
        yield _of_pairs()
    if not briefly:
        yield from (_of_kind(kind) for kind in ConcernKind if kind not in own)


def _kinds(clause: ClauseId) -> tuple[ConcernKind, ...]:
    kinds = tuple(dict.fromkeys(rule.kind for rule in CONCERNS if rule.clause is clause and rule.kind is not None))
    return kinds or _SHOWN_IN.get(clause, (ConcernKind.SEXUAL_ABUSE,))


@cache
def _of_kind(kind: ConcernKind) -> Shuffled:
    return _shuffled(chain.from_iterable(spaces(kind)), kind.value)


@cache
def _of_pairs() -> Shuffled:
    return _shuffled(pairs(), "pairs")


def _shuffled(combinations: Iterable[CaseFacts], seed: str) -> Shuffled:
    found = list(combinations)
    random.Random(seed).shuffle(found)
    return Shuffled(tuple(found), [])


def main() -> int:
    """Change every cell once; return 1 if a change without an entry in EQUIVALENT was not detected, else 0."""
    policy = load_policies().named(TABLES["parameters"]["version"])
    began = monotonic()
    if killed(Mutant("nothing", policy), briefly=True):
        print("the proof fails before anything is changed: run the tests first", file=sys.stderr)
        return 1
    seen, cannot_be, wrong = 0, 0, 0
    for mutant in chain(of_rules(policy), of_file(policy), of_orders(policy)):
        why = next((why for names, why in EQUIVALENT if re.fullmatch(names, mutant.name)), None)
        found = killed(mutant, briefly=why is not None)
        if found and why is None:
            seen += 1
        elif why is not None and not found:
            cannot_be += 1
            print(f"cannot be seen: {mutant.name}: {why}")
        else:
            wrong += 1
            print(f"NOT SEEN: {mutant.name}" if why is None else f"seen, though listed as equal: {mutant.name}")
        sys.stdout.flush()
    print(
        f"{seen + cannot_be + wrong} cells changed, one at a time: {seen} seen by the proof, {cannot_be} that change "
        f"nothing, {wrong} wrong ({monotonic() - began:.0f} s)"
    )
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
