"""The person of a disclosure: equal tokens are one person, and each token is assigned once.

An uncertain match never merges two persons: two known persons stay two until a human says that they are one. To join
two persons, to take them apart again and to doubt a token need only the edges that are written here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from schemas.identifiers import PersonId, Token
from streams.domain.ids import person_id

#: Returns the person of a token, None for a new token.
Owner = Callable[[Token], PersonId | None]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The person of a disclosure, the tokens that it assigned to that person, and the pairs of its tokens."""

    person: PersonId
    new_tokens: tuple[Token, ...]
    edges: tuple[tuple[Token, Token], ...]


def known_person(tokens: Sequence[Token], owner: Owner) -> PersonId | None:
    """Return the person of every token; None if a token is new, or if they belong to several persons."""
    first = owner(tokens[0])
    if first is None:
        return None
    return first if all(owner(token) == first for token in tokens[1:]) else None


def resolve(sender: str, disclosure_id: str, tokens: Sequence[Token], owner: Owner) -> Resolution:
    """Return the person of the disclosure: the owner of its first token that has one, else a new person.

    Tokens are in order of strength (account, phone, email). A token of another known person stays with that person.
    """
    owners = [known for token in tokens if (known := owner(token)) is not None]
    person = owners[0] if owners else person_id(sender, disclosure_id, tokens[0])
    return Resolution(
        person=person,
        new_tokens=tuple(token for token in tokens if owner(token) is None),
        edges=tuple((min(pair), max(pair)) for pair in combinations(tokens, 2)),
    )
