"""The person of a disclosure: equal tokens are one person, and an uncertain match never merges two."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import PersonId, Token
from schemas.vocabulary import Service
from streams.domain.identity import Resolution, known_person, resolve
from streams.domain.ids import person_id

A, B, C = Token("account:1:a"), Token("phone:1:b"), Token("email:1:c")
FORUM = Service.FORUM
ADA, BEA = PersonId("ada"), PersonId("bea")


def test_a_person_is_known_only_if_every_token_is_theirs() -> None:
    assert known_person((A, B), {A: ADA, B: ADA}.get) == ADA
    assert known_person((A, B), {A: ADA}.get) is None
    assert known_person((A, B), {B: ADA}.get) is None
    assert known_person((A, B), {A: ADA, B: BEA}.get) is None
    assert known_person((A,), dict[Token, PersonId]().get) is None


def test_a_disclosure_with_new_tokens_only_makes_a_new_person() -> None:
    assert resolve(FORUM, "d-1", (A, B), dict[Token, PersonId]().get) == Resolution(
        person=person_id(FORUM, "d-1", A), new_tokens=(A, B), edges=((A, B),)
    )


def test_a_new_token_beside_a_known_one_is_assigned_to_its_person() -> None:
    assert resolve(FORUM, "d-2", (A, B, C), {B: BEA}.get) == Resolution(
        person=BEA, new_tokens=(A, C), edges=((A, B), (A, C), (C, B))
    )


def test_tokens_of_two_persons_leave_both_as_they_are() -> None:
    found = resolve(FORUM, "d-3", (A, B), {A: ADA, B: BEA}.get)
    # The strongest known token gives the person; the token of the other person stays with that person.
    assert found == Resolution(person=ADA, new_tokens=(), edges=((A, B),))


def test_an_edge_is_the_same_whichever_token_came_first() -> None:
    owner = dict[Token, PersonId]().get
    assert set(resolve(FORUM, "d-1", (C, B), owner).edges) == set(resolve(FORUM, "d-1", (B, C), owner).edges)


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True), max_size=12))
def test_a_token_once_owned_keeps_its_owner_and_a_repeat_changes_nothing(disclosures: list[list[str]]) -> None:
    owners: dict[Token, PersonId] = {}
    for number, names in enumerate(disclosures):
        tokens = [Token(name) for name in names]
        before = dict(owners)
        found = resolve(FORUM, f"d-{number}", tokens, owners.get)
        owners.update(dict.fromkeys(found.new_tokens, found.person))
        assert owners.items() >= before.items()
        assert set(tokens) <= owners.keys()
        again = resolve(FORUM, f"d-{number}", tokens, owners.get)
        assert (again.person, again.new_tokens) == (found.person, ())
