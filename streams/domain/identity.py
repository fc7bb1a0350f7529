"""Who a disclosure is about: equal tokens are one person, and who that is, is said once.

Joining two persons, taking them apart again and doubting a token build on the same edges; until a person has said that
two known persons are one, they stay two: an uncertain match never merges.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from schemas.identifiers import PersonId, Token
from schemas.vocabulary import Service
from streams.domain.ids import person_id

#: Who a token belongs to, None when it is new.
Owner = Callable[[Token], PersonId | None]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whom a disclosure is about, and which of its tokens became that person's by it."""

    person: PersonId
    new_tokens: tuple[Token, ...]
    edges: tuple[tuple[Token, Token], ...]


def known_person(tokens: Sequence[Token], owner: Owner) -> PersonId | None:
    """Return the person whom every token already belongs to; None where one is new or they name several."""
    first = owner(tokens[0])
    if first is None:
        return None
    return first if all(owner(token) == first for token in tokens[1:]) else None


def resolve(service: Service, disclosure_id: str, tokens: Sequence[Token], owner: Owner) -> Resolution:
    """Return whom the disclosure is about: the owner of its first token that has one, else a person made known by it.

    Tokens are in order of strength (account, phone, email). A token of another known person stays theirs.
    """
    owners = [known for token in tokens if (known := owner(token)) is not None]
    person = owners[0] if owners else person_id(service, disclosure_id, tokens[0])
    return Resolution(
        person=person,
        new_tokens=tuple(token for token in tokens if owner(token) is None),
        edges=tuple((min(pair), max(pair)) for pair in combinations(tokens, 2)),
    )
