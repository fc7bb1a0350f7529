"""Each input of the cases, as it was found: what the code makes of it is right."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import Result

from schemas.codec import encode
from schemas.disclosure import parse_json
from schemas.errors import Invalid
from schemas.sealed import SealedDetails
from schemas.topics import TopicName
from services.cli.demo.view import DemoView
from services.cli.live_view import LiveView
from services.cli.paragraphs import broken
from services.review.sealed_words import as_it_came, disclosed
from streams.domain.admission import details_fields
from streams.domain.tokens import tokens_of
from tests.cases.table import input_of, lines_of
from tests.decide_reviews import decide
from tests.disclosures import KEYS
from tests.turns import ADA, PARTITION, Lane, admit_lane, on, read, why
from tests.unit.test_decide_cli import confide, decisions

_NOW = "2026-02-03T22:00:00Z"
_NO_TIME = "is not a time in ISO 8601, such as 2026-02-03T21:04:11Z"
_HIDDEN = "(a name that is not shown): is given twice"


def decided(case: str) -> Result:
    """Return what `confide decide` makes of the input."""
    return confide(str(input_of(case)), "--now", _NOW)


def admitted(line: bytes, arrived_at: datetime) -> Any:
    """Return ADMIT's turn with a line that arrived then, of a known person."""
    disclosure = parse_json(line)
    value = encode("Disclosure", disclosure.model_dump())
    topic = TopicName.FORUM_DISCLOSURES if disclosure.service == "forum" else TopicName.TEXT_LINE_DISCLOSURES
    return admit_lane(lambda _: ADA).work(value, topic=topic, now=arrived_at, stamp=arrived_at)


def test_b01_time_from_digits() -> None:
    result = decided("B01")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [f"line {number}: disclosed_at: {_NO_TIME}" for number in (1, 2, 3)]


@pytest.mark.parametrize("days", [0, 300], ids=["as it happened", "long afterwards"])
def test_b03_future_safe_mark(days: int) -> None:
    """Whenever the three lines arrive, the mark of 2035 is older than the word that the channel is not safe."""
    lane = Lane(decide(), PARTITION)
    came = (datetime(2026, 2, day, 22, tzinfo=UTC) + timedelta(days=days) for day in (3, 4, 5))
    for line, arrived_at in zip(lines_of("B03"), came, strict=True):
        value = admitted(line, arrived_at).outputs[-1].value
        lane.work(value, topic=TopicName.ADMITTED_URGENT, now=arrived_at)
    *_, last = (output for output in lane.outputs if output.topic == TopicName.NOTIFICATIONS)
    notice = read(last)[1]
    assert (notice["channels"], notice["withheld_because"]) == ([], "not_safe_to_contact")


def test_b04_withheld_number() -> None:
    disclosures = [parse_json(line) for line in lines_of("B04")]
    assert [tokens_of(each, key=KEYS.token, version="1") for each in disclosures] == [(), ()]
    lane = admit_lane(lambda _: None)
    values = [encode("Disclosure", each.model_dump()) for each in disclosures]
    turn = lane.work(*values, topic=TopicName.TEXT_LINE_DISCLOSURES_URGENT)
    persons = [each["person"] for each in on(turn, TopicName.ADMITTED_URGENT)]
    assert len({*persons, None}) == 3
    notes = [each["notes"] for each in decisions(decided("B04"))]
    assert [note.startswith("subject.phone: no phone has this number, or") for (note,) in notes] == [True, True]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, r"I think he will use it tonight.\x1b[1A\x1b[2K\r no further risk found.\x1b[0m"),
        (1, r"a\x1b]0;title\x07b \u202eflipped"),
    ],
    ids=["a sentence that would be wiped", "a place that would turn the line"],
)
def test_b05_words_for_a_terminal(number: int, words: str) -> None:
    line = lines_of("B05")[number]
    details = SealedDetails.model_validate(details_fields(parse_json(line).model_dump()))
    for shown in (disclosed(details), as_it_came(line)):
        assert all(each.isprintable() for each in broken(shown))
    said = " ".join(" ".join(broken(disclosed(details))).split())
    assert words in said


def test_b06_name_of_a_doubled_field() -> None:
    result = decided("B06")
    assert (result.exit_code, result.stderr) == (1, f"line 1: {_HIDDEN}\n")
    refused = (("refused-by", b"gateway"),)
    turn = admit_lane(lambda _: None).work(
        lines_of("B06")[0], topic=TopicName.FORUM_DISCLOSURES_URGENT, headers=refused
    )
    assert why(turn) == [_HIDDEN]


def test_b07_half_an_emoji() -> None:
    assert parse_json(lines_of("B07")[0]).summary == "help me \ufffd"
    assert [each["outcome"] for each in decisions(decided("B07"))] == ["emergency"]


def test_b08_placeholder_birth() -> None:
    (decision,) = decisions(decided("B08"))
    assert (decision["outcome"], decision["review"]["asks"]) == ("review", ["subject.age"])
    assert decision["notes"] == ["subject.date_of_birth: makes the person older than 130 years: counted as unknown"]


def test_b10_email_forms() -> None:
    one, other = (tokens_of(parse_json(line), key=KEYS.token, version="1") for line in lines_of("B10"))
    assert len(one) == 1
    assert one == other


def test_b12_byte_order_mark() -> None:
    result = decided("B12")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [each["outcome"] for each in decisions(result)] == ["emergency", "refer"]


def test_b15_pretty_printed() -> None:
    result = decided("B15")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "is not JSON lines; allowed: one disclosure on each line, as a JSON object" in result.stderr


@pytest.mark.parametrize(
    "view", [lambda: LiveView(1), lambda: DemoView(1, paced=True)], ids=["of the load test", "of the demo"]
)
def test_b16_markup_in_a_name(view: Callable[[], LiveView]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(lines_of("B16")[1])
    assert str(caught.value) == _HIDDEN
    shown = view()
    shown.console.file = io.StringIO()
    # The name, too, if an error showed it.
    for text in (str(caught.value), "[/b]: is given twice"):
        shown.report(text)
        assert text in shown.console.file.getvalue()
