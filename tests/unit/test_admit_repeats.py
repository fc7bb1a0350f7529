"""ADMIT finds repeats: one id goes to one lane, and of two contents with one id the first counts."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.avro_registry import HEADER_BYTES
from schemas.codec import decode, encode
from schemas.disclosure import disclosure_key
from schemas.partitioner import partition_for
from schemas.records import Admitted, UrgentRejected
from schemas.topics import KNOWN_DAYS, SERVICE_OF, TopicName, disclosures
from schemas.vocabulary import Service
from streams.domain.ids import decision_id
from streams.domain.sealing import unseal, unwrap
from streams.runtime.agent import micros
from tests.contract.test_old_writers import first_disclosure
from tests.disclosures import KEYS, ROUTINE, id_of
from tests.readable_ids import readable_id
from tests.turns import NOW, TRACE, Lane, admit_lane, assert_names_nobody, disclosed, on, read, why

URGENT, PLAIN = TopicName.FORUM_DISCLOSURES_URGENT, TopicName.FORUM_DISCLOSURES
CONFLICT = "disclosure_id: was used before with other content"
SOMEBODY_ELSE = {"subject": {"account": "account-39117-else"}}


def in_capitals(**changes: Any) -> bytes:
    """Return the disclosure with its id in capital letters: another producer than ours may write it so."""
    fields = decode(disclosed(**changes), "Disclosure")[1]
    return encode("Disclosure", {**fields, "disclosure_id": fields["disclosure_id"].upper()})


@pytest.fixture
def lane() -> Lane:
    return admit_lane(lambda _: None)


def test_a_repeat_changes_nothing(lane: Lane) -> None:
    first = lane.work(disclosed(), disclosed(), topic=URGENT)
    assert len(on(first, TopicName.IDENTITY_URGENT)) == 1
    state = dict(lane.state)
    again = lane.work(disclosed(), topic=URGENT)
    assert (again.outputs, again.rejects, lane.state) == ([], [], state)


def test_a_repeat_on_the_other_topic_changes_nothing_either(lane: Lane) -> None:
    lane.work(disclosed(), topic=PLAIN)
    again = lane.work(disclosed(), topic=URGENT)
    assert (again.outputs, again.rejects) == ([], [])


def test_an_id_in_capital_letters_is_the_same_id(lane: Lane) -> None:
    lane.work(disclosed(), topic=URGENT)
    turn = lane.work(in_capitals(summary="Other words."), topic=URGENT)
    assert why(turn) == [CONFLICT]
    (rejected,) = on(turn, TopicName.ADMITTED_URGENT)
    assert rejected["conflict"]["disclosure_id"] == id_of("d-1")
    assert rejected["conflict"]["decision_id"] == decision_id(Service.FORUM, id_of("d-1"))


def longer(value: bytes) -> bytes:
    """Return a value whose first number, the length of its id, is encoded in two bytes instead of one."""
    assert value[HEADER_BYTES] < 0x80
    return value[:HEADER_BYTES] + bytes((value[HEADER_BYTES] | 0x80, 0)) + value[HEADER_BYTES + 1 :]


TODAY = encode("Disclosure", decode(first_disclosure(), "Disclosure")[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [(disclosed(), longer(disclosed())), (disclosed(), in_capitals()), (TODAY, first_disclosure())],
    ids=["a number of more bytes than it needs", "an id in capital letters", "an older schema"],
)
def test_the_same_content_in_other_bytes_changes_nothing(one: bytes, other: bytes) -> None:
    for first, again in ((one, other), (other, one)):
        lane = admit_lane(lambda _: None)
        assert len(on(lane.work(first), TopicName.IDENTITY_URGENT)) == 1
        turn = lane.work(again)
        assert (turn.outputs, turn.rejects) == ([], [])


def test_an_id_in_capital_letters_goes_on_in_small_ones(lane: Lane) -> None:
    (admitted,) = on(lane.work(in_capitals(), topic=URGENT), TopicName.IDENTITY_URGENT)
    assert admitted["disclosure"]["disclosure_id"] == id_of("d-1")
    whole = Admitted.model_validate(admitted)
    assert whole.wrapped_key is not None
    key = unwrap(whole.wrapped_key, master=KEYS.master, key_id=whole.section.key_id)
    assert unseal(whole.section, key=key, disclosure_id=id_of("d-1")).summary == "summary-marker"


def test_ids_count_for_each_service(lane: Lane) -> None:
    lane.work(disclosed(), topic=URGENT)
    other = lane.work(disclosed(service="text_line"), topic=TopicName.TEXT_LINE_DISCLOSURES_URGENT)
    assert len(on(other, TopicName.IDENTITY_URGENT)) == 1
    assert other.rejects == []


@pytest.mark.parametrize("topic", SERVICE_OF)
def test_the_position_of_the_first_is_that_of_its_record(lane: Lane, topic: str) -> None:
    service = SERVICE_OF[topic]
    lane.work(disclosed("d-0", service=service), disclosed(service=service), topic=topic)
    for again in (disclosures(service, urgent) for urgent in (True, False)):
        turn = lane.work(disclosed(service=service, summary="Other words."), topic=again)
        (rejected,) = on(turn, TopicName.ADMITTED_URGENT)
        first = rejected["conflict"]
        assert (first["topic"], first["partition"], first["offset"]) == (topic, 0, 1)


@pytest.mark.parametrize("topic", [URGENT, PLAIN], ids=readable_id)
def test_other_content_is_rejected_and_reported_for_review_with_the_first(lane: Lane, topic: str) -> None:
    lane.work(disclosed("d-0"), disclosed("d-1"), topic=URGENT)
    turn = lane.work(disclosed("d-1", concerns=ROUTINE, **SOMEBODY_ELSE), disclosed("d-2"), topic=topic)
    assert why(turn) == [CONFLICT]
    assert [each["disclosure"]["disclosure_id"] for each in on(turn, TopicName.IDENTITY_URGENT)] == [id_of("d-2")]
    (output,) = (output for output in turn.outputs if output.topic == TopicName.ADMITTED_URGENT)
    name, fields = read(output)
    assert name == "UrgentRejected"
    rejected = UrgentRejected.model_validate(fields)
    assert output.key == rejected.review_id.encode()
    assert (rejected.topic, rejected.partition, rejected.offset) == (topic, 0, 2)
    assert rejected.conflict is not None
    assert (rejected.conflict.topic, rejected.conflict.partition, rejected.conflict.offset) == (URGENT, 0, 1)
    assert rejected.conflict.decision_id == decision_id(Service.FORUM, id_of("d-1"))
    assert_names_nobody(turn)


def test_the_same_other_content_is_one_review_and_a_third_content_another(lane: Lane) -> None:
    lane.work(disclosed(), topic=URGENT)
    turn = lane.work(disclosed(summary="One."), disclosed(summary="One."), disclosed(summary="Two."), topic=URGENT)
    one, same, other = (each["review_id"] for each in on(turn, TopicName.ADMITTED_URGENT))
    assert one == same != other


def test_the_first_content_counts_however_often_others_come(lane: Lane) -> None:
    lane.work(disclosed(), topic=URGENT)
    lane.work(disclosed(summary="Other words."), topic=URGENT)
    again = lane.work(disclosed(), topic=URGENT)
    assert (again.outputs, again.rejects) == ([], [])


def test_a_record_in_another_partition_is_moved_unchanged_to_its_own() -> None:
    partitions = 4
    own = partition_for(disclosure_key(id_of("d-1")), partitions)
    lane = admit_lane(lambda _: None, partitions, (own + 1) % partitions)
    turn = lane.work(disclosed(), topic=PLAIN)
    (output,) = turn.outputs
    assert (output.topic, output.partition, output.value) == (PLAIN, None, disclosed())
    assert output.key == disclosure_key(id_of("d-1"))
    assert output.headers == (("traceparent", TRACE), ("first-arrived", b"%d" % micros(NOW)))
    assert lane.state == {}
    there = admit_lane(lambda _: None, partitions, own).work(disclosed(), topic=PLAIN)
    assert len(on(there, TopicName.IDENTITY_URGENT)) == 1


@pytest.mark.parametrize(
    ("header", "counts_as"),
    [
        (b"%d" % micros(NOW - timedelta(hours=3)), NOW - timedelta(hours=3)),
        # Never later than the stamp of the record itself.
        (b"%d" % micros(NOW + timedelta(hours=3)), NOW),
        (b"soon", NOW),
        (b"9" * 40, NOW),
    ],
    ids=["moved", "later", "no number", "too long"],
)
def test_a_claim_of_a_moved_record_counts_no_later_than_its_first_arrival(
    lane: Lane, header: bytes, counts_as: datetime
) -> None:
    claimed = disclosed(disclosed_at=(NOW + timedelta(hours=5)).isoformat())
    turn = lane.work(claimed, topic=PLAIN, headers=(("first-arrived", header),))
    (made,) = on(turn, TopicName.IDENTITY_URGENT)
    assert made["disclosure"]["disclosed_at"] == counts_as


@pytest.mark.parametrize("key", [id_of("d-1"), id_of("d-1").upper()], ids=readable_id)
def test_its_own_partition_is_that_of_the_id_in_small_letters(key: str) -> None:
    """The partition follows from the id in small letters, not from the form that the sender wrote."""
    partitions = 64
    own, found = (partition_for(each.encode(), partitions) for each in (id_of("d-1"), key))
    turn = admit_lane(lambda _: None, partitions, found).work(in_capitals(), topic=PLAIN)
    if found == own:
        assert len(on(turn, TopicName.IDENTITY_URGENT)) == 1
    else:
        (output,) = turn.outputs
        assert (output.topic, output.key, output.value) == (PLAIN, id_of("d-1").encode(), in_capitals())


def test_an_id_is_known_until_its_end_and_then_forgotten(lane: Lane) -> None:
    lane.work(disclosed(), topic=URGENT)
    end = NOW + timedelta(days=KNOWN_DAYS)
    last = end - timedelta(seconds=1)
    lane.sweep(last)
    assert why(lane.work(disclosed(summary="Other words."), topic=URGENT, now=last)) == [CONFLICT]
    lane.sweep(end)
    assert lane.state == {}
    assert len(on(lane.work(disclosed(), topic=URGENT, now=end), TopicName.IDENTITY_URGENT)) == 1
