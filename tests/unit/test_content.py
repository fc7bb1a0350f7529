"""The content form of a record is the same under every version of its schema."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.avro_registry import sources
from schemas.codec import decode, encode
from schemas.content import content_form, disclosure_content
from schemas.disclosure import Disclosure, parse_json
from tests.disclosures import DAY_LINES, disclosure

#: Fields that a later version of the schema may add: a flag, a fact, a nested record, and a fact of every concern.
ADDED: dict[str, Any] = {"name": "exercise", "type": "boolean", "default": False}
PART: dict[str, Any] = {
    "name": "reported_by",
    "type": {"type": "record", "name": "ReportedBy", "fields": [{"name": "account", "type": ["null", "string"]}]},
    "default": {"account": None},
}
FACT: dict[str, Any] = {"name": "recent", "type": ["null", "boolean"], "default": None}
PLACE: dict[str, Any] = {"name": "source", "type": ["null", "string"], "default": None}


def fields_of(said: Disclosure) -> dict[str, Any]:
    return decode(encode("Disclosure", said.model_dump()), "Disclosure")[1]


def content_of(said: Disclosure) -> bytes:
    return disclosure_content(fields_of(said))


def later(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a later version, with more fields and another order."""
    schema = copy.deepcopy(schema)
    parts = {field["name"]: field for field in schema["fields"]}
    for branch in parts["concerns"]["type"]["items"]:
        branch["fields"].insert(1, FACT)
    place = next(field for field in parts["subject"]["type"]["fields"] if field["name"] == "location")
    place["type"]["fields"].append(PLACE)
    schema["fields"] = [ADDED, *reversed(schema["fields"]), PART]
    return schema


def read_later(fields: dict[str, Any], **said: Any) -> dict[str, Any]:
    """Return the fields as a reader of the later schema gets them, if the writer set no new field except `said`."""
    subject = fields["subject"]
    return {
        **fields,
        "concerns": [{**each, "recent": None} for each in fields["concerns"]],
        "subject": {**subject, "location": {**subject["location"], "source": None}},
        "exercise": False,
        "reported_by": {"account": None},
        **said,
    }


@pytest.fixture
def of_later() -> Callable[[Any], bytes]:
    return content_form(later(sources()["Disclosure"]))


@pytest.mark.parametrize("line", DAY_LINES, ids=range(len(DAY_LINES)))
def test_a_field_of_a_later_version_that_is_not_given_changes_no_content(
    line: bytes, of_later: Callable[[Any], bytes]
) -> None:
    fields = fields_of(parse_json(line))
    assert of_later(read_later(fields)) == disclosure_content(fields)


@pytest.mark.parametrize("said", [{"exercise": True}, {"reported_by": {"account": "forum:7"}}])
def test_other_facts_of_it_are_other_content(said: dict[str, Any], of_later: Callable[[Any], bytes]) -> None:
    fields = fields_of(disclosure())
    assert of_later(read_later(fields, **said)) != disclosure_content(fields)


def test_the_default_is_the_same_content_given_or_left_out() -> None:
    given = disclosure(
        safety={"says_safe": False},
        contact={"channels": [], "preferred": None, "safe_to_contact": None},
        concerns=[{"kind": "abuse", "ongoing": None, "immediate_danger": "none"}],
    )
    left_out = disclosure(concerns=[{"kind": "abuse"}])
    assert content_of(given) == content_of(left_out)


@pytest.mark.parametrize(
    "changes",
    [
        {"concerns": [{"kind": "abuse", "immediate_danger": None}]},
        {"concerns": [{"kind": "abuse", "ongoing": False}]},
        {"concerns": [{"kind": "sexual_abuse"}]},
        {"concerns": [{"kind": "abuse"}, {"kind": "abuse"}]},
        {"concerns": [{"kind": "abuse"}], "safety": {"unclear": True}},
        {"concerns": [{"kind": "abuse"}], "channel": {"kind": "thread"}},
        {"concerns": [{"kind": "abuse"}], "subject": {"account": "forum:39117", "phone": "+447700900123"}},
    ],
)
def test_any_difference_is_other_content(changes: dict[str, Any]) -> None:
    assert content_of(disclosure(**changes)) != content_of(disclosure(concerns=[{"kind": "abuse"}]))


def test_no_release_changes_the_form_of_what_was_kept() -> None:
    """Digests are kept for months: if this form changes, every repeat looks like other content."""
    whole = disclosure(
        disclosed_at="2026-02-03T21:04:11.000001Z",
        subject={
            "account": "forum:7",
            "date_of_birth": "2009-02-03",
            "location": {"latitude": 51.5, "longitude": -0.1},
        },
        concerns=[{"kind": "abuse", "ongoing": True, "immediate_danger": None}],
        contact={"channels": ["sms"], "safe_to_contact": False},
        summary='It\'s "K\u00e4the" \U0001f600\n',
    )
    assert content_of(whole).decode().split(", ") == [
        "{'assessment': {'assessed_at': '2026-02-03T21:09:40+00:00'",
        "'assessor': 'moderator'",
        "'confirmed_by': 'safeguarding_lead'}",
        "'concerns': [{'immediate_danger': None",
        "'kind': 'abuse'",
        "'ongoing': True}]",
        "'contact': {'channels': ['sms']",
        "'safe_to_contact': False}",
        "'disclosed_at': '2026-02-03T21:04:11.000001+00:00'",
        f"'disclosure_id': '{whole.disclosure_id}'",
        "'service': 'forum'",
        "'subject': {'account': 'forum:7'",
        "'date_of_birth': '2009-02-03'",
        "'location': {'latitude': 51.5",
        "'longitude': -0.1}}",
        r"""'summary': 'It\'s "K\xe4the" \U0001f600\n'}""",
    ]
