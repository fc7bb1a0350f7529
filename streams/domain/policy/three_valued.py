"""The conditions of a clause on the facts, in Kleene's three values: yes, no, and unknown as None."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Tri: TypeAlias = bool | None
#: A fact: yes, no, unknown, or a value of a closed set.
Value: TypeAlias = bool | str | None
Values: TypeAlias = Mapping[str, Value]

_YES = frozenset({True})


def all_of(answers: Iterable[Tri]) -> Tri:
    """Return no when any answer is no, else unknown when any is unknown, else yes."""
    seen = set(answers)
    return False if False in seen else None if None in seen else True


def any_of(answers: Iterable[Tri]) -> Tri:
    """Return yes when any answer is yes, else unknown when any is unknown, else no."""
    seen = set(answers)
    return True if True in seen else None if None in seen else False


@dataclass(frozen=True, slots=True)
class Fact:
    """A condition on one fact: the values of it that fit, by default yes."""

    name: str
    fits: frozenset[Value] = _YES

    def met(self, values: Values) -> Tri:
        """Return whether the fact fits; unknown if the fact is unknown."""
        value = values[self.name]
        return None if value is None else value in self.fits

    def deciding_facts(self, values: Values) -> dict[str, Value]:
        """Return the fact with its value."""
        return {self.name: values[self.name]}

    def missing(self, values: Values) -> tuple[str, ...]:
        """Return the fact's name if it is unknown."""
        return (self.name,) if values[self.name] is None else ()


@dataclass(frozen=True, slots=True, init=False)
class AnyOf:
    """A condition on several facts: one that fits is enough."""

    facts: tuple[Fact, ...]

    def __init__(self, *facts: Fact) -> None:
        object.__setattr__(self, "facts", facts)

    def met(self, values: Values) -> Tri:
        """Return whether any of the facts fits."""
        return any_of(fact.met(values) for fact in self.facts)

    def deciding_facts(self, values: Values) -> dict[str, Value]:
        """Return the facts that fit, because one is enough; all of them if none fits."""
        fitting = {fact.name: values[fact.name] for fact in self.facts if fact.met(values)}
        return fitting or {fact.name: values[fact.name] for fact in self.facts}

    def missing(self, values: Values) -> tuple[str, ...]:
        """Return the names of the unknown facts; none if another fact fits already."""
        if self.met(values) is not None:
            return ()
        return tuple(name for fact in self.facts for name in fact.missing(values))


Condition: TypeAlias = Fact | AnyOf
