"""Topic and key of a disclosure, and the topic of unreadable bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.disclosure import Disclosure, disclosure_key
from schemas.topics import TopicName
from schemas.vocabulary import Service
from services.sdk.addressing import intended_topic, topic_of
from tests.disclosures import BAD_LINES, ROUTINE, disclosure, fields, raw

URGENT = {Service.FORUM: TopicName.FORUM_DISCLOSURES_URGENT, Service.TEXT_LINE: TopicName.TEXT_LINE_DISCLOSURES_URGENT}
PLAIN = {Service.FORUM: TopicName.FORUM_DISCLOSURES, Service.TEXT_LINE: TopicName.TEXT_LINE_DISCLOSURES}


@pytest.mark.parametrize("service", Service)
def test_urgent_and_routine_have_topics_of_their_service(service: Service) -> None:
    assert topic_of(disclosure(service=service.value)) == URGENT[service]
    assert topic_of(disclosure(service=service.value, concerns=ROUTINE)) == PLAIN[service]


def test_the_key_is_the_id_however_its_letters_are_written() -> None:
    sent = disclosure()
    assert disclosure_key(sent.disclosure_id) == sent.disclosure_id.encode()
    assert disclosure_key(sent.disclosure_id.upper()) == disclosure_key(sent.disclosure_id)
    assert disclosure(disclosure_id=sent.disclosure_id.upper()) == sent


def test_a_line_cut_off_in_the_middle_goes_to_the_service_it_names_as_urgent() -> None:
    assert intended_topic(raw(service="text_line", concerns=ROUTINE)[:200], None) is URGENT[Service.TEXT_LINE]
    assert intended_topic(b'{"service" :\n "forum", ', Service.TEXT_LINE) is URGENT[Service.FORUM]


def test_bytes_without_a_service_go_to_the_senders_topic_else_to_the_forums() -> None:
    assert intended_topic(b"\x00\xff", Service.TEXT_LINE) is URGENT[Service.TEXT_LINE]
    assert intended_topic(b"\x00\xff", None) is URGENT[Service.FORUM]
    assert intended_topic(raw(service="elsewhere"), None) is URGENT[Service.FORUM]


def test_a_malformed_line_is_routine_only_if_its_concerns_rule_urgency_out() -> None:
    assert intended_topic(raw(disclosure_id="", concerns=ROUTINE), None) is PLAIN[Service.FORUM]
    assert intended_topic(raw(concerns=[*ROUTINE, {"kind": "riot"}]), None) is URGENT[Service.FORUM]
    assert intended_topic(raw(concerns=[]), None) is URGENT[Service.FORUM]
    # Of two equal names the first may have been the risk.
    doubled = raw(concerns=[{"kind": "suicide"}])[:-1] + b', "concerns": [{"kind": "pregnancy"}]}'
    assert intended_topic(doubled, None) is URGENT[Service.FORUM]
    assert (
        intended_topic(raw(concerns=[{"kind": "self_harm", "life_threatening": "yes"}]), None) is URGENT[Service.FORUM]
    )


EMERGENCY = [{"kind": "suicide", "immediate_danger": "life"}]


@pytest.mark.parametrize(
    "changes",
    [
        {"Concerns": EMERGENCY},
        {"concern": EMERGENCY},
        {"immediate_danger": "life"},
        {"concerns\u200b": EMERGENCY},
        {"": None},
        {"concerns": [{"kind": "pregnancy", "immediate danger": "life"}]},
        {"concerns": [{"kind": "pregnancy", "x": None}]},
    ],
    ids=["capital", "singular", "fact beside", "invisible", "empty", "in a concern", "any name in a concern"],
)
def test_a_name_that_is_no_field_may_be_a_misspelt_risk(changes: dict[str, Any]) -> None:
    line = raw(**{"concerns": [{"kind": "pregnancy"}], **changes})
    assert intended_topic(line, None) is URGENT[Service.FORUM]


@given(st.text().filter(lambda name: name not in Disclosure.model_fields))
def test_any_name_that_is_no_field_counts_as_possibly_urgent(name: str) -> None:
    assert intended_topic(json.dumps({**fields(concerns=ROUTINE), name: 1}).encode(), None) is URGENT[Service.FORUM]


@pytest.mark.parametrize("line", BAD_LINES)
def test_each_bad_line_goes_to_the_service_that_it_names(line: bytes) -> None:
    named = Service.FORUM if b'"service": "forum"' in line else Service.TEXT_LINE
    assert intended_topic(line, None) in (URGENT[named], PLAIN[named])


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()))
def test_any_bytes_have_a_topic(some: bytes) -> None:
    assert intended_topic(some, None) in set(URGENT.values()) | set(PLAIN.values())


@pytest.mark.parametrize("bomb", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000])
def test_endless_nesting_or_numbers_have_a_topic_too(bomb: bytes) -> None:
    assert intended_topic(bomb, Service.TEXT_LINE) is URGENT[Service.TEXT_LINE]


def test_a_proven_sender_counts_and_not_the_service_in_the_bytes() -> None:
    for line in (raw(service="text_line"), b'\xc3\x01 "service": "text_line"', b"{"):
        assert intended_topic(line, Service.FORUM, is_proven=True) is URGENT[Service.FORUM]
