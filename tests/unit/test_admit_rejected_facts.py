"""ADMIT asks about a rejected record by its facts, on whatever topic it came."""

from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.topics import SERVICE_OF, TopicName
from tests.disclosures import ROUTINE, raw
from tests.turns import admit_lane, disclosed, on


def wrong(**changes: Any) -> bytes:
    """Return a record that can be decoded and does not fit the contract, with these fields changed too."""
    fields = decode(disclosed(**changes), "Disclosure")[1]
    return encode("Disclosure", {**fields, "subject": {**fields["subject"], "phone": "07700 no phone"}})


@pytest.mark.parametrize("topic", [TopicName.FORUM_DISCLOSURES, TopicName.TEXT_LINE_DISCLOSURES])
def test_what_is_rejected_on_a_routine_topic_is_asked_about_unless_its_facts_rule_urgency_out(topic: TopicName) -> None:
    """The facts decide what is urgent, and not the topic, also if another field is wrong."""
    admit, service = admit_lane(lambda _: None), SERVICE_OF[topic]
    (rejected,) = on(admit.work(wrong(service=service), topic=topic), TopicName.ADMITTED_URGENT)
    assert (rejected["field"], rejected["topic"]) == ("subject.phone", topic)
    calm = admit.work(wrong(service=service, concerns=ROUTINE), topic=topic)
    assert (len(calm.rejects), calm.outputs) == (1, [])


@pytest.mark.parametrize(
    ("value", "is_asked"),
    [
        (raw(subject={}), True),
        (raw(subject={}, concerns=ROUTINE, immediate_danger="life"), True),
        (raw(subject={}, concerns=ROUTINE, Concerns=[]), True),
        (raw(subject={}, concerns=ROUTINE), False),
        # Nothing in these can be decoded. A door writes them to the urgent topic.
        (b"{", False),
        (b"\xc3\x01", False),
        (b"[]", False),
    ],
    ids=["urgent", "name beside the concerns", "misspelt concerns", "routine", "damaged", "cut", "list"],
)
def test_what_a_door_refused_on_a_routine_topic_is_asked_about_by_its_facts(*, value: bytes, is_asked: bool) -> None:
    turn = admit_lane(lambda _: None).work(
        value, topic=TopicName.FORUM_DISCLOSURES, headers=(("refused-by", b"gateway"),)
    )
    assert (len(turn.rejects), len(on(turn, TopicName.ADMITTED_URGENT))) == (1, int(is_asked))
