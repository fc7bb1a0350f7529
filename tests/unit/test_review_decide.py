"""`confide review decide`: the options that it refuses before it sends, and the output for each result."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import typer

from schemas.policy import load_policies
from schemas.reviews import ReviewOutcome, ReviewSettled
from schemas.topics import TopicName
from schemas.vocabulary import Refusal
from services.cli import review_decide
from services.cli.review_result import print_result
from services.review.options import as_options
from services.review.review_index import Known
from services.review.send_outcome import AskedAgain, OutcomeRejected
from services.settings import SettingsError
from tests.decide_reviews import conflict_review, decide, rejected_review
from tests.disclosures import id_of
from tests.open_reports import delivered
from tests.review_outcomes import LEAD, STAFF_KEYS
from tests.turns import NOW, Lane, admitted, on
from tests.unit.test_review_cli import outcome, settled
from tests.unit.test_review_console import only

UUID = "5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11"


#: The time at the console: an hour after the report.
CLOCK = NOW + timedelta(hours=1)


class FixedClock(datetime):
    """The console's clock."""

    @classmethod
    def now(cls, _: Any = None) -> "FixedClock":
        return cls.fromisoformat(CLOCK.isoformat())


class Console:
    """`confide review decide` with a lane of DECIDE instead of Kafka."""

    def __init__(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lane = lane
        self.sent: list[ReviewOutcome] = []
        #: Why the content of the review cannot be shown.
        self.unseen: str | None = None

        @contextmanager
        def topics_of(_: Any) -> Iterator[None]:
            yield None

        def send_outcome(_: str, __: Known, given: ReviewOutcome, **___: Any) -> ReviewSettled:
            self.sent.append(given)
            kept = {"by", "role", "decision", "told_at", "reference", "entered_under", "records", "refusal"}
            fields = given.model_dump(include=kept)
            return settled(**{**fields, "decision_id": None})

        for name, value in {
            "topics_of": topics_of,
            "find": lambda *_: only(lane),
            "policies_and_settings": lambda: (load_policies(), self),
            "checked_master": lambda _: b"",
            "_signer": lambda *_: ("safeguarding_lead", STAFF_KEYS[LEAD]),
            "_sealed": lambda *_: None,
            "unseen": lambda *_: self.unseen,
            "datetime": FixedClock,
            "send_outcome": send_outcome,
            "configure": lambda _: None,
            "shutdown": lambda: None,
        }.items():
            monkeypatch.setattr(review_decide, name, value)

    bootstrap = ""

    def decide(self, **options: Any) -> None:
        review_decide.decide(only(self._lane).latest.review_id, LEAD, **options)

    def refuses(self, **options: Any) -> str:
        with pytest.raises(SettingsError) as refused:
            self.decide(**options)
        assert self.sent == []
        return str(refused.value)


@pytest.fixture
def lane() -> Lane:
    return Lane(decide())


def phoned(monkeypatch: pytest.MonkeyPatch, lane: Lane) -> Console:
    """Let a report to 999 fail that was made an hour ago, and return the console."""
    (made,) = on(lane.work(admitted()), TopicName.REPORTS_999)
    delivered(lane, made, "failed", reason="status_422")
    return Console(lane, monkeypatch)


@pytest.mark.parametrize(
    ("at", "read_as"),
    [
        ("2026-02-03T21:09:59+00:00", "2026-02-03T21:09+00:00"),
        ("2017-02-03T21:09:00Z", "2017-02-03T21:09+00:00"),
        # The last time before now with this clock time.
        ("21:09", "2026-02-03T21:09+00:00"),
        ("22:11", "2026-02-02T22:11+00:00"),
        ("03:00", "2026-02-03T03:00+00:00"),
        ("2 hours", "2026-02-03T20:10+00:00"),
    ],
)
def test_a_call_before_the_report_is_refused_with_what_is_allowed(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, at: str, read_as: str
) -> None:
    said = phoned(monkeypatch, lane).refuses(told_by_phone="the desk", at=at, reference="CAD-1")
    allowed = "--at: must not be before 2026-02-03T21:10+00:00, when it was reported, and not after now"
    assert said == f"{allowed}; this is {read_as}"


@pytest.mark.parametrize("at", ["21:40", "30 minutes", "2026-02-03T21:40:00Z"])
def test_what_was_recorded_is_printed_in_full(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at: str
) -> None:
    phoned(monkeypatch, lane).decide(told_by_phone="the desk", at=at, reference="CAD-1")
    assert capsys.readouterr().out == (
        f"Settled 3 February 2026, 21:10 UTC by {LEAD} (safeguarding_lead): told by phone.\n"
        "The agency was told by phone 3 February 2026, 21:40 UTC; its reference is CAD-1.\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"told_by_phone": " ", "at": "1 minute", "reference": "CAD-1"}, "--told-by-phone needs WHO, --at TIME and"),
        ({"told_by_phone": "the desk", "at": "1 minute", "reference": "ask Ada Jones"}, "--reference: is not a log"),
        ({"told_by_phone": "the desk", "at": "1 minute", "reference": "07700 900123"}, "--reference: is not a log"),
        ({"send_again": True, "comment": ""}, "--comment is empty"),
        ({"send_again": True, "comment": " \n"}, "--comment is empty"),
        ({"confirm": True}, "--confirm: does not settle such a review; allowed: --told-by-phone, --send-again, --with"),
    ],
)
def test_what_staff_say_wrongly_is_refused_in_the_words_of_the_options(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    console = phoned(monkeypatch, lane)
    assert console.refuses(**options).startswith(said)


@pytest.mark.parametrize("text", ["", "d-1", "Ada Jones"])
def test_what_was_entered_again_is_refused_unless_it_is_a_uuid(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    lane.work(b"not a record", topic=TopicName.ADMITTED_URGENT)
    console = Console(lane, monkeypatch)
    assert console.refuses(entered_again=[text]).startswith("--entered-again[0]: is not the id of a disclosure, a UUID")
    console.decide(entered_again=[UUID])
    assert [each.entered_under for each in console.sent] == [(UUID,)]


def test_of_several_rejected_records_it_must_be_said_how_many_were_shown(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        lane.work(b"not a record", topic=TopicName.ADMITTED_URGENT)
    console = Console(lane, monkeypatch)
    said = console.refuses(nothing_in_it=Refusal.ALREADY_REPORTED)
    assert said == "--records is required: the review has 3 records now; say how many you were shown"
    console.decide(nothing_in_it=Refusal.ALREADY_REPORTED, records=2)
    assert [each.records for each in console.sent] == [2]


def test_a_review_of_anything_else_takes_no_number_of_records(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    said = phoned(monkeypatch, lane).refuses(send_again=True, records=1)
    assert said.startswith("--records: belongs to another decision than --send-again")


@pytest.mark.parametrize("id_", [id_of("d-1"), id_of("d-1").upper()])
def test_a_conflict_cannot_be_entered_again_under_the_id_in_conflict(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, id_: str
) -> None:
    conflict_review(lane)
    console = Console(lane, monkeypatch)
    said = console.refuses(entered_again=[id_])
    assert said.startswith("--entered-again: is the id in conflict, which the first disclosure keeps; allowed: ")
    console.decide(entered_again=[UUID.upper()])
    assert [each.entered_under for each in console.sent] == [(UUID,)]


@pytest.mark.parametrize(
    ("reason", "decision", "said"),
    [
        (
            "ask_again_at: must be after now and at the latest 2026-02-04T21:10+00:00",
            "not_reached",
            "--not-reached-until: must be after now and at the latest 2026-02-04T21:10+00:00",
        ),
        ("agencies: needs at least one: nobody", "confirm", "--agency: needs at least one: nobody"),
        ("refusal: SAFE-4: abuse is acted on", "refuse", "--refuse: SAFE-4: abuse is acted on"),
        ("refusal: allowed here: already_reported", "withdrawn", "--withdraw: allowed here: already_reported"),
        ("role: AD-2 is for a lead", "confirm", "--as: AD-2 is for a lead"),
        ("reference: belongs to another decision than send_again", "send_again", "than --send-again"),
        ("told_at: is required by told_by_phone here; reference: is required by told_by_phone here", "told_by_phone",
         "--at: is required by --told-by-phone here; --reference: is required by --told-by-phone here"),
        ("facts: does not belong to not_reached here", "not_reached", "--fact: does not belong to --not-reached-until"),
        ("concerns[3].plan: is of no concern", "new_facts", "concerns[3].plan: is of no concern"),
    ],
)  # fmt: skip
def test_a_rejection_by_decide_is_shown_with_the_names_of_the_options(reason: str, decision: Any, said: str) -> None:
    assert said in as_options(reason, decision)


def test_an_outcome_that_decide_rejected_is_shown_as_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        print_result(OutcomeRejected("agencies: needs at least one"), outcome())
    said = "confide: refused, the review is still open: --agency: needs at least one\n"
    assert capsys.readouterr().err == said
    print_result(AskedAgain(NOW), outcome())
    assert capsys.readouterr().out == "asked again 3 February 2026, 21:10 UTC\n"


def test_a_comment_on_a_review_without_a_section_is_refused(lane: Lane) -> None:
    lane.work(b"not a record", topic=TopicName.ADMITTED_URGENT)
    with pytest.raises(SettingsError, match="--comment needs something to be sealed with"):
        review_decide._sealed(None, only(lane), b"", "nothing_in_it", {"comment": "words", "who": None})  # type: ignore[arg-type]


def test_what_cannot_be_shown_is_not_refused_by_what_it_says(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    rejected_review(lane)
    console = Console(lane, monkeypatch)
    console.unseen = "the record is no longer kept"
    said = console.refuses(nothing_in_it=Refusal.NO_CLAUSE_HOLDS)
    assert said == (
        "the record is no longer kept. no_clause_holds judges what was said, so it is refused: ask the service. "
        "Allowed without its words: already_reported, entered_in_error"
    )
    console.decide(nothing_in_it=Refusal.ALREADY_REPORTED)
    assert [each.refusal for each in console.sent] == [Refusal.ALREADY_REPORTED]


def test_what_can_be_shown_is_refused_by_what_it_says(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    rejected_review(lane)
    console = Console(lane, monkeypatch)
    console.decide(nothing_in_it=Refusal.NO_CLAUSE_HOLDS)
    assert [each.refusal for each in console.sent] == [Refusal.NO_CLAUSE_HOLDS]
