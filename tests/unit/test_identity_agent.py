"""IDENTITY: assigns each person once, publishes links and keys, and sends each disclosure to its person's lane."""

from typing import Any

import pytest

from schemas.codec import encode
from schemas.topics import TopicName
from schemas.vocabulary import Service
from streams.agents.identity import Identity
from streams.domain.ids import person_id
from streams.domain.sealing import master_check
from tests.disclosures import KEYS, ROUTINE, id_of
from tests.readable_ids import readable_id
from tests.turns import NOW, TRACE, Lane, admit_lane, assert_names_nobody, disclosed, on, read, source_of, why

ACCOUNT = {"account": "account-39117"}
PHONE = {"phone": "+447700900123"}
EMAIL = {"email": "ada.marker@example.org"}


def unresolved(name: str = "d-1", **changes: Any) -> bytes:
    """Return the record that ADMIT sends to IDENTITY."""
    (output,) = admit_lane(lambda _: None).work(disclosed(name, **changes), topic=source_of(**changes)).outputs
    assert output.value is not None
    return output.value


def made_by(name: str = "d-1", **changes: Any) -> str:
    """Return the person of whom that disclosure is the first."""
    first = fields_of(unresolved(name, **changes))
    return person_id(Service.FORUM, id_of(name), first["tokens"][0])


def fields_of(value: bytes) -> dict[str, Any]:
    from schemas.codec import decode

    return decode(value, "Admitted")[1]


def test_a_new_person_gets_links_a_key_and_a_lane() -> None:
    value = unresolved()
    turn = Lane(Identity()).work(value)
    person, before = made_by("d-1"), fields_of(value)
    (admitted,) = on(turn, TopicName.ADMITTED_URGENT)
    assert admitted == {**before, "person": person, "wrapped_key": None, "master_check": None}
    (sent,) = (output for output in turn.outputs if output.topic == TopicName.ADMITTED_URGENT)
    assert sent.key == person.encode()
    links = [read(output) for output in turn.outputs if output.topic == TopicName.IDENTITY_LINKS]
    owners = {fields["token"]: fields["person"] for name, fields in links if name == "TokenOwner"}
    assert owners == dict.fromkeys(before["tokens"], person)
    edges = [set(fields["tokens"]) for name, fields in links if name == "Edge"]
    assert len(edges) == 3
    assert set.union(*edges) == set(before["tokens"])
    assert on(turn, TopicName.KEYS) == [
        {
            "key_id": before["section"]["key_id"],
            "person": person,
            "wrapped_key": before["wrapped_key"],
            "master_check": master_check(KEYS.master),
        }
    ]
    assert all(output.headers == (("traceparent", TRACE),) for output in turn.outputs)


def test_each_link_is_keyed_by_its_tokens() -> None:
    turn = Lane(Identity()).work(unresolved())
    for output in turn.outputs:
        if output.topic == TopicName.IDENTITY_LINKS:
            name, fields = read(output)
            assert output.key == ("|".join(fields["tokens"]) if name == "Edge" else fields["token"]).encode()


def test_a_link_counts_for_the_next_disclosure_of_the_batch_and_for_later_batches() -> None:
    lane = Lane(Identity())
    turn = lane.work(
        unresolved("d-1", subject=ACCOUNT),
        unresolved("d-2", subject={**ACCOUNT, **PHONE}),
        unresolved("d-3", subject=PHONE),
    )
    later = lane.work(unresolved("d-4", subject={**PHONE, **EMAIL}), unresolved("d-5", subject=EMAIL))
    found = [each["person"] for each in (*on(turn, TopicName.ADMITTED_URGENT), *on(later, TopicName.ADMITTED_URGENT))]
    assert found == [made_by("d-1", subject=ACCOUNT)] * 5


def test_two_known_persons_stay_two() -> None:
    lane = Lane(Identity())
    lane.work(unresolved("d-1", subject=ACCOUNT), unresolved("d-2", subject=PHONE))
    state = dict(lane.state)
    turn = lane.work(unresolved("d-3", subject={**ACCOUNT, **PHONE}), unresolved("d-4", subject=PHONE))
    assert [each["person"] for each in on(turn, TopicName.ADMITTED_URGENT)] == [
        made_by("d-1", subject=ACCOUNT),
        made_by("d-2", subject=PHONE),
    ]
    # The link is kept for a later decision by a human; no token changed its person.
    new = {key for key in lane.state if key not in state}
    assert new == {key for key in lane.state if key.startswith(b"e:")}


def test_a_repeat_goes_on_to_its_person_and_adds_no_link() -> None:
    lane = Lane(Identity())
    value = unresolved()
    first = lane.work(value)
    state = dict(lane.state)
    again = lane.work(value, unresolved())
    assert len(on(again, TopicName.ADMITTED_URGENT)) == 2
    assert {each["person"] for each in on(again, TopicName.ADMITTED_URGENT)} == {made_by("d-1")}
    assert on(first, TopicName.IDENTITY_LINKS)
    assert not on(again, TopicName.IDENTITY_LINKS)
    assert lane.state == state


def test_an_id_that_is_used_again_much_later_for_another_person_joins_no_persons() -> None:
    lane = Lane(Identity())
    turn = lane.work(unresolved("d-1", subject=ACCOUNT), unresolved("d-1", subject=PHONE))
    one, other = (each["person"] for each in on(turn, TopicName.ADMITTED_URGENT))
    assert one != other


def test_scope_3_a_person_who_is_known_to_both_services_is_one_person() -> None:
    lane = Lane(Identity())
    turn = lane.work(unresolved("d-1", subject=PHONE), unresolved("d-2", subject=PHONE, service="text_line"))
    assert [each["person"] for each in on(turn, TopicName.ADMITTED_URGENT)] == [made_by("d-1", subject=PHONE)] * 2


def test_the_same_id_of_both_services_makes_two_persons_known() -> None:
    lane = Lane(Identity())
    turn = lane.work(unresolved("d-1", subject=ACCOUNT), unresolved("d-1", subject=ACCOUNT, service="text_line"))
    one, other = (each["person"] for each in on(turn, TopicName.ADMITTED_URGENT))
    assert one != other


def test_every_key_that_is_used_is_published() -> None:
    lane = Lane(Identity())
    turn = lane.work(unresolved("d-1"), unresolved("d-2"), unresolved("d-3", concerns=ROUTINE))
    used = [each["section"]["key_id"] for t in (TopicName.ADMITTED_URGENT, TopicName.ADMITTED) for each in on(turn, t)]
    published = [each["key_id"] for each in on(turn, TopicName.KEYS)]
    assert sorted(used) == sorted(published)
    assert len(set(published)) == 3
    keys = [output.key for output in turn.outputs if output.topic == TopicName.KEYS]
    assert keys == [key_id.encode() for key_id in published]


def test_urgent_and_routine_disclosures_have_their_own_topics() -> None:
    turn = Lane(Identity()).work(unresolved("d-1"), unresolved("d-2", concerns=ROUTINE))
    assert [each["disclosure"]["disclosure_id"] for each in on(turn, TopicName.ADMITTED_URGENT)] == [id_of("d-1")]
    assert [each["disclosure"]["disclosure_id"] for each in on(turn, TopicName.ADMITTED)] == [id_of("d-2")]


def test_nothing_that_identifies_is_in_anything_it_writes_or_keeps() -> None:
    turn = Lane(Identity()).work(unresolved("d-1"), unresolved("d-2", concerns=ROUTINE), b"summary-marker")
    assert len(turn.outputs) > 8
    assert_names_nobody(turn)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tokens": ()}, "tokens: needs at least one"),
        ({"wrapped_key": None}, "wrapped_key: is required"),
        ({"section": {"key_id": "", "nonce": b"", "ciphertext": b""}}, "section.key_id: must not be empty"),
    ],
    ids=readable_id,
)
def test_a_disclosure_that_cannot_be_resolved_is_rejected(change: dict[str, Any], reason: str) -> None:
    lane = Lane(Identity())
    turn = lane.work(encode("Admitted", {**fields_of(unresolved()), **change}), unresolved("d-2"))
    assert why(turn) == [reason]
    assert [each["person"] for each in on(turn, TopicName.ADMITTED_URGENT)] == [made_by("d-2")]


def test_a_record_that_is_no_admitted_disclosure_is_rejected() -> None:
    turn = Lane(Identity()).work(None, b"", disclosed(), now=NOW)
    assert why(turn) == ["value: is empty", "value: is empty", "value: is of a schema not expected here"]
    assert not turn.outputs


def test_only_a_rejected_urgent_record_is_reported_for_review() -> None:
    lane = Lane(Identity())
    (output,) = lane.work(b"no record", topic=TopicName.IDENTITY_URGENT).outputs
    assert read(output)[0] == "UrgentRejected"
    assert lane.work(b"no record", topic=TopicName.IDENTITY).outputs == []
