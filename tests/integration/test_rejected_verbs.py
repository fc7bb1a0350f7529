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
from services.settings import Keys
from streams.agents.admit import Admit
from tests.contract.example_parts import REJECTED
from tests.disclosures import disclosure, id_of, raw
from tests.processes import Processes, processes
from tests.tails import Tail
from tests.turns import Lane

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


def kept_as(bootstrap: str, value: bytes, *headers: tuple[str, bytes | None], topic: str = TOPIC) -> str:
    """Write a rejected record; return its place."""
    producer = DisclosureProducer(bootstrap)
    kept = producer.resend(rejected(topic), 0, b"key", value, [("rejected-reason", b"any"), *headers])
    producer.close()
    return f"{topic}/0/{kept.offset}"


def routine(key: str, **changes: object) -> bytes:
    """Return the JSON line of a routine disclosure."""
    return raw(key, **{"concerns": [{"kind": "pregnancy"}], **changes})


#: The mark of a record that came as an exercise.
MARK = ("rejected-exercise", b"true")


@pytest.mark.parametrize(
    ("marks", "says", "options", "sent"),
    [
        ([MARK], {}, [], True),
        ([MARK], {}, ["--exercise"], True),
        ([MARK], {"exercise": False}, [], True),
        ([MARK], {"exercise": True}, [], True),
        ([], {}, [], False),
        ([], {"exercise": False}, [], False),
        ([], {"exercise": True}, ["--exercise"], True),
        ([], {"exercise": True}, [], "it says that it is an exercise, and did not come as one; allowed: --exercise if"),
        ([], {}, ["--exercise"], "--exercise: it did not come as an exercise, nor says that it is one"),
    ],
    ids=str,
)
def test_a_line_stays_what_it_came_as(
    confide: Processes,
    bootstrap: str,
    marks: list[tuple[str, bytes]],
    says: dict[str, bool],
    options: list[str],
    sent: bool | str,
) -> None:
    # Marked by mistake a disclosure would end unheard; a drill without its mark would reach the agency.
    place = kept_as(bootstrap, routine("drill", **says), *marks)
    with Tail(bootstrap, TOPIC) as tail:
        done = confide.run("rejected", "replay", place, *options)
        records = tail.take(1, seconds=1 if isinstance(sent, str) else 10)
    if isinstance(sent, str):
        assert (done.returncode, sent in done.stderr.decode(), records) == (2, True, [])
    else:
        assert [decode(each.value, "Disclosure")[1]["exercise"] for each in records] == [sent]


def test_an_exercise_that_is_mended_stays_one(confide: Processes, bootstrap: str, tmp_path: Path) -> None:
    place, file = kept_as(bootstrap, routine("mended-drill", disclosed_at="x"), MARK), tmp_path / "mended.json"
    file.write_bytes(routine("mended-drill", exercise=False))
    refused = confide.run("rejected", "replay", place, "--with", str(file))
    assert (refused.returncode, b"exercise: is false in FILE, and the record came as" in refused.stderr) == (2, True)
    file.write_bytes(routine("mended-drill"))
    with Tail(bootstrap, TOPIC) as tail:
        assert confide.run("rejected", "replay", place, "--with", str(file)).returncode == 0
        (record,) = tail.take(1)
    assert decode(record.value, "Disclosure")[1]["exercise"] is True
    listed = confide.run("rejected", "list", "--topic", TOPIC).stdout.decode()
    assert "(exercise)" in next(line for line in listed.splitlines() if line.startswith(f"{place} "))


def calm(key: str, **changes: object) -> bytes:
    """Return a written disclosure that is routine."""
    return encode("Disclosure", disclosure(key, **{"concerns": [{"kind": "pregnancy"}], **changes}).model_dump())


def invalid_record() -> bytes:
    """Return a written disclosure that decodes, and that no model takes."""
    fields = disclosure("invalid", concerns=[{"kind": "pregnancy"}]).model_dump()
    return encode("Disclosure", {**fields, "disclosure_id": "no id"})


@pytest.mark.parametrize(
    ("value", "marks", "options", "problem"),
    [
        (invalid_record(), [], [], "it still cannot be read: disclosure_id: "),
        (calm("other", service="text_line"), [], [], "it names another service than that of its topic"),
        (encode("UrgentRejected", REJECTED.model_dump()), [], [], "it still cannot be read: value: is of a schema not"),
        (calm("option"), [], ["--exercise"], "--exercise changes nothing in a record that is sent again as it came"),
        (calm("option", exercise=True), [], ["--exercise"], "--exercise changes nothing in a record that is"),
        (calm("marked"), [MARK], [], "it came as an exercise, and does not say that it is one"),
        (b"\xc3\x01" + b"\0" * 20, [], [], "it still cannot be read: value: is of an unknown schema"),
        (routine("twice")[:-1] + b', "summary": "a", "summary": "b"}', [], [], "summary: is given twice"),
    ],
    ids=["invalid", "another service", "no disclosure", "real", "exercise", "marked", "newer", "a name twice"],
)
def test_what_would_be_rejected_again_is_not_sent(
    confide: Processes,
    bootstrap: str,
    value: bytes,
    marks: list[tuple[str, bytes]],
    options: list[str],
    problem: str,
) -> None:
    place = kept_as(bootstrap, value, *marks)
    with Tail(bootstrap, TOPIC) as tail:
        done = confide.run("rejected", "replay", place, *options)
        assert (done.returncode, problem in done.stderr.decode()) == (2, True), done.stderr
        assert tail.take(1, seconds=1) == []


def test_a_record_of_ours_is_shown_with_its_words_and_its_section_opened(
    confide: Processes, bootstrap: str, environment: dict[str, str], tmp_path: Path
) -> None:
    place = kept_as(bootstrap, calm("words", summary="one\ntwo\x1b[2J"))
    shown = confide.run("rejected", "show", place).stdout.decode().splitlines()
    at = shown.index("    summary: one")
    assert shown[at + 1] == "      two\\x1b[2J"
    admit = Admit(
        master_key=Keys.load(Path(environment["CONFIDE_KEYS"])).master,
        token_key=bytes(32),
        token_version="1",
        owner=lambda _: None,
        partitions=1,
    )
    (sealed,) = Lane(admit, 0, TOPIC).work(calm("sealed", summary="He has a knife.")).outputs
    assert sealed.value is not None
    place = kept_as(bootstrap, sealed.value, topic=TopicName.IDENTITY)
    shown = confide.run("rejected", "show", place).stdout.decode().splitlines()
    assert "  He has a knife." in shown
    as_json = json.loads(confide.run("rejected", "show", place, "--json").stdout)
    assert [each["summary"] for each in as_json["sections"]] == ["He has a knife."]
    # Without the keys of this deployment the rest is shown, and that the section is not.
    Keys.create(tmp_path / "others")
    for folder in ("others", "none"):
        with processes({**environment, "CONFIDE_KEYS": str(tmp_path / folder)}, tmp_path) as elsewhere:
            done = elsewhere.run("rejected", "show", place)
        said = done.stdout.decode()
        assert (done.returncode, "He has a knife." in said, "What was sealed" in said) == (0, False, True), done.stderr


def test_of_two_equal_names_both_are_shown(confide: Processes, bootstrap: str) -> None:
    place = kept_as(bootstrap, b'{"summary": "first", "summary": "second"}')
    assert '  {"summary": "first", "summary": "second"}' in confide.run("rejected", "show", place).stdout.decode()
    as_json = json.loads(confide.run("rejected", "show", place, "--json").stdout)
    assert (as_json["is"], as_json["text"]) == (None, '{"summary": "first", "summary": "second"}')


def test_a_header_steers_no_terminal(confide: Processes, bootstrap: str) -> None:
    kept_as(bootstrap, b"{", ("rejected-by", b"\x1b[2J\nforged/0/1"))
    listed = confide.run("rejected", "list").stdout.decode()
    assert ("\x1b" in listed, "\nforged" in listed, r"\x1b[2J\nforged/0/1" in listed) == (False, False, True)


@pytest.mark.parametrize(
    "value",
    [BAD.replace(b"words", b"wo\trds"), BAD + b"\0", b"\xef\xbb\xbf" * 2 + BAD, BAD[:-3]],
    ids=["tab", "NUL", "two marks of order", "cut off"],
)
def test_a_damaged_record_is_sent_again_under_its_own_id_alone(
    confide: Processes, bootstrap: str, tmp_path: Path, value: bytes
) -> None:
    place, file = kept_as(bootstrap, value), tmp_path / "mended.json"
    file.write_bytes(routine("other-id"))
    done = confide.run("rejected", "replay", place, "--with", str(file))
    assert done.returncode == 2
    assert b"disclosure_id: is not that of the rejected record" in done.stderr
    file.write_bytes(routine("mended"))
    assert confide.run("rejected", "replay", place, "--with", str(file)).returncode == 0


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
