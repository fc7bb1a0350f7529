"""`confide rejected`: what could not be read is listed, shown decoded, and sent again, mended or as it came."""

import json
from pathlib import Path

import pytest

from schemas.codec import decode, encode
from schemas.disclosure import disclosure_key
from schemas.errors import Invalid
from schemas.topics import TopicName, rejected
from schemas.vocabulary import Service
from services.sdk.producer import DisclosureProducer
from services.sdk.refused import Refused
from tests.disclosures import disclosure, id_of, raw
from tests.processes import Processes
from tests.tails import Tail

pytestmark = pytest.mark.integration
TOPIC = TopicName.FORUM_DISCLOSURES
#: A routine disclosure that no door takes: it is kept on the `.rejected` topic of the routine topic.
BAD = raw("mended", disclosed_at="yesterday", concerns=[{"kind": "pregnancy"}])


@pytest.fixture
def place(confide: Processes, bootstrap: str) -> str:
    """Return the place of a rejected line, as the list prints it."""
    producer = DisclosureProducer(bootstrap)
    sent = producer.reject(Refused(BAD, Invalid.of("disclosed_at", "is not a time"), "gateway", Service.FORUM))
    producer.close()
    assert sent is not None
    return f"{TOPIC}/{sent.partition}/{sent.offset}"


def test_the_list_has_the_place_and_the_reason(confide: Processes, place: str) -> None:
    listed = confide.run("rejected", "list", "--topic", TOPIC).stdout.decode().splitlines()
    (line,) = [each for each in listed if each.startswith(f"{place} ")]
    assert line.endswith("gateway: disclosed_at: is not a time")
    as_json = [json.loads(each) for each in confide.run("rejected", "list", "--json").stdout.splitlines()]
    (one,) = [each for each in as_json if each["place"] == place]
    assert (one["field"], one["by"], one["from"]) == ("disclosed_at", "gateway", TOPIC)


def test_it_is_shown_decoded_by_whichever_schema_it_fits(confide: Processes, bootstrap: str, place: str) -> None:
    shown = confide.run("rejected", "show", place).stdout.decode()
    assert "reason: disclosed_at: is not a time" in shown
    assert '"disclosed_at": "yesterday"' in shown
    producer = DisclosureProducer(bootstrap)
    value = encode("Disclosure", disclosure("shown").model_dump())
    with Tail(bootstrap, rejected(TOPIC)) as tail:
        producer.resend(rejected(TOPIC), 0, b"key", value, [("rejected-reason", b"any")])
        (record,) = tail.take(1)
    producer.close()
    found = json.loads(confide.run("rejected", "show", f"{TOPIC}/0/{record.offset}", "--json").stdout)
    assert (found["is"], found["fields"]["disclosure_id"]) == ("Disclosure", id_of("shown"))


def test_a_mended_record_is_sent_under_its_own_id(
    confide: Processes, bootstrap: str, place: str, tmp_path: Path
) -> None:
    file = tmp_path / "mended.json"
    file.write_text(json.dumps(json.loads(raw("mended", concerns=[{"kind": "pregnancy"}])), indent=2))
    with Tail(bootstrap, TOPIC) as tail:
        done = confide.run("rejected", "replay", place, "--with", str(file))
        assert done.returncode == 0, done.stderr
        (record,) = tail.take(1)
    assert record.key == disclosure_key(id_of("mended"))
    assert decode(record.value, "Disclosure")[1]["disclosure_id"] == id_of("mended")


def test_a_record_is_sent_again_as_it_came(confide: Processes, bootstrap: str) -> None:
    producer = DisclosureProducer(bootstrap)
    value = encode("Disclosure", disclosure("again").model_dump())
    kept = producer.resend(rejected(TOPIC), 0, b"key", value, [("rejected-reason", b"any"), ("traceparent", b"x")])
    producer.close()
    with Tail(bootstrap, TOPIC) as tail:
        assert confide.run("rejected", "replay", f"{TOPIC}/0/{kept.offset}").returncode == 0
        (record,) = tail.take(1)
    assert (record.key, record.value, record.partition) == (b"key", value, 0)
    assert [name for name, _ in record.headers] == ["traceparent"]


def test_a_line_that_can_be_read_now_is_sent_as_a_disclosure(confide: Processes, bootstrap: str) -> None:
    producer = DisclosureProducer(bootstrap)
    line = raw("readable-now", concerns=[{"kind": "pregnancy"}])
    kept = producer.resend(rejected(TOPIC), 0, b"key", line, [("rejected-reason", b"any")])
    producer.close()
    with Tail(bootstrap, TOPIC) as tail:
        assert confide.run("rejected", "replay", f"{TOPIC}/0/{kept.offset}").returncode == 0
        (record,) = tail.take(1)
    assert decode(record.value, "Disclosure")[1]["disclosure_id"] == id_of("readable-now")


def test_a_line_becomes_an_exercise_only_if_staff_say_so(confide: Processes, bootstrap: str) -> None:
    # Marked by mistake it would end unheard; unmarked, a drill would reach the agency.
    producer = DisclosureProducer(bootstrap)
    places = []
    for says in (True, False):
        line = raw(f"drill-{says}", concerns=[{"kind": "pregnancy"}], exercise=says)
        kept = producer.resend(rejected(TOPIC), 0, b"key", line, [("rejected-reason", b"any")])
        places.append(f"{TOPIC}/0/{kept.offset}")
    producer.close()
    with Tail(bootstrap, TOPIC) as tail:
        refused = confide.run("rejected", "replay", places[0])
        assert (refused.returncode, b"it says that it is an exercise" in refused.stderr) == (2, True)
        for place, options in ((places[0], ["--exercise"]), (places[1], ["--exercise"]), (places[1], [])):
            assert confide.run("rejected", "replay", place, *options).returncode == 0
        records = tail.take(3)
    assert [decode(each.value, "Disclosure")[1]["exercise"] for each in records] == [True, True, False]


def test_a_line_that_still_cannot_be_read_is_not_sent_again(confide: Processes, place: str) -> None:
    done = confide.run("rejected", "replay", place)
    assert done.returncode == 2
    assert b"it still cannot be read: disclosed_at: is not a time" in done.stderr


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (raw("other-id", concerns=[{"kind": "pregnancy"}]), "disclosure_id: is not that of the rejected record"),
        (raw("mended", service="text_line"), "service: is not that of the rejected record; allowed: forum"),
        (BAD, "disclosed_at: is not a time in ISO 8601"),
        (b"{", "line: is not JSON"),
    ],
    ids=["another id", "another service", "not mended", "no JSON"],
)
def test_what_is_not_the_mended_record_is_refused(
    confide: Processes, place: str, tmp_path: Path, line: bytes, problem: str
) -> None:
    file = tmp_path / "mended.json"
    file.write_bytes(line)
    done = confide.run("rejected", "replay", place, "--with", str(file))
    assert done.returncode == 2
    assert problem in done.stderr.decode()


@pytest.mark.parametrize(
    "value",
    [BAD, encode("Disclosure", disclosure("cut").model_dump()), b"{ not JSON"],
    ids=["whole JSON", "Avro", "damaged"],
)
@pytest.mark.parametrize(
    ("length", "words"), [(b"5000", b"of 5,000 bytes"), (b"unknown", b"bytes, the rest did not come")]
)
def test_a_record_of_which_only_the_first_part_was_kept_is_not_shown_or_sent_as_if_it_were_whole(
    confide: Processes, bootstrap: str, value: bytes, length: bytes, words: bytes
) -> None:
    producer = DisclosureProducer(bootstrap)
    headers = [("rejected-reason", b"any"), ("rejected-length", length)]
    kept = producer.resend(rejected(TOPIC), 0, b"key", value, headers)
    producer.close()
    place = f"{TOPIC}/0/{kept.offset}"
    shown = confide.run("rejected", "show", place)
    assert b"cut: first %d" % len(value) in shown.stdout.replace(b",", b"")
    assert words in shown.stdout
    assert json.loads(confide.run("rejected", "show", place, "--json").stdout)["is_whole"] is False
    with Tail(bootstrap, TOPIC) as tail:
        done = confide.run("rejected", "replay", place)
        assert done.returncode == 2
        assert b"it is cut: first " in done.stderr
        assert b"allowed: --with FILE" in done.stderr
        assert tail.take(1, seconds=1) == []


@pytest.mark.parametrize("text", ["", "x", f"{TOPIC}/0", f"{TOPIC}/0/-1", "nowhere/0/0", f"{TOPIC}/a/b"])
def test_what_is_no_place_is_refused(confide: Processes, text: str) -> None:
    for verb in ("show", "replay"):
        done = confide.run("rejected", verb, text)
        assert done.returncode == 2
        assert b"PLACE is TOPIC/PARTITION/OFFSET" in done.stderr


def test_a_place_without_a_record_is_said_to_be_empty(confide: Processes) -> None:
    done = confide.run("rejected", "show", f"{TOPIC}/0/999999")
    assert (done.returncode, b"nothing is kept there" in done.stderr) == (2, True)
