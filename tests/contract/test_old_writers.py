"""Values of every older schema stay readable, and a changed schema keeps its predecessor."""

import json
from io import BytesIO
from typing import Any

import pytest
from avro.io import BinaryEncoder, DatumWriter
from avro.schema import parse
from fastavro import parse_schema, schemaless_writer

from schemas import avro_registry, codec
from schemas.disclosure import validate
from schemas.records import Admitted, KeyRecord
from schemas.vocabulary import ConcernKind, ImmediateDanger
from tests.contract.examples import FULL

#: The headers of all versions of each schema, the oldest first. Before a schema changes, its file moves to
#: `avro/old/NAME-N.avsc`; its header stays here, and the new header is added.
EVER_WRITTEN = {
    "Disclosure": ("c3017f900becaa0048e4", "c30100b01c294921cf21", "c3014e99cedaf7df67d6"),
    "Admitted": (
        "c30136601590b5ddc0fc",
        "c3013b1751bf5573d779",
        "c3018e5be1548d2cf6aa",
        "c301c17e48fb97b848b5",
        "c301a7ba104188bb9cb8",
    ),
    "KeyRecord": ("c301de045da4ef89cfeb", "c301497a23f49e5bd208"),
    "TokenOwner": ("c301f9a50a8e0cde0bf0",),
    "Edge": ("c301ea1e86f99d93e2ea",),
    "Decision": ("c301767f9a596af64440", "c3011ef217d55fdcd426", "c301801f2713bf12abd2", "c30185bd17781379df4d"),
    "ReviewRequested": (
        "c301d60da632ac97acfc",
        "c3016c66df65d53d5a0e",
        "c301a7fea4d25b61b06c",
        "c30106cf4b109494a13f",
        "c30137970537097216d2",
        "c301a6140e6e47a7385f",
    ),
    "ReviewOutcome": ("c30134804c0f72d5d663", "c301a6eb94216999f07d", "c3012dc0cf61ac697003"),
    "ReviewSettled": ("c301ddcc92e880bfbdb8", "c301d8bba5f14fd302ca", "c301952c7f55e1f1a574", "c30133f9aaeb302142e8"),
    "UrgentRejected": ("c301713d3e18391221b6", "c3014fbebb467018055b", "c301abaa1a0eb748b621"),
    "RejectedAccepted": ("c30106862e4981759791",),
    "OpenReview": (
        "c30161a1192634907577",
        "c301d11f4d640da8f19d",
        "c3010b5a68ceff2796a1",
        "c301431d4298f37d8095",
        "c3016da1f68acee9095a",
    ),
    "Report": ("c30157e08fc1ef08fd6e", "c301e187f8ef77752abe", "c3013a0e781a0a91959e"),
    "DeliveryChanged": ("c30155fc772b92c7c251", "c3017c3c99744bc85049", "c3013057d014ffae0b15"),
    "NotificationDue": ("c30182d083c598ce5359", "c301c57e9bc35def83fc", "c30111d44587378277c5", "c3011c684946b4e121cf"),
    "NotificationSettled": (
        "c301d4b0b08f22307e18",
        "c301cba31c6d263f0f8c",
        "c3019a600755991bfa53",
        "c301b2a7cab8a9f63381",
    ),
    "ReportStopped": ("c3015bb7a95eae1fa24d",),
    "OpenReport": ("c3015100db5c2ace4282", "c301933fa605cf4b1965"),
    "SealedComment": ("c30158d4ab6c44e5cfea",),
    "AlarmChanged": ("c301e32c7c5a20c04a3f", "c3018c1869c9f89c39fb", "c3018402d355b78fd6a1", "c30190f4f198b8857741"),
    "SealedDetails": ("c301fbb77c36224c094a",),
}

MICROS = 1_770_152_651_000_000  # 2026-02-03T21:04:11Z
FIRST = {
    "disclosure_id": "0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
    "service": "forum",
    "channel": {"kind": "thread", "reference": None},
    "disclosed_at": MICROS,
    "assessment": {"assessed_at": MICROS, "assessor": "moderator", "confirmed_by": "safeguarding_lead"},
    "subject": {
        "account": "forum:1",
        "phone": None,
        "email": None,
        "date_of_birth": 14_000,
        "age": 17,
        "age_band": "16_17",
        "adult_at_risk": {"care_or_support_needs": None, "at_risk_of_harm": None, "cannot_protect_self": None},
        "location": {"text": None, "postcode": None, "latitude": 51.5, "longitude": None},
        "professionals": [{"role": "social_worker", "name": None, "organisation": None, "address": None}],
    },
    "concerns": [
        {"kind": "suicide", "thoughts": True, "plan": None, "means": False, "intent": True, "timeframe": "immediate"},
        {"kind": "homelessness", "state": "at_risk"},
    ],
    "safety": {"says_safe": True, "contradicted": False, "unclear": False},
    "contact": {"channels": ["sms"], "preferred": None, "safe_to_contact": False},
    "summary": "words",
}


def first(name: str, fields: dict[str, Any]) -> bytes:
    """Return a value of a record's first schema, written by avro-python3."""
    source = next(schema for superseded, schema in avro_registry.superseded() if superseded == name)
    stream = BytesIO()
    DatumWriter(parse(json.dumps(source))).write(fields, BinaryEncoder(stream))
    return bytes.fromhex(EVER_WRITTEN[name][0]) + stream.getvalue()


def first_disclosure() -> bytes:
    return first("Disclosure", FIRST)


@pytest.mark.parametrize("name", avro_registry.RECORDS)
def test_every_version_ever_written_is_known_by_its_header(name: str) -> None:
    known = {header.hex() for header, reader in avro_registry.READERS.items() if reader.name == name}
    assert known == set(EVER_WRITTEN[name])


@pytest.mark.parametrize("name", avro_registry.RECORDS)
def test_the_last_version_is_the_one_that_is_written(name: str) -> None:
    assert avro_registry.WRITERS[name].header.hex() == EVER_WRITTEN[name][-1]


def test_a_disclosure_of_the_first_version_reads_as_one_of_today() -> None:
    name, fields = codec.decode(first_disclosure(), "Disclosure")
    disclosure = validate(fields)
    assert name == "Disclosure"
    assert disclosure.disclosed_at.isoformat() == "2026-02-03T21:04:11+00:00"
    assert disclosure.subject.age_band == "16_17"
    assert [concern.kind for concern in disclosure.concerns] == [ConcernKind.SUICIDE, ConcernKind.HOMELESSNESS]
    assert disclosure.contact.safe_to_contact is False


def test_what_the_first_version_lacked_is_what_the_contract_says_of_its_absence() -> None:
    disclosure = validate(codec.decode(first_disclosure(), "Disclosure")[1])
    assert [concern.immediate_danger for concern in disclosure.concerns] == [ImmediateDanger.NONE] * 2
    assert (disclosure.involvement.told, disclosure.involvement.view) == (None, None)


def test_a_key_of_the_first_version_has_no_check_value() -> None:
    written = {"key_id": "key-1", "person": "person-1", "wrapped_key": b"wrapped"}
    name, fields = codec.decode(first("KeyRecord", written), "KeyRecord")
    assert (name, fields) == ("KeyRecord", {**written, "master_check": None})
    assert KeyRecord.model_validate(fields).master_check is None


def test_what_was_admitted_by_the_first_version_has_no_check_value() -> None:
    source = next(schema for name, schema in avro_registry.superseded() if name == "Admitted")
    today = {**FULL["Admitted"].model_dump(), "digest": "1:00ff"}
    stream = BytesIO()
    schemaless_writer(stream, parse_schema(source), {name: today[name] for name in today if name != "master_check"})
    read = codec.decode(bytes.fromhex(EVER_WRITTEN["Admitted"][0]) + stream.getvalue(), "Admitted")[1]
    assert Admitted.model_validate(read) == FULL["Admitted"].model_copy(update={"master_check": None})


def test_a_reader_that_changes_its_copy_changes_no_later_one() -> None:
    fields: dict[str, Any] = codec.decode(first_disclosure(), "Disclosure")[1]
    fields["involvement"]["told"] = True
    assert codec.decode(first_disclosure(), "Disclosure")[1]["involvement"]["told"] is None


def test_a_disclosure_of_the_first_version_that_is_cut_off_is_refused() -> None:
    whole = first_disclosure()
    for length in range(10, len(whole)):
        with pytest.raises(codec.Unreadable, match="value: "):
            codec.decode(whole[:length], "Disclosure")
