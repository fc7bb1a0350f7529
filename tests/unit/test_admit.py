"""ADMIT: identifiers are sealed, known persons go straight to their lane, all others to IDENTITY."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from schemas.codec import encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES
from schemas.identifiers import PersonId, Token
from schemas.sealed import SealedSection
from schemas.topics import SERVICE_OF, URGENT, TopicName, disclosures
from schemas.vocabulary import Service
from streams.domain.sealing import master_check, unseal, unwrap
from streams.domain.tokens import tokens_of
from tests.disclosures import BAD_LINES, KEYS, ROUTINE, disclosure, id_of, raw
from tests.turns import (
    IDENTIFYING,
    MARKERS,
    NOW,
    TRACE,
    Lane,
    admit_lane,
    assert_names_nobody,
    disclosed,
    on,
    read,
    why,
)

ADA, BEA = PersonId("person-ada"), PersonId("person-bea")
TOKENS = tokens_of(disclosure(**IDENTIFYING), key=KEYS.token, version=KEYS.token_version)


def lane(owners: dict[Token, PersonId] | None = None) -> Lane:
    known = {} if owners is None else owners
    return admit_lane(known.get)


def known(tokens: Iterable[Token] = TOKENS, person: PersonId = ADA) -> dict[Token, PersonId]:
    return dict.fromkeys(tokens, person)


def test_a_disclosure_of_a_new_person_goes_to_identity_with_its_key_wrapped() -> None:
    turn = lane().work(disclosed())
    (output,) = turn.outputs
    assert output.topic == TopicName.IDENTITY_URGENT
    assert output.key is None
    assert output.headers == (("traceparent", TRACE),)
    name, admitted = read(output)
    assert name == "Admitted"
    assert admitted["person"] is None
    assert tuple(admitted["tokens"]) == TOKENS
    assert admitted["admitted_at"] == NOW
    section = SealedSection.model_validate(admitted["section"])
    key = unwrap(admitted["wrapped_key"], master=KEYS.master, key_id=section.key_id)
    assert admitted["master_check"] == master_check(KEYS.master)
    details = unseal(section, key=key, disclosure_id=id_of("d-1")).model_dump_json()
    assert all(marker in details for marker in MARKERS)


def test_a_disclosure_of_a_known_person_goes_straight_to_the_lane_and_its_key_is_published() -> None:
    turn = lane(known()).work(disclosed())
    key_output, admitted_output = turn.outputs
    assert (admitted_output.topic, admitted_output.key) == (TopicName.ADMITTED_URGENT, ADA.encode())
    _, admitted = read(admitted_output)
    assert (admitted["person"], admitted["wrapped_key"], admitted["master_check"]) == (ADA, None, None)
    (record,) = on(turn, TopicName.KEYS)
    assert (record["person"], record["master_check"]) == (ADA, master_check(KEYS.master))
    assert key_output.key == record["key_id"].encode() == admitted["section"]["key_id"].encode()
    key = unwrap(record["wrapped_key"], master=KEYS.master, key_id=record["key_id"])
    assert unseal(SealedSection.model_validate(admitted["section"]), key=key, disclosure_id=id_of("d-1")).phone


def test_a_key_is_published_exactly_when_it_is_new() -> None:
    admit = lane(known())
    first = admit.work(disclosed("d-1"), disclosed("d-2"))
    second = admit.work(disclosed("d-3"))
    assert [len(on(turn, TopicName.KEYS)) for turn in (first, second)] == [1, 0]
    sections = [each["section"] for turn in (first, second) for each in on(turn, TopicName.ADMITTED_URGENT)]
    assert {section["key_id"] for section in sections} == {on(first, TopicName.KEYS)[0]["key_id"]}
    assert len({section["nonce"] for section in sections}) == 3
    # Only the process remembers the key: the next process makes another one, and publishes it.
    third = lane(known()).work(disclosed("d-4"))
    assert on(third, TopicName.KEYS)[0]["key_id"] != sections[0]["key_id"]


def test_each_disclosure_of_a_new_person_has_its_own_key() -> None:
    turn = lane().work(disclosed("d-1"), disclosed("d-2"))
    one, other = on(turn, TopicName.IDENTITY_URGENT)
    assert one["section"]["key_id"] != other["section"]["key_id"]
    assert one["wrapped_key"] != other["wrapped_key"]
    assert not on(turn, TopicName.KEYS)


@pytest.mark.parametrize(
    "owners",
    [known(TOKENS[:1]), known(TOKENS[1:]), {**known(TOKENS[:1]), **known(TOKENS[1:], BEA)}],
    ids=["a new token beside a known one", "a new account", "tokens of two persons"],
)
def test_a_disclosure_with_an_uncertain_person_goes_to_identity(owners: dict[Token, PersonId]) -> None:
    turn = lane(owners).work(disclosed())
    (admitted,) = on(turn, TopicName.IDENTITY_URGENT)
    assert admitted["person"] is None
    assert len(turn.outputs) == 1


@pytest.mark.parametrize("topic", [TopicName.FORUM_DISCLOSURES, TopicName.FORUM_DISCLOSURES_URGENT])
@pytest.mark.parametrize("of_a_known_person", [False, True])
def test_the_facts_decide_what_is_urgent_and_not_the_topic(topic: TopicName, of_a_known_person: bool) -> None:
    admit = lane(known() if of_a_known_person else None)
    urgent = admit.work(disclosed("d-1"), topic=topic)
    routine = admit.work(disclosed("d-2", concerns=ROUTINE), topic=topic)
    if of_a_known_person:
        assert [each["urgent"] for each in on(urgent, TopicName.ADMITTED_URGENT)] == [True]
        assert [each["urgent"] for each in on(routine, TopicName.ADMITTED)] == [False]
    else:
        assert [each["urgent"] for each in on(urgent, TopicName.IDENTITY_URGENT)] == [True]
        assert [each["urgent"] for each in on(routine, TopicName.IDENTITY)] == [False]


@pytest.mark.parametrize("owners", [{}, known()], ids=["new", "known"])
def test_nothing_that_identifies_is_readable_in_anything_it_writes(owners: dict[Token, PersonId]) -> None:
    turn = lane(owners).work(disclosed("d-1"), disclosed("d-2", concerns=ROUTINE))
    assert len(turn.outputs) >= 2
    assert_names_nobody(turn)
    # The check works: the same disclosure without sealing shows its markers.
    assert all(marker.encode() in disclosed() for marker in MARKERS)


def test_the_facts_that_the_policy_needs_stay_readable() -> None:
    (admitted,) = on(lane().work(disclosed()), TopicName.IDENTITY_URGENT)
    readable = admitted["disclosure"]
    assert readable["subject"]["age"] == 16
    assert list(readable["subject"]["professionals"]) == ["social_worker"]
    assert readable["channel"] == "thread"
    assert readable["concerns"][0]["intent"] is True


@pytest.mark.parametrize("years", [0, 9])
def test_no_time_that_a_sender_claims_counts_as_later_than_the_arrival(years: int) -> None:
    """A mark of a safe channel from 2035 would outweigh every later one. Our own clock does not matter here."""
    value = disclosed(
        disclosed_at="2035-01-01T00:00:00Z",
        assessment={"assessed_at": "2035-01-01T00:05:00Z", "assessor": "moderator", "confirmed_by": None},
    )
    arrived = NOW - timedelta(hours=1)
    turn = lane().work(value, stamp=arrived, now=NOW.replace(year=NOW.year + years))
    (admitted,) = on(turn, TopicName.IDENTITY_URGENT)
    readable = admitted["disclosure"]
    assert (readable["disclosed_at"], readable["assessment"]["assessed_at"]) == (arrived, arrived)
    assert readable["assessment"]["assessor"] == "moderator"


def test_without_a_stamp_of_the_broker_a_disclosure_arrives_when_it_is_admitted() -> None:
    (admitted,) = on(lane().work(disclosed(disclosed_at="2035-01-01T00:00:00Z")), TopicName.IDENTITY_URGENT)
    assert admitted["disclosure"]["disclosed_at"] == NOW


def test_a_time_before_the_arrival_counts_as_it_is_claimed() -> None:
    (admitted,) = on(lane().work(disclosed(), stamp=NOW), TopicName.IDENTITY_URGENT)
    readable = admitted["disclosure"]
    assert readable["disclosed_at"] < readable["assessment"]["assessed_at"] < NOW


def test_a_record_that_cannot_be_read_is_rejected_and_the_others_continue() -> None:
    whole = disclosed("d-2")
    turn = lane().work(disclosed("d-1"), None, b"", b"nonsense", whole[:-5], whole + b"x", disclosed("d-3"))
    assert [each["disclosure"]["disclosure_id"] for each in on(turn, TopicName.IDENTITY_URGENT)] == [
        id_of("d-1"),
        id_of("d-3"),
    ]
    assert why(turn) == [
        "value: is empty",
        "value: is empty",
        "value: is not a single-object encoded record",
        "value: is cut off",
        "value: has bytes left over",
    ]


def test_a_disclosure_larger_than_the_contract_allows_is_rejected_whole() -> None:
    fitting = disclosed("d-1", summary="")
    spare = MAX_DISCLOSURE_BYTES - len(fitting) - 8
    larger = encode("Disclosure", disclosure("d-3", **IDENTIFYING).model_dump() | {"summary": "x" * (spare + 100)})
    turn = lane().work(disclosed("d-2", summary="x" * spare), larger)
    assert [each["disclosure"]["disclosure_id"] for each in on(turn, TopicName.IDENTITY_URGENT)] == [id_of("d-2")]
    assert why(turn) == [f"value: is larger than {MAX_DISCLOSURE_BYTES} bytes"]


def test_fields_that_only_the_contract_refuses_are_named_without_their_value() -> None:
    fields = disclosure(**IDENTIFYING).model_dump()
    fields["subject"] = {**fields["subject"], "phone": "07700900123-summary-marker", "account": "", "email": ""}
    turn = lane().work(encode("Disclosure", fields))
    assert not on(turn, TopicName.IDENTITY_URGENT)
    ((_, invalid),) = turn.rejects
    assert {problem.field for problem in invalid.problems} == {"subject.phone"}
    assert_names_nobody(turn)


@pytest.mark.parametrize("topic", SERVICE_OF)
def test_a_record_of_another_service_than_its_topic_s_is_rejected_and_its_id_is_still_free(topic: str) -> None:
    """The topic says which service wrote a record: no service can write, or use an id, in the name of another."""
    admit, own = lane(), SERVICE_OF[topic]
    (other,) = set(Service) - {own}
    turn = admit.work(disclosed(service=other, concerns=ROUTINE), topic=topic)
    ((_, invalid),) = turn.rejects
    assert [(each.field, each.reason) for each in invalid.problems] == [
        ("service", f"is not the service of this topic; allowed: {own}")
    ]
    assert [output.topic for output in turn.outputs] == ([TopicName.ADMITTED_URGENT] if topic in URGENT else [])
    for service in Service:
        accepted = admit.work(disclosed(service=service), topic=disclosures(service, urgent=True))
        assert len(on(accepted, TopicName.IDENTITY_URGENT)) == 1


def test_an_urgent_record_in_the_name_of_another_service_opens_a_review_on_any_topic() -> None:
    turn = lane().work(disclosed(service="text_line"), topic=TopicName.FORUM_DISCLOSURES)
    (rejected,) = on(turn, TopicName.ADMITTED_URGENT)
    assert (rejected["field"], rejected["conflict"]) == ("service", None)
    assert_names_nobody(turn)


def test_json_is_no_record_of_the_topic() -> None:
    turn = lane().work(*BAD_LINES)
    assert not turn.outputs
    assert len(turn.rejects) == len(BAD_LINES)
    assert_names_nobody(turn)


def test_a_rejected_urgent_record_is_reported_for_review_without_its_content() -> None:
    bad = disclosed()[:-5] + b"summary-marker"
    turn = lane().work(bad, topic=TopicName.TEXT_LINE_DISCLOSURES_URGENT)
    assert len(turn.rejects) == 1
    (output,) = turn.outputs
    name, rejected = read(output)
    assert (output.topic, name) == (TopicName.ADMITTED_URGENT, "UrgentRejected")
    assert output.key == rejected["review_id"].encode()
    place = (TopicName.TEXT_LINE_DISCLOSURES_URGENT, 0)
    assert (rejected["topic"], rejected["offset"], rejected["rejected_at"]) == (*place, NOW)
    assert rejected["field"] == "value"
    assert_names_nobody(turn)


def test_a_rejected_routine_record_is_not_reported_for_review() -> None:
    turn = lane().work(b"no record", topic=TopicName.FORUM_DISCLOSURES)
    assert (len(turn.rejects), turn.outputs) == (1, [])


@pytest.mark.parametrize("value", [disclosed(), raw("d-1"), b"{", b"\xc3\x01"], ids=["Avro", "JSON", "damaged", "cut"])
def test_what_a_door_refused_is_never_admitted(value: bytes) -> None:
    refused = (("refused-by", b"gateway"),)
    turn = lane().work(value, topic=TopicName.FORUM_DISCLOSURES_URGENT, headers=refused)
    assert not on(turn, TopicName.IDENTITY_URGENT)
    assert len(on(turn, TopicName.ADMITTED_URGENT)) == 1
    assert len(why(turn)) == 1


@pytest.mark.parametrize("value", [raw("d-1"), raw("d-1")[:50]], ids=["JSON", "part"])
def test_of_what_was_cut_off_at_a_door_the_reason_says_so(value: bytes) -> None:
    cut = (("refused-by", b"gateway"), ("refused-length", b"5000"))
    turn = lane().work(value, topic=TopicName.FORUM_DISCLOSURES_URGENT, headers=cut)
    (asked,) = on(turn, TopicName.ADMITTED_URGENT)
    assert asked["reason"] == "disclosure: was cut off: the rest did not come"


def test_a_disclosure_without_a_token_is_of_a_person_of_its_own() -> None:
    admit = lane(known())
    withheld = {"subject": {"phone": "+266696687", "age": 15}}
    turn = admit.work(disclosed("d-1", **withheld), disclosed("d-2", **withheld))
    first, second = on(turn, TopicName.ADMITTED_URGENT)
    assert (first["tokens"], second["tokens"]) == ([], [])
    assert len({first["person"], second["person"], ADA}) == 3
    assert first["disclosure"]["notes"] == [
        "subject.phone: no phone has this number, or the caller withheld it; it joins no disclosures"
    ]
    # Its key is published with the person, as of a known one.
    assert [key["person"] for key in on(turn, TopicName.KEYS)] == [first["person"], second["person"]]
