"""IDENTITY: one lane, which reads every new link in order and assigns each person once."""

from collections.abc import Sequence
from typing import Any

from schemas.codec import encode
from schemas.errors import Invalid
from schemas.identifiers import PersonId, Token
from schemas.records import Admitted
from schemas.topics import TopicName
from streams.agents.decoding import read_admitted
from streams.agents.rejecting import asks_a_person, send_rejected, urgent_rejected
from streams.domain.identity import resolve
from streams.domain.ids import sender_of
from streams.runtime import Agent, Origin, Record, Turn

_OWNER = b"t:"
_EDGE = b"e:"

Unresolved = tuple[Admitted, dict[str, Any]]


class Identity(Agent[Unresolved, None, None]):
    """Assigns persons, and sends each disclosure to the lane of its person.

    State, which grows with the number of persons only:

    - `t:` + token → person.
    - `e:` + token + `|` + token → empty, for each link that was written.
    """

    def decode(self, record: Record) -> Unresolved:
        """Return the disclosure; raise `Invalid` for a record that IDENTITY cannot resolve."""
        unresolved, fields = read_admitted(record)
        if not unresolved.tokens:
            raise Invalid.of("tokens", "needs at least one")
        if unresolved.wrapped_key is None:
            raise Invalid.of("wrapped_key", "is required")
        return unresolved, fields

    def handle(self, batch: Sequence[tuple[Record, Unresolved]], turn: Turn) -> None:
        """Resolve each disclosure in order, so each uses the links of those before; ADMIT has removed repeats."""

        def owner(token: Token) -> PersonId | None:
            person = turn.get(_OWNER + token.encode())
            return None if person is None else PersonId(person.decode())

        for record, (unresolved, fields) in batch:
            origin = Origin.of(record)
            disclosure = unresolved.disclosure
            disclosure_id = disclosure.disclosure_id
            tokens = [Token(token) for token in unresolved.tokens]
            found = resolve(sender_of(disclosure.service, exercise=disclosure.exercise), disclosure_id, tokens, owner)
            for token in found.new_tokens:
                turn.put(_OWNER + token.encode(), found.person.encode())
                owned = encode("TokenOwner", {"token": token, "person": found.person})
                turn.send(TopicName.IDENTITY_LINKS, token.encode(), owned, origin=origin)
            for one, other in found.edges:
                name = f"{one}|{other}".encode()
                if turn.get(_EDGE + name) is None:
                    turn.put(_EDGE + name, b"")
                    edge = {"tokens": (one, other), "state": "link", "disclosure_id": disclosure_id}
                    turn.send(TopicName.IDENTITY_LINKS, name, encode("Edge", edge), origin=origin)
            section = unresolved.section
            key = {
                "key_id": section.key_id,
                "person": found.person,
                "wrapped_key": unresolved.wrapped_key,
                "master_check": unresolved.master_check,
            }
            turn.send(TopicName.KEYS, section.key_id.encode(), encode("KeyRecord", key), origin=origin)
            resolved = {**fields, "person": found.person, "wrapped_key": None, "master_check": None}
            topic = TopicName.ADMITTED_URGENT if unresolved.urgent else TopicName.ADMITTED
            turn.send(topic, found.person.encode(), encode("Admitted", resolved), origin=origin)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Ask DECIDE for a review of a rejected record that may be an emergency."""
        if asks_a_person(record, invalid):
            send_rejected(record, urgent_rejected(record, invalid, turn), turn)
